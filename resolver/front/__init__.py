"""This node's records as the DNS has them: names, resource records and messages. No sockets here.

Identifiers are names below a zone that the settings give. `docs/dns.md` is the manual.
"""
