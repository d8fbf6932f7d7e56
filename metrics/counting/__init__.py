"""Counting: from the journal to sums that a city can recompute, by the written rules alone."""
