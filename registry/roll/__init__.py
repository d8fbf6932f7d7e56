"""The roll: enterprises and prefixes as the field's programs list and enter them."""
