"""Marks of related parties."""

from __future__ import annotations

from datetime import date, datetime

import msgspec


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What an enterprise was marked as, from which day on, why and by whom."""

    related: bool
    since: date
    reason: str
    marked_at: datetime
    marked_by: str
