"""Code allocation: an enterprise's lines reserve codes by pattern, and no two get the same one.

A scope's counter hands out serials; the unique key on a prefix's reserved codes has the last word
where different patterns can meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, timezone

import msgspec

from registry.access import store as access
from registry.access.actor import Actor, Scope
from registry.access.once import Once, OnceRunner
from registry.code import store
from registry.code.pattern import Pattern
from registry.code.store import Code, Reservation
from registry.database import Connection, Database, storable
from registry.errors import CodesExhausted, CodesNotFound, InvalidInput, PrefixNotFound
from registry.identifier import Identifier
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding

MAX_COUNT = 10_000
MAX_LINE = 100
MAX_ROUNDS = 20
MAX_STRIDE = 50_000  # serials looked at in one round
# China has had no summer time since 1991, and the machine may have no time zone database.
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")


class CodeWish(msgspec.Struct, frozen=True):
    """How many codes of which pattern, for which line; dates in codes are of the day `on`."""

    pattern: str
    count: int
    line: str = "default"
    on: date | None = None


class Allocation(msgspec.Struct, frozen=True):
    """A reservation with the identifiers it holds."""

    reservation: Reservation
    handles: list[str]


class Codes:
    """Reserving codes and looking at what was reserved."""

    def __init__(
        self,
        database: Database,
        once: OnceRunner,
        *,
        case_sensitive: bool,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._once = once
        self._case_sensitive = case_sensitive
        self._now = now
        self._random_bytes = random_bytes

    async def reserve(
        self, actor: Actor, prefix: str, wish: CodeWish, once: Once | None = None
    ) -> Allocation:
        """Reserve codes for one line. All or none: raises CodesExhausted where the pattern has too
        few left."""
        pattern = Pattern.parse(wish.pattern)
        _check(wish)
        on = wish.on or self._now().astimezone(BEIJING).date()

        async def work(tx: Connection) -> Allocation:
            holding = await _holding(tx, prefix)
            actor.require_enterprise(holding.enterprise_id, Scope.REGISTER)
            holding.require_open()
            number = await store.add(
                tx, holding.prefix_id, wish.pattern, wish.line, wish.count, actor
            )
            await self._fill(tx, holding, number, pattern, wish.count, on)
            await access.audit(
                tx, actor, "codes.reserved", prefix, {"reservation": number, "count": wish.count}
            )
            found = await store.get(tx, number)
            assert found is not None  # added above
            codes = await store.codes(tx, number, "", wish.count)
            return Allocation(found[0], [code.handle for _, code in codes])

        return await self._once.run(once, Allocation, work)

    async def get(self, actor: Actor, reservation_id: int) -> Reservation:
        async with self._database.connection() as connection:
            return await self._visible(connection, actor, reservation_id)

    async def reservations(
        self, actor: Actor, prefix: str, after: int, limit: int
    ) -> list[Reservation]:
        """Reservations of a prefix in order of their numbers, those above `after`."""
        async with self._database.connection() as connection:
            holding = await _holding(connection, prefix)
            actor.require_reader(holding.enterprise_id)
            return await store.page(connection, holding.prefix_id, after, limit)

    async def codes(
        self, actor: Actor, reservation_id: int, after: str, limit: int
    ) -> list[tuple[str, Code]]:
        """Codes of a reservation, each after the cursor that continues behind it."""
        if not storable(after):
            raise InvalidInput("no code looks like this", field="after", rule="after-text")
        async with self._database.connection() as connection:
            await self._visible(connection, actor, reservation_id)
            return await store.codes(connection, reservation_id, after, limit)

    async def _fill(
        self,
        tx: Connection,
        holding: Holding,
        number: int,
        pattern: Pattern,
        count: int,
        on: date,
    ) -> None:
        """Reserve until the count is reached; codes that are taken are passed over."""
        if pattern.is_serial:
            await self._count_up(tx, holding, number, pattern, count, on)
            return
        missing = count
        for _ in range(MAX_ROUNDS):
            codes = self._codes(holding, pattern.draw(missing, self._random_bytes, on))
            missing -= len(await store.reserve(tx, holding.prefix_id, number, codes, missing))
            if not missing:
                return
        raise _crowded(pattern)

    async def _count_up(
        self,
        tx: Connection,
        holding: Holding,
        number: int,
        pattern: Pattern,
        count: int,
        on: date,
    ) -> None:
        """Reserve the next free serials. Those that were registered without a reservation are
        often many in a row, so the rounds look farther and farther."""
        scope = pattern.scope(on)
        serial = await store.next_serial(tx, holding.prefix_id, scope)
        missing = stride = count
        for _ in range(MAX_ROUNDS):
            stride = max(missing, min(stride, pattern.capacity - serial + 1))
            codes = self._codes(holding, pattern.expand(serial, stride, on))
            got = await store.reserve(tx, holding.prefix_id, number, codes, missing)
            missing -= len(got)
            if not missing:
                used = [code for code, _ in codes].index(max(got)) + 1
                await store.set_next_serial(tx, holding.prefix_id, scope, serial + used)
                return
            serial += stride
            stride = min(4 * stride, MAX_STRIDE)
        raise _crowded(pattern)

    def _codes(self, holding: Holding, texts: Iterable[str]) -> list[tuple[str, str]]:
        """Each code's comparison form and spelling. Serials of one scope have one width, so their
        order is that of their comparison forms."""
        return [(self._canonical(holding, text), text) for text in texts]

    def _canonical(self, holding: Holding, text: str) -> str:
        return Identifier(holding.prefix, text).canonical_suffix(self._case_sensitive)

    async def _visible(
        self, connection: Connection, actor: Actor, reservation_id: int
    ) -> Reservation:
        found = await store.get(connection, reservation_id)
        if found is None:
            raise CodesNotFound(f"there is no reservation {reservation_id}", field="reservation_id")
        actor.require_reader(found[1])
        return found[0]


async def _holding(connection: Connection, prefix: str) -> Holding:
    holding = (await prefixes.holdings(connection, [prefix])).get(prefix)
    if holding is None:
        raise PrefixNotFound(f"{prefix} is not a prefix of this node", field="prefix")
    return holding


def _crowded(pattern: Pattern) -> CodesExhausted:
    return CodesExhausted(
        f"most codes of {pattern.text} are taken: choose another pattern",
        field="pattern",
        rule="pattern-crowded",
    )


def _check(wish: CodeWish) -> None:
    if not 1 <= wish.count <= MAX_COUNT:
        raise InvalidInput(
            f"a reservation holds 1 to {MAX_COUNT} codes", field="count", rule="codes-count"
        )
    if not wish.line.strip() or len(wish.line) > MAX_LINE or not wish.line.isprintable():
        raise InvalidInput(
            f"a line's name is 1 to {MAX_LINE} printable characters", field="line", rule="line-text"
        )
