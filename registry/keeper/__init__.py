"""The keeper's seat: who may do what one process alone must do."""
