"""Bulk registration: every verdict, in every mixture; what is stored, and what is counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

import pytest

from registry.access.actor import Actor
from registry.change.notice import Notice
from registry.database import Database, connect
from registry.enterprise.enterprises import Enterprises
from registry.errors import TooLarge
from registry.identifier import Identifier
from registry.prefix.prefixes import Prefixes
from registry.record.archive import Form
from registry.record.bulk import Bulk, Line, Tally, Terms
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.record.registration import Method
from registry.record.shape import Shapes
from registry.record.value import ValueIn, normalise
from tests.forked import FORK, forked

Counts = Callable[[], Awaitable[tuple[int, int]]]
ActivePrefix = Callable[..., Awaitable[Any]]

SECRET = ValueIn(7, "X.COST", "成本价 12.80", permissions="1100")
ADMIN_KEY = ValueIn(300, "HS_SECKEY", "very secret")
TRAP = 'a,"timestamp":"2001-01-01T00:00:00Z"'  # as a string of a value


class Told(NamedTuple):
    """A tally that can be compared."""

    created: int
    unchanged: int
    revived: int
    refused: dict[int, str]  # number of the line → kind of the error


class Sheet:
    """A chunk being written, line by line; numbers run from 1."""

    def __init__(self, bulk: Bulk, shapes: Shapes) -> None:
        self._bulk = bulk
        self._shapes = shapes
        self._number = 0
        self.chunk: dict[str, list[Line]] = {}

    def add(self, handle: str, *content: str | ValueIn) -> Sheet:
        """A line. A string is the data of a public value."""
        self._number += 1
        values = [
            ValueIn(index, "URL", one) if isinstance(one, str) else one
            for index, one in enumerate(content, 1)
        ]
        identifier = Identifier.parse(handle)
        public = self._shapes.write(values)
        if public is None:
            normalised = normalise(values, now=datetime.now(UTC))
            line = self._bulk.long_line(self._number, identifier, normalised)
        else:
            line = self._bulk.line(self._number, identifier, public)
        self.chunk.setdefault(identifier.canonical_prefix, []).append(line)
        return self


@pytest.fixture
def bulk(database: Database, form: Form) -> Bulk:
    return Bulk(database, form)


@pytest.fixture
def sheet(bulk: Bulk) -> Callable[..., Sheet]:
    return lambda now=None: Sheet(bulk, Shapes(now or datetime.now(UTC)))


@pytest.fixture
def commit(bulk: Bulk, lamps: Any) -> Callable[..., Awaitable[Told]]:
    async def run(sheet: Sheet, actor: Actor | None = None, **terms: bool) -> Told:
        chosen = Terms(actor or lamps.actor, Method.STREAM, **terms)
        return told(await bulk.commit(chosen, sheet.chunk))

    return run


def told(tally: Tally) -> Told:
    refused = {refusal.number: refusal.error.kind for refusal in tally.refusals}
    assert len(refused) == len(tally.refusals)
    return Told(tally.created, tally.unchanged, tally.revived, refused)


def created(number: int) -> Told:
    return Told(number, 0, 0, {})


async def batches(database: Database) -> list[tuple[str, int, int, str, str]]:
    """Prefix, rows said, rows there, actor and request of every batch."""
    async with database.connection() as connection:
        records = await connection.fetch(
            """SELECT p.prefix, b.created, count(i.suffix) AS rows, b.actor, b.request_id
                 FROM batch b JOIN prefix p USING (prefix_id)
                 LEFT JOIN identifier i USING (batch_id)
                GROUP BY b.batch_id, p.prefix ORDER BY b.batch_id"""
        )
    return [tuple(record) for record in records]


async def stored(database: Database) -> list[tuple[Any, ...]]:
    """Everything that a registration could have changed."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM identifier ORDER BY prefix_id, suffix")
        changes = await connection.fetch("SELECT * FROM revision ORDER BY 1, 2, 3")
        counted = await connection.fetch("SELECT * FROM batch ORDER BY 1")
    return [tuple(record) for record in (*rows, *changes, *counted)]


async def test_new_lines_are_created_in_one_batch(
    sheet: Any, commit: Any, database: Database, catalogue: Catalogue, lamps: Any
) -> None:
    page = sheet()
    for suffix in ("c", "A", "b", "灯/1", "a b"):
        page.add(f"{lamps.prefix}/{suffix}", f"https://e/{suffix}", "two")
    assert await commit(page) == created(5)
    actor = lamps.actor
    assert await batches(database) == [(lamps.prefix, 5, 5, actor.name, actor.request_id)]
    found = await catalogue.find(Identifier.parse(f"{lamps.prefix}/灯/1"))
    assert found.row is not None
    assert found.row.spelling == "灯/1"
    assert '"https://e/灯/1"' in (found.row.public or "")
    assert (found.row.private, found.row.revision, found.row.live) == (None, 1, True)


