"""FICTITIOUS: rules nobody issued, to prove that new ones need no change outside their folder."""
