"""Records: the handle values of an identifier, who may change them, and the one Registrar."""
