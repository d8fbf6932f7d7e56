"""Facts that are not counted but told: a TOML file, read with the line of whatever is wrong."""
