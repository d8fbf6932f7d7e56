"""Identifiers brought over from another node, with the time of their first registration there."""
