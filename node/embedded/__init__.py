"""Servers that `biaoshi run` brings along, so that nothing need be installed beside it."""
