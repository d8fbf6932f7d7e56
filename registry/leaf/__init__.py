"""What the certified log is owed for a registration, written in its transaction."""
