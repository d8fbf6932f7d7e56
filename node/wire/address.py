"""Addresses of sockets' peers."""

from __future__ import annotations

MAPPED = "::ffff:"


def plain(address: str) -> str:
    """An IPv4 address as a dual-stack socket writes it (::ffff:192.0.2.1) is that IPv4 address."""
    bare = address.partition("%")[0]
    if bare.startswith(MAPPED) and "." in bare:
        return bare.removeprefix(MAPPED)
    return bare
