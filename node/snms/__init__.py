"""The SNMS API, as enterprises' programs of the field speak it to their secondary node."""