async def test_an_empty_chunk_and_an_empty_record(sheet: Any, commit: Any, lamps: Any) -> None:
    assert await commit(sheet()) == created(0)
    assert await commit(sheet().add(f"{lamps.prefix}/none")) == created(1)
    assert await commit(sheet().add(f"{lamps.prefix}/none")) == Told(0, 1, 0, {})
    assert await commit(sheet().add(f"{lamps.prefix}/none", "x")) == Told(
        0, 0, 0, {1: "identifier-exists"}
    )


async def test_sending_again_confirms_and_makes_no_batch(
    sheet: Any, commit: Any, database: Database, lamps: Any
) -> None:
    def page(extra: int = 0) -> Sheet:
        page = sheet()
        for number in range(20 + extra):
            values = [f"v{number}"] if number % 2 else [f"v{number}", SECRET]
            page.add(f"{lamps.prefix}/{number}", *values)
        return page

    assert await commit(page()) == created(20)
    before = await stored(database)
    assert await commit(page()) == Told(0, 20, 0, {})
    assert await stored(database) == before
    assert await commit(page(extra=3)) == Told(3, 20, 0, {})
    assert [batch[1:3] for batch in await batches(database)] == [(20, 20), (3, 3)]


async def test_other_content_is_a_conflict_and_changes_nothing(
    sheet: Any, commit: Any, database: Database, lamps: Any
) -> None:
    one = f"{lamps.prefix}/1"
    await commit(sheet().add(one, "x", SECRET))
    before = await stored(database)
    others: list[list[Any]] = [
        [], ["x"], ["y", SECRET], ["x", SECRET, ADMIN_KEY], [SECRET],
        ["x", ValueIn(7, "X.COST", "成本价 12.81", permissions="1100")],
        ["x", ValueIn(7, "X.COST", "成本价 12.80", permissions="0100")],
        ["x", ValueIn(7, "X.COST", "成本价 12.80")],
        [ValueIn(1, "URL", "x", ttl=60), SECRET],
        [ValueIn(1, "URI", "x"), SECRET],
    ]  # fmt: skip
    page = sheet()
    for other in others:
        page.add(one, *other)
    kinds = dict.fromkeys(range(1, len(others) + 1), "identifier-exists")
    assert await commit(page) == Told(0, 0, 0, kinds)
    assert await stored(database) == before


@pytest.mark.parametrize("trap", [TRAP, TRAP + ",", "\\" + TRAP, '","timestamp":"x', ',"timestamp'])
async def test_text_that_looks_like_a_time_is_compared(
    sheet: Any, commit: Any, lamps: Any, trap: str
) -> None:
    """Only the times at which values were stored do not count."""
    one = f"{lamps.prefix}/1"
    changed = trap.replace("2001", "2002") if "2001" in trap else trap.replace("stamp", "stomp")
    typed = ValueIn(2, trap, "x")
    await commit(sheet(now=datetime(2026, 11, 23, tzinfo=UTC)).add(one, trap, typed))
    page = sheet().add(one, trap, typed).add(one, changed, typed)
    page.add(one, trap, ValueIn(2, changed, "x")).add(one, trap)
    conflicts = dict.fromkeys((2, 3, 4), "identifier-exists")
    assert await commit(page) == Told(0, 1, 0, conflicts)


async def test_duplicates_in_a_chunk_the_first_counts(
    sheet: Any, commit: Any, counts: Counts, catalogue: Catalogue, lamps: Any
) -> None:
    same, other = f"{lamps.prefix}/same", f"{lamps.prefix}/other"
    page = sheet().add(same, "x").add(other, "first").add(same, "x").add(other, "second")
    page.add(other, "first").add(same, "x", SECRET)
    expected = Told(2, 2, 0, {4: "identifier-exists", 6: "identifier-exists"})
    assert await commit(page) == expected
    assert await counts() == (2, 2)
    found = await catalogue.find(Identifier.parse(other))
    assert found.row is not None
    assert '"first"' in (found.row.public or "")


