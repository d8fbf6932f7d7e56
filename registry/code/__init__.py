"""Code allocation: the patterns after which enterprises number their products."""
