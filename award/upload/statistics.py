"""A day's statistics as the bureau gets them: sums, industries, networks; no enterprise, no prefix,
no suffix and no address."""

from __future__ import annotations

from datetime import date

import msgspec

from award import form


class Industry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    industry: str  # GB/T 4754
    created: int
    counted: int


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    network: str  # /24 or /48
    counted: int


class DailyStatistics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`received`, `answered` and `counted` are resolutions; the others registrations."""

    node: str
    day: date
    definitions: str
    created: int
    imported: int
    revived: int
    deleted: int
    total: int
    received: int
    answered: int
    counted: int
    industries: tuple[Industry, ...]
    networks: tuple[Network, ...]
    format: int = 1

    @property
    def text(self) -> str:
        """What is signed and sent."""
        return form.encode(self).decode()
