"""What all HTTP surfaces share: who asks, what came in, errors, logs and counts."""
