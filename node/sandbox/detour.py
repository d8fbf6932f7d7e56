"""Referrals that lead astray, to test how the asker bounds loops and depth."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec

from registry.errors import InvalidInput

MAX_DETOURS = 100


class DetourKind(Enum):
    LOOP = "loop"  # refers to the national node itself, for ever
    CHAIN = "chain"  # refers to a new address each time, `hops` times


class Detour(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    prefix: str  # identifiers of exactly this prefix
    kind: DetourKind
    hops: Annotated[int, msgspec.Meta(ge=1)] | None = None  # then the truth; None never

    def next_hop(self, hop: int) -> str | None:
        """Path below our own address to refer to from hop 0, 1, 2 …; None for the truth."""
        if self.kind is DetourKind.LOOP:
            return ""
        if self.hops is not None and hop >= self.hops:
            return None
        return f"/hop/{hop + 1}"


class DetourBoard:
    """The detours set, by prefix."""

    def __init__(self) -> None:
        self._by_prefix: dict[str, Detour] = {}

    def set(self, detour: Detour) -> None:
        if len(self._by_prefix) >= MAX_DETOURS:
            raise InvalidInput(f"{MAX_DETOURS} detours are set already", rule="count")
        self._by_prefix[detour.prefix] = detour

    def get(self, prefix: str) -> Detour | None:
        return self._by_prefix.get(prefix)

    def all(self) -> list[Detour]:
        return list(self._by_prefix.values())

    def clear(self) -> None:
        self._by_prefix.clear()
