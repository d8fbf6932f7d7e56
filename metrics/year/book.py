"""Making a year's numbers from its closed days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from metrics.closing.acceptance import store as acceptance
from metrics.closing.daily import answered, counted, received
from metrics.counting.reason import Reason
from metrics.counting.rules import DEFINITIONS, TIME_ZONE
from metrics.journal import robot
from metrics.year import flag, store
from metrics.year.numbers import (
    TITLES,
    Flag,
    Link,
    Registrations,
    Resolutions,
    Rules,
    Share,
    YearNumbers,
)
from metrics.year.scan import Seen, scan
from metrics.year.store import Line
from registry.database import Connection, Database

NETWORKS = 50  # that are told

RULES = Rules(
    definitions=DEFINITIONS,
    robots=robot.VERSION,
    robots_sha256=robot.SHA256,
    window_seconds="30.000",
    time_zone=TIME_ZONE,
)


class YearBook:
    """Safe to share between tasks. `digest` is the journal's hash of canonical identifiers."""

    def __init__(self, database: Database, digest: Callable[[str], bytes]) -> None:
        self._database = database
        self._digest = digest

    async def numbers(self, year: int, *, look_through: bool) -> YearNumbers:
        """The year so far. Looking through takes some seconds for a million identifiers."""

        async def work(tx: Connection) -> YearNumbers:
            await store.take_one_view(tx)
            return await self._numbers(tx, year, look_through)

        return await self._database.transaction(work)

    async def _numbers(self, tx: Connection, year: int, look_through: bool) -> YearNumbers:
        start, end = date(year, 1, 1), date(year + 1, 1, 1)
        through = await store.through(tx, start, end)
        if through is not None:
            end = through + timedelta(days=1)
        lines = await store.lines(tx, start, end)
        days = await store.days(tx, start, end)
        seen = await scan(tx, lines, start, end, self._digest) if look_through else None
        shares = shares_of(lines)
        length = (end - start).days if through else 0
        flags: list[Flag] = [
            *flag.accepted(await acceptance.accepted_days(tx, start, end)),
            *flag.concentrated(await store.concentrated(tx, start, end)),
            *flag.peaks(days, length),
            *flag.unresolved(sum(line.created for line in lines), seen),
            *flag.runs(lines, seen),
            *flag.dominant(shares),
            *flag.related(shares),
        ]
        return YearNumbers(
            year=year,
            through=through,
            complete=through == date(year, 12, 31),
            rules=RULES,
            registrations=await self._registrations(tx, lines, start, end, seen),
            resolutions=await self._resolutions(tx, lines, start, end, length),
            days=days,
            enterprises=shares,
            networks=await store.networks(tx, start, end, NETWORKS),
            flags=flags,
        )

    async def _registrations(
        self, tx: Connection, lines: Sequence[Line], start: date, end: date, seen: Seen | None
    ) -> Registrations:
        gross = sum(line.created for line in lines)
        deleted = sum(line.gone for line in lines)
        related = sum(line.created for line in lines if line.related)
        industries: Counter[str] = Counter()
        for line in lines:
            industries[line.industry] += line.created
        methods = await store.by_method(tx, start, end)
        return Registrations(
            gross=gross,
            deleted=deleted,
            net=gross - deleted,
            imported=sum(line.imported for line in lines),
            revived=sum(line.revived for line in lines),
            deleted_all=sum(line.deleted for line in lines),
            related=related,
            unrelated=gross - related,
            total=await store.total(tx, end - timedelta(days=1)),
            resolved=None if seen is None else seen.resolved,
            by_method={method.name.lower(): number for method, number in methods.items()},
            by_industry={name: number for name, number in sorted(industries.items()) if number},
        )

    async def _resolutions(
        self, tx: Connection, lines: Sequence[Line], start: date, end: date, length: int
    ) -> Resolutions:
        requests = await store.by_reason(tx, start, end)
        related = sum(line.counted for line in lines if line.related)
        return Resolutions(
            received=received(requests),
            chain=[
                Link(reason.label, TITLES[reason], requests.get(reason, 0))
                for reason in Reason
                if reason is not Reason.COUNTED
            ],
            answered=answered(requests),
            counted=counted(requests),
            unrelated=counted(requests) - related,
            daily_mean=_mean(counted(requests), length),
            identifiers=await store.identifiers(tx, start, end),
        )


def shares_of(lines: Sequence[Line]) -> list[Share]:
    """What each enterprise has part in, those with the most first."""
    found: dict[int, list[Line]] = {}
    for line in lines:
        found.setdefault(line.enterprise_id, []).append(line)
    shares = [
        Share(
            enterprise_id=enterprise_id,
            name=some[0].name,
            prefixes=[line.prefix for line in some],
            industry=some[0].industry,
            related=some[0].related,
            created=sum(line.created for line in some),
            counted=sum(line.counted for line in some),
        )
        for enterprise_id, some in found.items()
    ]
    return sorted(shares, key=lambda share: (-share.created, -share.counted, share.enterprise_id))


def _mean(number: int, days: int) -> str:
    if not days:
        return "0.00"
    return str((Decimal(number) / days).quantize(Decimal("0.01"), ROUND_HALF_UP))
