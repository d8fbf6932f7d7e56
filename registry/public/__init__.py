"""What anyone may read of records, looked up for many at once."""
