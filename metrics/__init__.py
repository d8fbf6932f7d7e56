"""What is counted: the Prometheus instruments."""
