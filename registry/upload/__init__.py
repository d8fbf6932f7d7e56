"""Uploads: files of registrations, kept in the database while a job works through them."""
