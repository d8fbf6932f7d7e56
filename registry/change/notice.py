"""A notice: what a committed transaction has changed. Migration 0010 writes them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

CHANNEL = "biaoshi_changes"


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Identifiers and prefixes are in comparison form. A notice about a prefix is about all
    identifiers under it; one about a template, about all records that have it."""

    identifiers: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    templates: tuple[int, ...] = ()
    everything: bool = False

    @classmethod
    def parse(cls, text: str) -> Notice:
        """A text that cannot be read, of a newer version perhaps, may be about anything."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, RecursionError):
            return cls(everything=True)


Tell = Callable[[Notice], None]


def to_nobody(notice: Notice) -> None:
    """For parts whose process keeps nothing in memory."""
