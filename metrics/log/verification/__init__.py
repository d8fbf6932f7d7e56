"""Verifying exported logs, from their files alone."""
