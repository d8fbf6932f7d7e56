"""Trees as RFC 6962 defines them, word for word and slowly."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def naive_root(entries: Sequence[bytes]) -> bytes:
    """MTH(D[n])."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    k = split(len(entries))
    return hashlib.sha256(b"\1" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


def naive_path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    n = len(entries)
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*naive_path(m, entries[:k]), naive_root(entries[k:])]
    return [*naive_path(m - k, entries[k:]), naive_root(entries[:k])]


def naive_proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D[n])."""
    return _subproof(m, entries, True)


def _subproof(m: int, entries: Sequence[bytes], b: bool) -> list[bytes]:
    n = len(entries)
    if m == n:
        return [] if b else [naive_root(entries)]
    k = split(n)
    if m <= k:
        return [*_subproof(m, entries[:k], b), naive_root(entries[k:])]
    return [*_subproof(m - k, entries[k:], False), naive_root(entries[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k
