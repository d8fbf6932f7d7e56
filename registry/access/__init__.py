"""Who may do what: API keys, actors, the audit trail, idempotency."""
