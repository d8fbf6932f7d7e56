"""The Handle JSON API, as clients of the Handle system speak it."""
