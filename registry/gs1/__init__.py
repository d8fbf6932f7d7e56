"""GTINs of products, and the identifiers that GS1 Digital Links mean."""
