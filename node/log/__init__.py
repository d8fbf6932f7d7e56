"""The certified log in the running program: its keeper's work, its witnesses, its addresses."""
