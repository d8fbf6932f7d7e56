"""What a report rests on in the logs: statements, a sample of leaves and older checkpoints, with
their proofs, gathered out of the database and checked offline."""
