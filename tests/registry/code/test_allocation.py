"""Reservations: no two lines of a prefix ever get the same code, whatever meets whatever."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from stdnum import ean
from stdnum.iso7064 import mod_37_36

from registry.access.actor import Actor, Role, Scope
from registry.access.once import Once, OnceRunner
from registry.code.allocation import MAX_COUNT, Allocation, Codes, CodeWish
from registry.code.store import CodeState
from registry.database import Database, connect
from registry.errors import (
    CodesExhausted,
    CodesNotFound,
    InvalidInput,
    InvalidPattern,
    NotPermitted,
    PrefixNotActive,
    PrefixNotFound,
)
from registry.identifier import Identifier
from registry.prefix.prefixes import Prefixes
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.sealing import SealingKey
from tests.registry.conftest import ActivePrefix, Holder

NOON = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def codes(database: Database, once: OnceRunner, clock: Clock) -> Codes:
    return make_codes(database, once, now=clock)


def make_codes(database: Database, once: OnceRunner, **options: Any) -> Codes:
    usual = {"case_sensitive": False, "now": lambda: NOON, "random_bytes": secrets.token_bytes}
    return Codes(database, once, **usual | options)


async def reserve(
    codes: Codes, holder: Holder, pattern: str, count: int = 1, line: str = "L1", **options: Any
) -> list[str]:
    """The codes reserved, without their prefix."""
    wish = CodeWish(pattern, count, line, options.pop("on", None))
    allocation = await codes.reserve(holder.actor, holder.prefix, wish, **options)
    return [handle.removeprefix(f"{holder.prefix}/") for handle in allocation.handles]


async def register(registrar: Registrar, holder: Holder, suffixes: list[str]) -> None:
    registrations = [Registration(Identifier(holder.prefix, text), ()) for text in suffixes]
    for start in range(0, len(registrations), 1000):
        part = registrations[start : start + 1000]
        await registrar.create(holder.actor, part, Method.BATCH)


async def test_serials_go_on_where_they_stopped(codes: Codes, lamps: Holder) -> None:
    assert await reserve(codes, lamps, "SN{serial:04d}", 2) == ["SN0001", "SN0002"]
    assert await reserve(codes, lamps, "SN{serial:04d}", 2, "L2") == ["SN0003", "SN0004"]
    assert await reserve(codes, lamps, "sn{serial:4d}") == ["sn0005"]
    assert await reserve(codes, lamps, "SN{serial:05d}") == ["SN00001"]


async def test_prefixes_number_apart(
    codes: Codes, lamps: Holder, active_prefix: ActivePrefix
) -> None:
    other = await active_prefix()
    assert await reserve(codes, lamps, "SN{serial:04d}") == ["SN0001"]
    assert await reserve(codes, other, "SN{serial:04d}") == ["SN0001"]


async def test_many_lines_at_once(codes: Codes, lamps: Holder) -> None:
    wishes = [(f"L{n % 5}", 1 + n % 7) for n in range(60)]
    got = await asyncio.gather(
        *(reserve(codes, lamps, "SN{serial:06d}", count, line) for line, count in wishes)
    )
    assert [len(part) for part in got] == [count for _, count in wishes]
    everything = sorted(code for part in got for code in part)
    assert everything == [f"SN{n:06d}" for n in range(1, len(everything) + 1)]


async def test_patterns_that_meet_share_nothing(codes: Codes, lamps: Holder) -> None:
    """Each pattern can produce codes of the others."""
    patterns = ["A1{serial:02d}", "A{serial:03d}", "{random:4}", "a{serial:03d}", "A1{serial:02d}"]
    got = await asyncio.gather(
        *(reserve(codes, lamps, patterns[n % 5], 1 + n % 4, f"L{n}") for n in range(60))
    )
    everything = [code.upper() for part in got for code in part]
    assert len(everything) == sum(1 + n % 4 for n in range(60))
    assert len(set(everything)) == len(everything)


PROCESS = """
import asyncio, sys
from tests.registry.code.test_allocation import in_another_process
asyncio.run(in_another_process(*sys.argv[1:]))
"""


async def in_another_process(url: str, sealing: str, holder: str, pattern: str) -> None:
    """Reserve 100 times 20 codes and write them down, once a line has come in."""
    owner = msgspec.json.decode(holder)
    actor = Actor(
        owner["name"],
        role=Role(owner["role"]),
        enterprise_id=owner["enterprise_id"],
        scopes=frozenset(Scope),
    )
    async with connect(url, size=4, statement_timeout=20) as database:
        codes = make_codes(database, OnceRunner(database, SealingKey(bytes.fromhex(sealing))))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        lines = asyncio.Semaphore(4)

        async def one(number: int) -> Allocation:
            async with lines:
                wish = CodeWish(pattern, 20, f"L{number}")
                return await codes.reserve(actor, owner["prefix"], wish)

        for allocation in await asyncio.gather(*(one(number) for number in range(25))):
            print("\n".join(allocation.handles))


async def test_two_processes_at_once(database_url: str, lamps: Holder) -> None:
    owner = {
        "name": lamps.actor.name,
        "role": lamps.actor.role,
        "enterprise_id": lamps.enterprise_id,
        "prefix": lamps.prefix,
    }
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROCESS, database_url, "00" * 32,
            msgspec.json.encode(owner).decode(), pattern,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for pattern in ("A{serial:05d}", "A0{serial:04d}")  # these meet
    ]  # fmt: skip
    for process in processes:
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
    written = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    got = [output.decode().split() for output, _ in written]
    assert [len(part) for part in got] == [500, 500]
    assert len(set(got[0] + got[1])) == 1000


async def test_registered_codes_are_passed_over(
    codes: Codes, registrar: Registrar, lamps: Holder
) -> None:
    await register(registrar, lamps, ["SN0002", "sn0004"])
    await registrar.withdraw(lamps.actor, Identifier(lamps.prefix, "SN0004"))
    assert await reserve(codes, lamps, "SN{serial:04d}", 3) == ["SN0001", "SN0003", "SN0005"]


async def test_a_long_row_of_registered_codes_is_passed_over(
    codes: Codes, registrar: Registrar, lamps: Holder
) -> None:
    """Whoever registered thousands by itself can still reserve a single one behind them."""
    await register(registrar, lamps, [f"SN{n:05d}" for n in range(1, 5001)])
    assert await reserve(codes, lamps, "SN{serial:05d}") == ["SN05001"]
    assert await reserve(codes, lamps, "SN{serial:05d}", 2) == ["SN05002", "SN05003"]


async def test_no_serial_is_lost_in_passing(
    codes: Codes, registrar: Registrar, lamps: Holder
) -> None:
    await register(registrar, lamps, [f"A{n:02d}" for n in (*range(1, 40), 45)])
    got = [(await reserve(codes, lamps, "A{serial:02d}"))[0] for _ in range(7)]
    assert got == ["A40", "A41", "A42", "A43", "A44", "A46", "A47"]


async def test_all_or_none(codes: Codes, registrar: Registrar, lamps: Holder) -> None:
    await register(registrar, lamps, ["A5"])
    for count in (9, 10, MAX_COUNT):
        with pytest.raises(CodesExhausted) as refusal:
            await reserve(codes, lamps, "A{serial:1d}", count)
        assert (refusal.value.field, refusal.value.rule) == ("count", "capacity")
    assert await codes.reservations(lamps.actor, lamps.prefix, 0, 100) == []
    assert len(await reserve(codes, lamps, "A{serial:1d}", 8)) == 8
    with pytest.raises(CodesExhausted):
        await reserve(codes, lamps, "A{serial:1d}")


async def test_the_last_codes_go_to_one(codes: Codes, lamps: Holder) -> None:
    results = await asyncio.gather(
        *(reserve(codes, lamps, "A{serial:1d}", 2, f"L{n}") for n in range(8)),
        return_exceptions=True,
    )
    got = [part for part in results if isinstance(part, list)]
    assert sum(isinstance(result, CodesExhausted) for result in results) == 4
    assert sorted(code for part in got for code in part) == [f"A{n}" for n in range(1, 9)]


async def test_random_codes(codes: Codes, lamps: Holder) -> None:
    got = await reserve(codes, lamps, "R-{random:10}{check:mod37_36}", 200)
    assert len(set(got)) == 200
    assert all(mod_37_36.is_valid(code.replace("-", "")) for code in got)
    again = await reserve(codes, lamps, "R-{random:10}{check:mod37_36}", 200)
    assert not set(got) & set(again)


async def test_random_codes_that_were_drawn_before_are_drawn_anew(
    database: Database, once: OnceRunner, lamps: Holder
) -> None:
    """Two sources of the same bytes: the second reservation meets every code of the first."""
    first = make_codes(database, once, random_bytes=random.Random(7).randbytes)
    second = make_codes(database, once, random_bytes=random.Random(7).randbytes)
    got = [await reserve(codes, lamps, "{random:3}", 50) for codes in (first, second)]
    assert len({*got[0], *got[1]}) == 100


async def test_a_crowded_random_pattern_ends(codes: Codes, lamps: Holder) -> None:
    results = await asyncio.gather(
        *(reserve(codes, lamps, "{random:1}") for _ in range(40)), return_exceptions=True
    )
    got = [result for result in results if isinstance(result, list)]
    assert 16 <= len(got) <= 32
    assert all(isinstance(result, list | CodesExhausted) for result in results)


async def test_check_digits(codes: Codes, lamps: Holder) -> None:
    got = await reserve(codes, lamps, "69012345{serial:04d}{check:mod10}", 50)
    assert all(ean.is_valid(code) for code in got)
    got = await reserve(codes, lamps, "LED{serial:04d}{check:mod37_36}", 50)
    assert all(mod_37_36.is_valid(code) for code in got)
    assert got == sorted(got)


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (datetime(2026, 9, 1, 15, 59, 59, tzinfo=UTC), "260901-001"),
        (datetime(2026, 9, 1, 16, 0, 0, tzinfo=UTC), "260902-001"),
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), "261231-001"),
        (datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC), "270101-001"),
        (datetime(2028, 2, 28, 16, 0, 0, tzinfo=UTC), "280229-001"),
    ],
)
async def test_days_change_at_midnight_in_china(
    codes: Codes, clock: Clock, lamps: Holder, moment: datetime, code: str
) -> None:
    clock.time = moment
    assert await reserve(codes, lamps, "{yy}{mm}{dd}-{serial:03d}") == [code]


async def test_every_day_has_its_own_serials(codes: Codes, clock: Clock, lamps: Holder) -> None:
    daily, running = "{mm}{dd}-{serial:03d}", "{serial:05d}"
    clock.time = datetime(2026, 9, 1, 15, 59, tzinfo=UTC)
    assert await reserve(codes, lamps, daily, 2) == ["0901-001", "0901-002"]
    assert await reserve(codes, lamps, running) == ["00001"]
    clock.time = datetime(2026, 9, 1, 16, 1, tzinfo=UTC)
    assert await reserve(codes, lamps, daily) == ["0902-001"]
    assert await reserve(codes, lamps, running) == ["00002"]
    assert await reserve(codes, lamps, daily, on=date(2026, 9, 1)) == ["0901-003"]


async def test_reserved_becomes_registered(
    codes: Codes, registrar: Registrar, lamps: Holder
) -> None:
    wish = CodeWish("SN{serial:02d}", 3)
    made = (await codes.reserve(lamps.actor, lamps.prefix, wish)).reservation
    assert (made.count, made.registered, made.line) == (3, 0, "default")
    await register(registrar, lamps, ["sn02", "SN99"])
    seen = await codes.codes(lamps.actor, made.reservation_id, "", 100)
    assert [code.state for _, code in seen] == [
        CodeState.RESERVED, CodeState.REGISTERED, CodeState.RESERVED,
    ]  # fmt: skip
    assert (await codes.get(lamps.actor, made.reservation_id)).registered == 1
    behind = await codes.codes(lamps.actor, made.reservation_id, seen[0][0], 1)
    assert behind == seen[1:2]


async def test_sending_again(codes: Codes, lamps: Holder) -> None:
    once = Once.of(lamps.actor.name, "k", b"content")
    got = await asyncio.gather(
        *(reserve(codes, lamps, "SN{serial:02d}", 3, once=once) for _ in range(6))
    )
    assert got == 6 * [["SN01", "SN02", "SN03"]]
    assert len(await codes.reservations(lamps.actor, lamps.prefix, 0, 100)) == 1


async def test_who_may_reserve(
    codes: Codes, lamps: Holder, active_prefix: ActivePrefix, operator: Actor, prefixes: Prefixes
) -> None:
    other = await active_prefix()
    wish = CodeWish("SN{serial:02d}", 1)
    with pytest.raises(NotPermitted):
        await codes.reserve(other.actor, lamps.prefix, wish)
    with pytest.raises(PrefixNotFound):
        await codes.reserve(lamps.actor, "88.608.999", wish)
    made = (await codes.reserve(lamps.actor, lamps.prefix, wish)).reservation
    for read in (codes.get(other.actor, made.reservation_id),
                 codes.codes(other.actor, made.reservation_id, "", 1),
                 codes.reservations(other.actor, lamps.prefix, 0, 1)):  # fmt: skip
        with pytest.raises(NotPermitted):
            await read
    with pytest.raises(CodesNotFound):
        await codes.get(lamps.actor, made.reservation_id + 1)
    await prefixes.stop(operator, lamps.prefix, "x")
    with pytest.raises(PrefixNotActive):
        await codes.reserve(lamps.actor, lamps.prefix, wish)
    assert (await codes.get(lamps.actor, made.reservation_id)).count == 1


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (CodeWish("SN{serial:02d}", 0), "count"),
        (CodeWish("SN{serial:02d}", MAX_COUNT + 1), "count"),
        (CodeWish("SN{serial:02d}", 1, ""), "line"),
        (CodeWish("SN{serial:02d}", 1, "x" * 101), "line"),
        (CodeWish("SN{serial:02d}", 1, "a\nb"), "line"),
    ],
)
async def test_wishes_that_break_a_rule(
    codes: Codes, lamps: Holder, wish: CodeWish, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await codes.reserve(lamps.actor, lamps.prefix, wish)
    assert refusal.value.field == field


async def test_a_pattern_that_is_none(codes: Codes, lamps: Holder) -> None:
    with pytest.raises(InvalidPattern):
        await reserve(codes, lamps, "SN")


async def test_a_cursor_that_cannot_be_stored(codes: Codes, lamps: Holder) -> None:
    made = await codes.reserve(lamps.actor, lamps.prefix, CodeWish("SN{serial:02d}", 1))
    with pytest.raises(InvalidInput):
        await codes.codes(lamps.actor, made.reservation.reservation_id, "\0", 10)


async def test_a_reservation_is_audited(
    codes: Codes, lamps: Holder, trail: Callable[[], Any]
) -> None:
    made = await codes.reserve(lamps.actor, lamps.prefix, CodeWish("SN{serial:02d}", 4))
    entry = (await trail())[0]
    assert (entry.action, entry.subject) == ("codes.reserved", lamps.prefix)
    assert entry.detail == {"reservation": made.reservation.reservation_id, "count": 4}


async def test_the_most_codes_at_once(codes: Codes, lamps: Holder) -> None:
    got = await reserve(codes, lamps, "SN{serial:08d}{check:mod37_36}", MAX_COUNT)
    assert len(set(got)) == MAX_COUNT
    assert await reserve(codes, lamps, "X{serial:018d}") == ["X000000000000000001"]
