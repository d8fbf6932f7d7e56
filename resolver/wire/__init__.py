"""The Handle wire protocol (RFC 3652) as bytes: no sockets, no clock, no database.

Servers and clients in use speak versions 2.1 to 2.11; where they depart from the RFC, this follows
them. Numbers are big-endian. Whatever is no message raises Malformed.
"""
