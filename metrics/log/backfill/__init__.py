"""Making good what the certified log was never owed."""
