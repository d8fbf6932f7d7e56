"""Identifiers for whoever has K and matches leaves to them."""
