"""Types that several operations of v1 take or answer with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from registry.errors import InvalidInput

T = TypeVar("T")

Limit = Annotated[int, Meta(ge=1, le=1000, description="How many at most")]
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Note = Annotated[str, Meta(min_length=1, max_length=500)]


# Text, since the lax conversion of query parameters would take any number for a time.
Moment = Annotated[
    str,
    Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(Z|[+-][0-9]{2}:[0-9]{2})$"),
]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Part of a list. `next` is the value of `after` that continues it; null at the end."""

    items: list[T]
    next: str | None = None


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is done; kept in the audit trail and shown to the enterprise."""

    note: Note


class _Timed(msgspec.Struct, frozen=True):
    moment: datetime


def moment_of(text: str, field: str) -> datetime:
    """The time that a query parameter names. Raises InvalidInput."""
    try:
        timed = msgspec.convert({"moment": text}, _Timed)
    except msgspec.ValidationError:
        raise InvalidInput(
            "a time looks like 2026-01-01T00:00:00Z", field=field, rule="parameter"
        ) from None
    return in_utc(timed.moment, field)


def in_utc(moment: datetime, field: str) -> datetime:
    """A time as the database takes it: near year 1 or 9999, one with an offset may be none. Raises
    InvalidInput."""
    if moment.tzinfo is None:
        raise InvalidInput("a time needs its zone", field=field, rule="time-without-zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(
            "a time lies in the years 1 to 9999", field=field, rule="time-range"
        ) from None
