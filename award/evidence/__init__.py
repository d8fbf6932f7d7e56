"""Evidence: the certified counts of a year, and Prometheus as the independent witness."""
