"""An identifier for people and machines: /{prefix}/{suffix}, GS1 Digital Links, codes to print."""