async def test_spellings_of_one_identifier_are_duplicates(
    sheet: Any, commit: Any, lamps: Any, catalogue: Catalogue
) -> None:
    one = f"{lamps.prefix}/sn-1a"
    page = sheet().add(one, "x").add(one.upper(), "x").add(f"{lamps.prefix}/Sn-1A", "y")
    assert await commit(page) == Told(1, 1, 0, {3: "identifier-exists"})
    found = await catalogue.find(Identifier.parse(one.upper()))
    assert found.row is not None
    assert (found.row.suffix, found.row.spelling) == ("SN-1A", "sn-1a")


async def test_case_counts_where_the_database_says_so(
    database: Database, form: Form, lamps: Any
) -> None:
    strict = Bulk(database, replace(form, case_sensitive=True))
    page = Sheet(strict, Shapes(datetime.now(UTC)))
    page.add(f"{lamps.prefix}/a", "x").add(f"{lamps.prefix}/A", "y")
    assert told(await strict.commit(Terms(lamps.actor, Method.STREAM), page.chunk)) == created(2)


async def test_withdrawn_ones_are_refused_unless_reviving_is_asked_for(
    sheet: Any, commit: Any, registrar: Registrar, counts: Counts, database: Database, lamps: Any
) -> None:
    gone, there = f"{lamps.prefix}/gone", f"{lamps.prefix}/there"
    await commit(sheet().add(gone, "x").add(there, "x"))
    await registrar.withdraw(lamps.actor, Identifier.parse(gone))

    def page() -> Sheet:
        return sheet().add(gone, "new", SECRET).add(there, "x").add(gone, "new", SECRET)

    refused = dict.fromkeys((1, 3), "identifier-withdrawn")
    assert await commit(page()) == Told(0, 1, 0, refused)
    assert await commit(page(), dry_run=True, revive=True) == Told(0, 2, 1, {})
    assert await commit(page(), revive=True) == Told(0, 2, 1, {})
    assert await commit(page(), revive=True) == Told(0, 3, 0, {})
    assert await counts() == (2, 2), "what was revived is not counted again"
    async with database.connection() as connection:
        actions = await connection.fetch("SELECT action, revision FROM revision ORDER BY revision")
    assert [tuple(row) for row in actions] == [(2, 2), (3, 3)]


async def test_the_second_of_two_that_revive_is_compared(
    sheet: Any, commit: Any, registrar: Registrar, lamps: Any
) -> None:
    gone = f"{lamps.prefix}/gone"
    await commit(sheet().add(gone, "x"))
    await registrar.withdraw(lamps.actor, Identifier.parse(gone))

    def page() -> Sheet:
        return sheet().add(gone, "a").add(gone, "b").add(gone, "a")

    expected = Told(0, 1, 1, {2: "identifier-exists"})
    assert await commit(page(), revive=True, dry_run=True) == expected
    assert await commit(page(), revive=True) == expected


async def test_mixed_prefixes_each_have_their_verdict(
    sheet: Any,
    commit: Any,
    database: Database,
    enterprises: Enterprises,
    prefixes: Prefixes,
    operator: Actor,
    active_prefix: ActivePrefix,
    lamps: Any,
) -> None:
    second = (await active_prefix(lamps)).prefix
    stopped = (await active_prefix(lamps)).prefix
    await prefixes.stop(operator, stopped, "nobody needs it")
    foreign = (await active_prefix()).prefix
    suspended = await active_prefix()
    await enterprises.suspend(operator, suspended.enterprise_id, "did not pay")
    page = sheet()
    for suffix in ("1", "2"):
        for prefix in (second, foreign, lamps.prefix, "88.999.1", stopped, suspended.prefix):
            page.add(f"{prefix}/{suffix}", "x")
    page.add("21.t14999/x", "x").add("0.NA/88.608", "x").add("\U0001f4a1/x", "x")
    tally = await commit(page)
    assert (tally.created, tally.unchanged, tally.revived) == (4, 0, 0)
    assert tally.refused == {
        2: "not-prefix-owner", 8: "not-prefix-owner",
        4: "prefix-not-found", 10: "prefix-not-found",
        5: "prefix-not-active", 11: "prefix-not-active",
        6: "not-prefix-owner", 12: "not-prefix-owner",
        13: "prefix-not-found", 14: "prefix-not-found", 15: "prefix-not-found",
    }  # fmt: skip
    written = await batches(database)
    assert sorted(batch[:3] for batch in written) == sorted([(lamps.prefix, 2, 2), (second, 2, 2)])
    own = sheet().add(f"{suspended.prefix}/1", "x")
    assert (await commit(own, suspended.actor)).refused == {1: "enterprise-suspended"}
    await enterprises.resume(operator, suspended.enterprise_id)
    own = sheet().add(f"{suspended.prefix}/1", "x")
    assert await commit(own, suspended.actor) == created(1)


