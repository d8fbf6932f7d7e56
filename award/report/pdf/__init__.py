"""The report as a PDF in Chinese: the same report gives the same bytes."""
