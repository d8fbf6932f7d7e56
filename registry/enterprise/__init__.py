"""Enterprises: who they are, and whether that has been verified."""