async def test_whoever_may_not_register_is_refused_everything(
    sheet: Any, commit: Any, operator: Actor, counts: Counts, lamps: Any
) -> None:
    readonly = replace(lamps.actor, scopes=frozenset())
    for actor, kind in [
        (operator, "not-prefix-owner"),
        (readonly, "not-permitted"),
        (Actor("anonymous"), "not-authenticated"),
    ]:
        page = sheet().add(f"{lamps.prefix}/1", "x").add(f"{lamps.prefix}/2", SECRET)
        assert await commit(page, actor) == Told(0, 0, 0, {1: kind, 2: kind})
    assert await counts() == (0, 0)


async def test_private_values_are_sealed_where_they_lie(
    sheet: Any, commit: Any, database: Database, form: Form, catalogue: Catalogue, lamps: Any
) -> None:
    """Quick lines and long ones in one chunk; only those with private values have any."""
    page = sheet()
    for number in range(30):
        content: list[Any] = [f"public {number}"]
        if number % 3 == 1:
            content += [SECRET, ADMIN_KEY]
        if number % 3 == 2:
            content.append("x" * 9_000)  # public, but too long for the quick way
        page.add(f"{lamps.prefix}/n{number:02}", *content)
    assert await commit(page) == created(30)
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT suffix, suffix_shown, public_values, private_values FROM identifier"
            " ORDER BY suffix"
        )
    sealed = {}
    for number, row in enumerate(rows):
        assert row["suffix"] == f"N{number:02}"
        assert row["suffix_shown"] == f"n{number:02}"
        assert f'"public {number}"' in row["public_values"]
        assert "secret" not in row["public_values"]
        assert "成本价" not in row["public_values"]
        if number % 3 == 1:
            sealed[number] = row["private_values"]
            assert isinstance(row["private_values"], bytes)
            for part in (b"secret", "成本价".encode(), b"HS_SECKEY", b"timestamp"):
                assert part not in row["private_values"]
        else:
            assert row["private_values"] is None
    assert len(set(sealed.values())) == 10, "the same secrets do not look the same"
    found = await catalogue.find(Identifier.parse(f"{lamps.prefix}/n01"))
    assert found.row is not None
    assert [value.data.value for value in form.values(found.row)] == [
        "public 1", "成本价 12.80", "very secret",
    ]  # fmt: skip


def test_a_record_that_is_too_large_never_gets_into_a_chunk(bulk: Bulk) -> None:
    """Each value is within its bounds, all together are not: one line's fault, not the chunk's."""
    for permissions in ("1110", "1100"):
        content = [ValueIn(n, "T", "x" * 65_000, permissions=permissions) for n in range(1, 6)]
        values = normalise(content, now=datetime.now(UTC))
        with pytest.raises(TooLarge):
            bulk.long_line(1, Identifier.parse("88.608.1/x"), values)


@pytest.mark.parametrize("seed", range(6))
async def test_a_dry_run_says_what_the_real_run_will(
    seed: int,
    sheet: Any,
    commit: Any,
    registrar: Registrar,
    active_prefix: ActivePrefix,
    database: Database,
    lamps: Any,
) -> None:
    chance = random.Random(seed)
    second, foreign = (await active_prefix(lamps)).prefix, (await active_prefix()).prefix

    def write(page: Sheet, chance: random.Random, count: int) -> Sheet:
        for _ in range(count):
            prefix = chance.choice([lamps.prefix, lamps.prefix, second, foreign, "88.999.9"])
            content = chance.choice([["a"], ["a"], ["b"], ["a", SECRET], [TRAP], []])
            page.add(f"{prefix}/{chance.choice('aA')}{chance.randrange(40)}", *content)
        return page

    await commit(write(sheet(), chance, 30))
    async with database.connection() as connection:
        live = await connection.fetch(
            "SELECT p.prefix, i.suffix FROM identifier i JOIN prefix p USING (prefix_id)"
        )
    for row in live[::3]:
        identifier = Identifier.parse(f"{row['prefix']}/{row['suffix']}")
        await registrar.withdraw(lamps.actor, identifier)
    revive = bool(seed % 2)
    before = await stored(database)
    again = random.Random(seed + 100)
    state = again.getstate()
    tried = await commit(write(sheet(), again, 120), dry_run=True, revive=revive)
    assert await stored(database) == before, "a dry run writes nothing"
    again.setstate(state)
    assert await commit(write(sheet(), again, 120), revive=revive) == tried
    assert min(tried.created, tried.unchanged, len(tried.refused)) > 0
    assert bool(tried.revived) == revive
    for _, said, there, *_ in await batches(database):
        assert said == there


