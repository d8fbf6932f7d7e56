"""Where the counts, the journal, the log and the days stand, for Prometheus."""
