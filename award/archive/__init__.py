"""Reports that were issued, and issuing one: numbers, revisions, signatures, the archive."""
