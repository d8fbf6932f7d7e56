"""What exists: identifiers, records, enterprises, prefixes, code allocation; its SQL."""
