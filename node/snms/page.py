"""Pages as the field's programs know them: numbered from 1, with Spring's members; and times, which
are Beijing's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from node.snms import chinese, content
from node.snms.misformed import Misformed
from registry.access.application import BEIJING
from registry.roll.roll import PAGE_LIMIT
from registry.roll.store import Search

DEFAULT_SIZE = 10
MAX_PAGE = 1_000_000
MAX_SEARCH = 255  # characters
_TIME, _DAY = "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"


class Page(msgspec.Struct, frozen=True, rename="camel"):
    content: Sequence[object]
    first: bool
    last: bool
    total_pages: int
    total_elements: int
    number: int
    size: int
    number_of_elements: int
    sort: None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Which page is asked for, and how long pages are."""

    number: int
    size: int

    @classmethod
    def of(cls, request: web.Request) -> Place:
        """Raises Misformed."""
        return cls(
            _whole(request, "currentPage", 1, MAX_PAGE),
            _whole(request, "pageSize", DEFAULT_SIZE, PAGE_LIMIT),
        )

    def page(self, total: int, lines: Sequence[object]) -> Page:
        pages = -(-total // self.size)
        return Page(
            content=lines,
            first=self.number == 1,
            last=self.number >= pages,
            total_pages=pages,
            total_elements=total,
            number=self.number,
            size=self.size,
            number_of_elements=len(lines),
        )


def search(request: web.Request, name: str, prefix: str | None = None) -> Search:
    """What is looked for: `name` and `prefix` are the parameters that say it. A day as the end of a
    time is meant to its end. Raises Misformed."""
    return Search(
        name=content.optional(request, name, MAX_SEARCH),
        prefix=content.optional(request, prefix, content.MAX_PREFIX) if prefix else None,
        since=_moment(request, "startDate"),
        until=_moment(request, "endDate", end=True),
    )


def local(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime(_TIME)


def _moment(request: web.Request, name: str, *, end: bool = False) -> datetime | None:
    text = content.optional(request, name, 32)
    if text is None:
        return None
    try:
        if len(text) > len("2022-01-01"):
            form, unit = _TIME, timedelta(seconds=1)
        else:
            form, unit = _DAY, timedelta(days=1)
        moment = datetime.strptime(text, form).replace(tzinfo=BEIJING)
        # Times are stored more finely than they are asked for: up to the last instant.
        moment += unit - timedelta(microseconds=1) if end else timedelta()
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misformed(chinese.wrong_time(name), field=name, rule="time") from None


def _whole(request: web.Request, name: str, default: int, most: int) -> int:
    text = content.optional(request, name, 16)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
        raise Misformed(chinese.wrong_number(name, most), field=name, rule="number")
    return int(text)
