"""Who answers: the resolution chain and its links."""
