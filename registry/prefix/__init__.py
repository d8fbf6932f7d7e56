"""Prefixes: allocation under the node's secondary prefix, review, filing with the national node."""
