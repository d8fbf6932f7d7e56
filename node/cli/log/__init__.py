"""`biaoshi log` and `biaoshi verify`: the certified log on the command line."""
