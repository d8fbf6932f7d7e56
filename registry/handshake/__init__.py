"""Handshakes of the Handle wire protocol: open challenges, sessions, the server's signing key."""
