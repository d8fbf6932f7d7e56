"""Asking Prometheus, over its HTTP API, what the workers' request counters grew by.

The series are the counters that each worker keeps of its own requests, never the durable totals:
those come out of the ledger, and a ledger cannot be its own witness.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
from msgspec import Meta
from yarl import URL

from award.evidence.certified import every_day
from award.evidence.witness import Witness, WitnessedDay
from registry.bounded import bounded
from registry.errors import InvalidInput, Unavailable

SHANGHAI = ZoneInfo("Asia/Shanghai")
REGISTRATIONS = 'sum(increase(biaoshi_registration_verdicts_total{outcome="created"}[1d]))'
RESOLUTIONS = "sum(increase(biaoshi_resolutions_total[1d]))"
DAYS_AT_ONCE = 31  # so that one query stays below Prometheus's limit of samples
SECONDS = 60.0
MOST = 1 << 20  # bytes of an answer
DAY = timedelta(days=1)


class PrometheusUnavailable(Unavailable):
    kind = "prometheus-unavailable"
    title = "Prometheus does not answer"


class _Series(msgspec.Struct, frozen=True):
    values: list[tuple[float, Annotated[str, Meta(max_length=64)]]]


class _Data(msgspec.Struct, frozen=True):
    result: list[_Series]


class _Answer(msgspec.Struct, frozen=True):
    status: str
    data: _Data | None = None
    error: str = ""


class Prometheus:
    """One server. Safe to share between tasks; every question is bounded in time and size."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Raises InvalidInput where `url` is none."""
        self._session = session
        self._url = URL(url.rstrip("/"))
        if self._url.scheme not in ("http", "https") or not self._url.host:
            raise InvalidInput(f"{url} 不是 Prometheus 的地址", field="prometheus_url")

    async def witness(self, year: int, through: date) -> Witness:
        """What it saw of a year up to the end of a day. Raises PrometheusUnavailable."""
        days = list(every_day(year, through))
        registrations = await self._growth(REGISTRATIONS, days)
        resolutions = await self._growth(RESOLUTIONS, days)
        return Witness(
            source=f"{self._url.host}:{self._url.port}",
            first=days[0],
            last=days[-1],
            queries=(REGISTRATIONS, RESOLUTIONS),
            days=tuple(
                WitnessedDay(day, registrations.get(day), resolutions.get(day)) for day in days
            ),
        )

    async def _growth(self, query: str, days: list[date]) -> dict[date, int]:
        """What a counter grew by on each day that has samples. The window of a day ends with it."""
        found: dict[date, int] = {}
        for some in _chunks(days):
            content = {
                "query": query,
                "start": str(_end_of(some[0]).timestamp()),
                "end": str(_end_of(some[-1]).timestamp()),
                "step": "86400",
            }
            for moment, value in await self._ask(content):
                day = (datetime.fromtimestamp(moment, SHANGHAI) - timedelta(seconds=1)).date()
                found[day] = _whole(value)
        return found

    async def _ask(self, content: dict[str, str]) -> list[tuple[float, str]]:
        try:
            async with self._session.post(
                self._url / "api/v1/query_range",
                data=content,
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                allow_redirects=False,
            ) as response:
                body = await bounded(response.content.iter_any(), MOST)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PrometheusUnavailable(
                f"Prometheus（{self._url.host}）没有应答：{type(error).__name__}"
            ) from None
        if body is None:
            raise PrometheusUnavailable(f"Prometheus 的应答超过 {MOST:,} 字节")
        return _values(body)


def _values(body: bytes) -> list[tuple[float, str]]:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PrometheusUnavailable("Prometheus 的应答无法识别") from None
    if answer.status != "success" or answer.data is None:
        raise PrometheusUnavailable(f"Prometheus 拒绝了查询：{answer.error[:200]}")
    return [pair for series in answer.data.result for pair in series.values]


def _whole(value: str) -> int:
    try:
        return round(float(value))
    except (ValueError, OverflowError):  # NaN, +Inf
        raise PrometheusUnavailable(f"Prometheus 的应答 {value} 不是数") from None


def _end_of(day: date) -> datetime:
    return datetime.combine(day + DAY, time(), SHANGHAI)


def _chunks(days: list[date]) -> Iterator[list[date]]:
    for at in range(0, len(days), DAYS_AT_ONCE):
        yield days[at : at + DAYS_AT_ONCE]
