"""The same identifiers from several processes at once, on connections of their own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

import pytest

from registry.access.actor import Actor
from registry.database import connect
from registry.errors import IdentifierNotFound, RevisionMismatch
from registry.identifier import Identifier
from registry.record.archive import Form
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.record.registration import Method, Outcome, Registration
from registry.record.value import ValueIn, normalise
from tests.forked import FORK, forked

ROUNDS = 40
PROCESSES = 4


class Seen(NamedTuple):
    """A verdict, small enough to send between processes."""

    handle: str
    outcome: Outcome
    revision: int
    content: str


Job = Callable[["_Desk", int], Awaitable[list[Seen]]]
Together = Callable[..., list[Seen]]
Counts = Callable[[], Awaitable[tuple[int, int]]]


class _Desk(NamedTuple):
    """What one process works with."""

    registrar: Registrar
    catalogue: Catalogue
    actor: Actor
    prefixes: tuple[str, ...]
    barrier: Barrier


@pytest.fixture
def together(database_url: str, form: Form, lamps: Any) -> Together:
    """Runs a job in several processes, which begin at the same instant; what all of them saw.

    What one of them raises is raised here.
    """

    def run(job: Job, processes: int, *prefixes: str) -> list[Seen]:
        barrier = FORK.Barrier(processes)
        stage = (database_url, form, lamps.actor, (lamps.prefix, *prefixes), barrier)
        with forked(processes, _set_stage, *stage) as pool:
            work = [(job, number) for number in range(processes)]
            return [seen for one in pool.starmap(_perform, work, chunksize=1) for seen in one]

    return run


@pytest.mark.parametrize("job", ["create", "put"])
async def test_two_processes_register_the_same_identifier(
    together: Together, counts: Counts, job: str
) -> None:
    jobs: dict[str, Job] = {"create": _create_the_same, "put": _put_the_same}
    seen = await _in_thread(together, jobs[job], 2)
    by_handle: dict[str, list[Outcome]] = {}
    for one in seen:
        by_handle.setdefault(one.handle, []).append(one.outcome)
    assert len(by_handle) == ROUNDS
    other = {"create": {Outcome.UNCHANGED, Outcome.REFUSED}, "put": {Outcome.AMENDED}}[job]
    for outcomes in by_handle.values():
        assert outcomes.count(Outcome.CREATED) == 1
        assert set(outcomes) <= other | {Outcome.CREATED}
    assert await counts() == (ROUNDS, ROUNDS)


async def test_overlapping_lists_in_any_order(
    together: Together,
    counts: Counts,
    catalogue: Catalogue,
    lamps: Any,
    active_prefix: Callable[..., Awaitable[Any]],
) -> None:
    """No deadlock surfaces, the set is the union, and every identifier is counted once."""
    second = await active_prefix(lamps)
    seen = await _in_thread(together, _create_lists, PROCESSES, second.prefix)
    union = {one.handle for one in seen}
    assert {one.outcome for one in seen} == {Outcome.CREATED, Outcome.UNCHANGED}
    created = Counter(one.handle for one in seen if one.outcome is Outcome.CREATED)
    assert created == dict.fromkeys(union, 1)
    assert await counts() == (len(union), len(union))
    stored: set[str] = set()
    for prefix in (lamps.prefix, second.prefix):
        _, listed = await catalogue.numbered_page(lamps.actor, prefix, 0, -1)
        stored |= {handle.upper() for handle in listed}
    assert stored == union


async def test_overlapping_lists_revive_each_tombstone_once(
    together: Together, counts: Counts, registrar: Registrar, catalogue: Catalogue, lamps: Any
) -> None:
    everything = [_registration(f"{lamps.prefix}/{n:03d}", "same") for n in range(100)]
    await registrar.create(lamps.actor, everything, Method.BATCH)
    for registration in everything[::2]:
        await registrar.withdraw(lamps.actor, registration.identifier)
    seen = await _in_thread(together, _revive_lists, PROCESSES)
    revived = Counter(one.handle for one in seen if one.outcome is Outcome.REVIVED)
    named = {one.handle for one in seen}
    withdrawn = {registration.identifier.text for registration in everything[::2]}
    assert revived == dict.fromkeys(named & withdrawn, 1)
    assert {one.outcome for one in seen} == {
        Outcome.REVIVED,
        Outcome.UNCHANGED,
        Outcome.CREATED,
    }
    total = 100 + len(named - {registration.identifier.text for registration in everything})
    assert await counts() == (total, total)


async def test_changes_of_one_record_make_a_history_without_gaps(
    together: Together, counts: Counts, catalogue: Catalogue, lamps: Any
) -> None:
    seen = await _in_thread(together, _change_one, PROCESSES)
    made = {one.revision: one for one in seen if one.outcome is not Outcome.UNCHANGED}
    effective = [one for one in seen if one.outcome is not Outcome.UNCHANGED]
    assert sorted(made) == list(range(1, len(effective) + 1))
    assert {one.outcome for one in effective} == {
        Outcome.CREATED,
        Outcome.AMENDED,
        Outcome.WITHDRAWN,
        Outcome.REVIVED,
    }
    identifier = Identifier(lamps.prefix, "ONE")
    events = await catalogue.history(lamps.actor, identifier)
    assert [event.revision for event in events] == sorted(made)
    names = {Outcome.CREATED: "registered"}
    for event in events:
        verdict = made[event.revision]
        assert event.action == names.get(verdict.outcome, verdict.outcome.value)
        if verdict.outcome is Outcome.WITHDRAWN:
            assert event.values is None
        else:
            assert event.values is not None
            assert verdict.content in [value.data.value for value in event.values]
    view = await catalogue.view(lamps.actor, identifier)
    assert (view and view.listed) == events[-1].values
    assert await counts() == (1, 1)


async def test_the_expected_revision_is_changed_by_one_of_all(
    together: Together, catalogue: Catalogue, lamps: Any
) -> None:
    """A counter, read and written with its revision, loses no step."""
    seen = await _in_thread(together, _count_up, PROCESSES)
    assert sorted(one.revision for one in seen) == list(range(2, 2 + len(seen)))
    view = await catalogue.view(lamps.actor, Identifier(lamps.prefix, "COUNTER"))
    assert view is not None
    assert view.listed[0].data.value == str(PROCESSES * 10)


async def test_history_read_while_changes_are_made_is_always_whole(together: Together) -> None:
    await _in_thread(together, _read_and_write_history, 2)


async def _create_the_same(desk: _Desk, number: int) -> list[Seen]:
    """In odd rounds the two have different content."""
    seen = []
    for turn in range(ROUNDS):
        content = f"{number}" if turn % 2 else "same"
        registration = _registration(f"{desk.prefixes[0]}/{turn}", content)
        desk.barrier.wait(20)
        (verdict,) = await desk.registrar.create(desk.actor, [registration], Method.SINGLE)
        seen.append(Seen(verdict.identifier.text, verdict.outcome, verdict.revision, content))
    return seen


async def _put_the_same(desk: _Desk, number: int) -> list[Seen]:
    seen = []
    for turn in range(ROUNDS):
        registration = _registration(f"{desk.prefixes[0]}/{turn}", f"{number}")
        desk.barrier.wait(20)
        verdict = await desk.registrar.put(desk.actor, registration)
        seen.append(Seen(verdict.identifier.text, verdict.outcome, verdict.revision, f"{number}"))
    return seen


async def _create_lists(desk: _Desk, number: int) -> list[Seen]:
    return await _lists(desk, random.Random(number), 300, revive=False)


async def _revive_lists(desk: _Desk, number: int) -> list[Seen]:
    return await _lists(desk, random.Random(number), 120, revive=True)


async def _lists(desk: _Desk, chance: random.Random, universe: int, *, revive: bool) -> list[Seen]:
    """Ten unsorted lists over all prefixes, each half as long as there are suffixes."""
    seen = []
    for _ in range(10):
        picked = [
            f"{chance.choice(desk.prefixes)}/{chance.randrange(universe):03d}"
            for _ in range(universe // 2)
        ]
        wanted = [_registration(handle, "same") for handle in picked]
        desk.barrier.wait(20)
        for verdict in await desk.registrar.create(desk.actor, wanted, Method.BATCH, revive=revive):
            handle = verdict.identifier.text
            seen.append(Seen(handle, verdict.outcome, verdict.revision, "same"))
    return seen


async def _change_one(desk: _Desk, number: int) -> list[Seen]:
    chance = random.Random(number)
    handle = f"{desk.prefixes[0]}/ONE"
    seen = []
    desk.barrier.wait(20)
    for turn in range(30):
        content = f"{number}-{turn}"
        registration = _registration(handle, content)
        action = chance.choice(["put", "upsert", "upsert", "withdraw"])
        with suppress(IdentifierNotFound):
            if action == "put":
                verdict = await desk.registrar.put(desk.actor, registration)
            elif action == "upsert":
                values = _registration(handle, content, index=2 + number).values
                verdict = await desk.registrar.upsert(desk.actor, registration.identifier, values)
            else:
                verdict = await desk.registrar.withdraw(desk.actor, registration.identifier)
            seen.append(Seen(handle, verdict.outcome, verdict.revision, content))
    return seen


async def _count_up(desk: _Desk, number: int) -> list[Seen]:
    handle = f"{desk.prefixes[0]}/COUNTER"
    if number == 0:
        await desk.registrar.put(desk.actor, _registration(handle, "0"))
    desk.barrier.wait(20)
    seen: list[Seen] = []
    while len(seen) < 10:
        view = await desk.catalogue.view(desk.actor, Identifier.parse(handle))
        assert view is not None
        more = str(int(view.listed[0].data.value) + 1)
        with suppress(RevisionMismatch):
            verdict = await desk.registrar.put(
                desk.actor, _registration(handle, more), expected=view.row.revision
            )
            seen.append(Seen(handle, verdict.outcome, verdict.revision, more))
    return seen


async def _read_and_write_history(desk: _Desk, number: int) -> list[Seen]:
    """One writes its revision's number into the record, the other reads all states."""
    identifier = Identifier(desk.prefixes[0], "BOOK")
    if number == 0:
        await desk.registrar.put(desk.actor, _registration(identifier.text, "1"))
    desk.barrier.wait(20)
    last = 0
    for revision in range(2, 152):
        if number == 0:
            await desk.registrar.put(desk.actor, _registration(identifier.text, str(revision)))
            continue
        events = await desk.catalogue.history(desk.actor, identifier)
        assert [event.revision for event in events] == list(range(1, len(events) + 1))
        for event in events:
            assert event.values is not None
            assert event.values[0].data.value == str(event.revision)
        assert len(events) >= last
        last = len(events)
    return []


def _registration(handle: str, content: str, *, index: int = 1) -> Registration:
    values = normalise([ValueIn(index, "URL", content)], now=datetime.now(UTC))
    return Registration(Identifier.parse(handle), values)


async def _in_thread(together: Together, *given: Any) -> list[Seen]:
    return await asyncio.to_thread(together, *given)


_stage: Any = None


def _set_stage(*stage: Any) -> None:
    global _stage
    _stage = stage


def _perform(job: Job, number: int) -> list[Seen]:
    url, form, actor, prefixes, barrier = _stage

    async def run() -> list[Seen]:
        async with connect(url, size=2, statement_timeout=20) as database:
            desk = _Desk(
                Registrar(database, form), Catalogue(database, form), actor, prefixes, barrier
            )
            return await job(desk, number)

    return asyncio.run(run())
