"""Queries of a prefix's identifiers: pages of what is there, and all of it."""
