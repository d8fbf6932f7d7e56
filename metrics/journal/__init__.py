"""The journal of resolutions: one record for every answer given, kept until long after the sums."""