class _Stage(NamedTuple):
    url: str
    form: Form
    actor: Actor
    prefixes: tuple[str, ...]
    barrier: Barrier


_stages: list[_Stage] = []
STREAMS = 3
CHUNKS = 12
LINES = 400
SUFFIXES = 2_500


async def test_overlapping_chunks_of_several_processes(
    database_url: str,
    form: Form,
    counts: Counts,
    registrar: Registrar,
    active_prefix: ActivePrefix,
    database: Database,
    lamps: Any,
) -> None:
    """Random, overlapping input in random order, some of it withdrawn before and some revived: the
    union is there, counted once each, and nobody hears of a deadlock."""
    second = (await active_prefix(lamps)).prefix
    gone = [Identifier.parse(f"{lamps.prefix}/S{number:05}") for number in range(0, SUFFIXES, 10)]
    bulk = Bulk(database, form)
    page = Sheet(bulk, Shapes(datetime.now(UTC)))
    for identifier in gone:
        page.add(identifier.text, "old")
    await bulk.commit(Terms(lamps.actor, Method.STREAM), page.chunk)
    for identifier in gone:
        await registrar.withdraw(lamps.actor, identifier)

    def run() -> list[tuple[set[str], int, int]]:
        barrier = FORK.Barrier(STREAMS)
        prefixes = (lamps.prefix, second)
        stage = _Stage(database_url, form, lamps.actor, prefixes, barrier)
        with forked(STREAMS, _stages.append, stage) as pool:
            return pool.map(_stream, range(STREAMS), chunksize=1)

    seen = await asyncio.to_thread(run)
    union = set().union(*(sent for sent, _, _ in seen)) | {one.canonical() for one in gone}
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT p.prefix || '/' || suffix FROM identifier JOIN prefix p USING (prefix_id)"
        )
    assert {row[0] for row in rows} == union
    assert len(rows) == len(union)
    assert sum(made for _, made, _ in seen) == len(union) - len(gone)
    assert sum(revived for _, _, revived in seen) == len(
        {one.canonical() for one in gone} & set().union(*(sent for sent, _, _ in seen))
    )
    assert await counts() == (len(union), len(union))
    assert all(said == there for _, said, there, *_ in await batches(database))


def _stream(number: int) -> tuple[set[str], int, int]:
    return asyncio.run(_stream_chunks(_stages[0], number))


async def _stream_chunks(stage: _Stage, number: int) -> tuple[set[str], int, int]:
    chance = random.Random(number)
    sent: set[str] = set()
    made = revived = 0
    async with connect(stage.url, size=2, statement_timeout=20) as database:
        bulk = Bulk(database, stage.form)
        terms = Terms(stage.actor, Method.STREAM, revive=True)
        stage.barrier.wait(20)
        for _ in range(CHUNKS):
            page = Sheet(bulk, Shapes(datetime.now(UTC)))
            for _ in range(LINES):
                handle = f"{chance.choice(stage.prefixes)}/S{chance.randrange(SUFFIXES):05}"
                page.add(handle, "same")
                sent.add(handle)
            tally = await bulk.commit(terms, page.chunk)
            assert not tally.refusals
            assert tally.created + tally.unchanged + tally.revived == LINES
            made += tally.created
            revived += tally.revived
    return sent, made, revived


async def test_a_memory_of_what_was_withdrawn_ends_with_the_revival(
    database: Database, form: Form, registrar: Registrar, lamps: Any
) -> None:
    heard: list[Notice] = []
    bulk = Bulk(database, form, heard.append)
    for terms, wanted in [
        (Terms(lamps.actor, Method.STREAM), []),
        (Terms(lamps.actor, Method.STREAM, revive=True, dry_run=True), []),
        (Terms(lamps.actor, Method.STREAM, revive=True), [Notice((f"{lamps.prefix}/B",))]),
    ]:
        sheet = Sheet(bulk, Shapes(datetime.now(UTC)))
        for suffix in "abc":
            sheet.add(f"{lamps.prefix}/{suffix}", "https://e")
        await bulk.commit(terms, sheet.chunk)
        assert heard == wanted
        if not terms.revive:
            await registrar.withdraw(lamps.actor, Identifier(lamps.prefix, "b"))
