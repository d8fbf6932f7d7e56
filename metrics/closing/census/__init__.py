"""Holding what was registered, revived and deleted against the records themselves."""
