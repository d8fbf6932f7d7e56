"""Days, as counting has them: Asia/Shanghai, which has kept UTC+8 the year round since 1992."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
SECOND = 1_000_000_000  # nanoseconds, in which the journal has its times
HOUR = 3600 * SECOND
DAY = 24 * HOUR
_OFFSET = 8 * HOUR
_EPOCH = date(1970, 1, 1)


def day_of(time: int) -> date:
    """The day of a time in nanoseconds since 1970 in UTC."""
    return _EPOCH + timedelta(days=(time + _OFFSET) // DAY)


def start_of(day: date) -> int:
    """When a day begins, nanoseconds since 1970 in UTC."""
    return (day - _EPOCH).days * DAY - _OFFSET


def end_of(day: date) -> int:
    return start_of(day) + DAY


def moment(time: int) -> datetime:
    """A time as PostgreSQL takes it, in whole microseconds."""
    seconds, rest = divmod(time, SECOND)
    return datetime.fromtimestamp(seconds, SHANGHAI) + timedelta(microseconds=rest // 1000)
