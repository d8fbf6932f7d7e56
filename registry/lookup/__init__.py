"""Reverse lookup: from values to the identifiers that have them."""
