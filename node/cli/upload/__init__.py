"""Files of registrations, and sending them to a node."""
