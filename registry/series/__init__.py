"""Series: consecutive codes that share one content."""
