"""Closing days: what a day came to, held against what it is a sum of, and stated in the log."""
