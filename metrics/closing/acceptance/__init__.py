"""Closing a day that its sums do not bear out, because a person answers for it."""
