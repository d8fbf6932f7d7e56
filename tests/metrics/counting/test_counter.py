"""Rounds over what several workers shipped, whatever the order in which it came."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from metrics.counting import store
from metrics.counting.counter import MUCH, Counter
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Reason
from metrics.counting.recount import Recount
from metrics.counting.stream import Part
from metrics.crew import Crew
from metrics.journal.entry import Kind, Outcome
from metrics.standing.keeping import StandingKeeping
from tests.metrics.counting.conftest import DAY, START, Ask, Bureau


def utcnow() -> datetime:
    return datetime.now(UTC)


async def _recounted(bureau: Bureau) -> dict:
    async with bureau.database.connection() as connection:
        part = Part({}, await store.positions(connection))
        until = (await store.state(connection)).counted_until
        return await Recount(connection, OwnerTable(), DAY, part).sums(until)


async def _ledger(bureau: Bureau):
    async with bureau.database.connection() as connection:
        return await store.sums_of(connection, DAY)


async def test_it_counts_up_to_the_lowest_watermark(bureau: Bureau) -> None:
    one, other = await bureau.worker(), await bureau.worker()
    await one.note(Ask(10), Ask(100), until=200)
    await other.note(Ask(20, client="bob"), until=50)
    assert (await bureau.round()).records == 2
    assert await bureau.totals() == {Reason.COUNTED: 2}
    await other.note(until=150)
    assert (await bureau.round()).records == 1
    assert await bureau.totals() == {Reason.COUNTED: 3}


async def test_a_repeat_is_known_across_workers_and_rounds(bureau: Bureau) -> None:
    one, other = await bureau.worker(), await bureau.worker()
    await one.note(Ask(10), until=15)
    await other.note(until=15)
    await bureau.round()
    await other.note(Ask(39.999), until=60)
    await one.note(until=60)
    await bureau.round()
    assert await bureau.totals() == {Reason.COUNTED: 1, Reason.REPEAT: 1}


@pytest.mark.parametrize("restart", [False, True])
async def test_the_auditors_vector_across_two_workers(bureau: Bureau, restart: bool) -> None:
    """Pairs straddle rounds and an hour; after a restart the keeper reads the last 30 s again."""
    one, other = await bureau.worker(), await bureau.worker()
    for number in range(30):
        at = 3590 + 100 * number  # the first pair straddles an hour
        gap = 29.999 if number < 15 else 30.0
        await one.note(Ask(at, identifier=f"N{number}"), until=at + 1)
        await other.note(until=at + 1)
        await bureau.round()
        if restart:
            bureau.counter = Counter(OwnerTable())
        await other.note(Ask(at + gap, identifier=f"N{number}"), until=at + 50)
        await one.note(until=at + 50)
        await bureau.round()
    assert await bureau.totals() == {Reason.COUNTED: 45, Reason.REPEAT: 15}
    assert await _recounted(bureau) == await _ledger(bureau)


async def test_what_is_received_is_the_sum_of_the_chain(bureau: Bureau) -> None:
    worker = await bureau.worker()
    asks = [
        Ask(10),
        Ask(20),
        Ask(30, outcome=Outcome.NOT_FOUND),
        Ask(40, prefix=0),
        Ask(50, kind=Kind.ROBOT),
        Ask(60, party=1),
        Ask(70, kind=Kind.OPERATOR),
        Ask(80),
    ]
    await worker.note(*asks, until=100)
    await bureau.round()
    totals = await bureau.totals()
    assert sum(totals.values()) == len(asks)
    assert totals == {
        Reason.COUNTED: 2,
        Reason.REPEAT: 1,
        Reason.NOT_FOUND: 1,
        Reason.ELSEWHERE: 1,
        Reason.ROBOT: 1,
        Reason.OWNER: 1,
        Reason.OPERATOR: 1,
    }
    overall = await bureau.fetchval("SELECT sum(requests) FROM resolution_total")
    assert overall == len(asks)
    row = await bureau.fetchval(
        "SELECT (requests, answered, counted) FROM resolution_source WHERE prefix_id = 1"
    )
    assert row == (7, 4, 2)
    assert await bureau.fetchval("SELECT count(*) FROM resolved_identifier") == 1


async def test_what_comes_late_to_an_open_day_is_summed_up_anew(bureau: Bureau) -> None:
    one, other = await bureau.worker(), await bureau.worker()
    await bureau.execute("UPDATE journal_writer SET seen_at = now() - interval '1 hour'")
    await one.note(Ask(10), Ask(50), Ask(200), until=300)  # alive again
    assert (await bureau.round()).records == 3
    assert await bureau.totals() == {Reason.COUNTED: 3}
    await other.note(Ask(30), Ask(240, client="bob"), until=300)  # 10, 30 and 50 are a chain now
    told = await bureau.round()
    assert told.records == 0, "time has not gone on"
    await one.note(until=310)
    await other.note(until=310)
    told = await bureau.round()
    assert (told.records, told.summed_anew) == (2, True)
    assert await bureau.totals() == {Reason.COUNTED: 3, Reason.REPEAT: 2}
    assert await bureau.fetchval("SELECT sum(requests)::int FROM resolution_total") == 5
    assert await _told(bureau) == {Reason.COUNTED: 3, Reason.REPEAT: 2}
    assert await _recounted(bureau) == await _ledger(bureau)


async def _told(bureau: Bureau) -> dict[Reason, int]:
    """What Prometheus hears."""
    found = await StandingKeeping(bureau.database, utcnow, print).read()
    return {reason: count for reason, count in found.requests.items() if count}


async def test_what_prometheus_hears_never_goes_back(bureau: Bureau) -> None:
    """Though of 100, 150 and 200 two turn out to be repeats."""
    one, late = await bureau.worker(), await bureau.worker()
    await bureau.execute("UPDATE journal_writer SET seen_at = now() - interval '1 hour'")
    await one.note(Ask(100), Ask(150), Ask(200), until=300)
    await bureau.round()
    assert await _told(bureau) == {Reason.COUNTED: 3}
    await late.note(Ask(125), Ask(175), until=310)
    await one.note(until=310)
    assert (await bureau.round()).summed_anew
    assert await bureau.totals() == {Reason.COUNTED: 1, Reason.REPEAT: 4}
    assert await _told(bureau) == {Reason.COUNTED: 3, Reason.REPEAT: 4}
    for number in range(1, 4):
        await one.note(Ask(300 + 100 * number), until=350 + 100 * number)
        await late.note(until=350 + 100 * number)
        await bureau.round()
        assert (await _told(bureau))[Reason.COUNTED] == max(3, 1 + number)
    assert await bureau.totals() == {Reason.COUNTED: 4, Reason.REPEAT: 4}
    assert await _told(bureau) == await bureau.totals()


async def test_a_round_is_bounded(bureau: Bureau) -> None:
    bureau.counter = Counter(OwnerTable(), most=10)
    worker = await bureau.worker()
    for number in range(10):
        await worker.note(*(Ask(60 * number + n, identifier=f"{n}") for n in range(5)))
    await worker.note(until=700)
    rounds = [await bureau.round() for _ in range(6)]
    found = [told.records for told in rounds]
    assert max(found) <= 15
    assert sum(found) == 50
    left = [50 - sum(found[: number + 1]) for number in range(6)]
    assert [told.more for told in rounds] == [bool(number) for number in left], (
        "the next round is at once only where there is something left for it"
    )
    assert await bureau.totals() == {Reason.COUNTED: 50}


async def test_a_round_is_bounded_though_many_pieces_are_counted_in_part(bureau: Bureau) -> None:
    bureau.counter = Counter(OwnerTable(), most=10)
    workers = [await bureau.worker() for _ in range(4)]
    for start in range(0, 300, 6):
        for number, worker in enumerate(workers):
            client = f"C{number}"
            asks = [Ask(start + n + number / 8, f"N{start + n}", client) for n in range(6)]
            await worker.note(*asks, until=start + 6)
    found = []
    while (told := await bureau.round()).records:
        found.append(told.records)
    assert sum(found) == 4 * 300
    assert max(found) <= 40
    assert await bureau.totals() == {Reason.COUNTED: 4 * 300}


async def test_a_writer_that_begins_amid_a_round_is_the_next_ones(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host's clock is behind: its first record is older than what the round goes up to."""
    one = await bureau.worker()
    await one.note(Ask(100), until=200)
    asked = store.writers

    async def writers(*arguments):
        found = await asked(*arguments)
        monkeypatch.undo()
        other = await bureau.worker()
        await other.note(Ask(150, client="bob"), until=200)
        return found

    monkeypatch.setattr(store, "writers", writers)
    assert (await bureau.round()).records == 1
    await one.note(until=300)
    await bureau.round()
    assert await bureau.totals() == {Reason.COUNTED: 1}, "the other is waited for"
    await bureau.execute("UPDATE journal_writer SET watermark = $1", START + 300 * 10**9)
    assert (await bureau.round()).summed_anew
    assert await bureau.totals() == {Reason.COUNTED: 2}


@pytest.mark.parametrize("known", [True, False])
async def test_what_comes_late_amid_a_round_is_the_next_ones(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """From a writer that was silent, or from one that was not there when the round began."""
    one, other = await bureau.worker(), await bureau.worker()
    await bureau.execute("UPDATE journal_writer SET seen_at = now() - interval '1 hour'")
    await one.note(Ask(10), Ask(50), until=100)
    assert (await bureau.round()).records == 2
    await one.note(Ask(170), until=200)
    late = other if known else await bureau.worker()
    name = "waiting" if known else "ends_before"
    asked = getattr(store, name)

    async def meanwhile(*arguments):
        monkeypatch.undo()
        await late.note(Ask(30), until=None)
        return await asked(*arguments)

    monkeypatch.setattr(store, name, meanwhile)
    if not known:  # as if it had come just after the writers were asked for
        writers = store.writers

        async def before(*arguments):
            now, found = await writers(*arguments)
            return now, [writer for writer in found if writer.writer != late.writer]

        monkeypatch.setattr(store, "writers", before)
    told = await bureau.round()
    assert told.records == (0 if known else 1)
    for worker in (one, other, late):
        await worker.note(until=300)
    await bureau.rounds()
    assert await bureau.totals() == {Reason.COUNTED: 2, Reason.REPEAT: 2}
    assert await _recounted(bureau) == await _ledger(bureau)


async def test_a_silent_writer_is_not_waited_for_long(bureau: Bureau) -> None:
    one, silent = await bureau.worker(), await bureau.worker()
    await one.note(Ask(10), until=20)
    assert (await bureau.round()).records == 0
    await bureau.execute(
        "UPDATE journal_writer SET seen_at = now() - interval '3 minutes' WHERE writer_id = $1",
        silent.writer,
    )
    assert (await bureau.round()).records == 1


async def test_a_round_that_fails_changes_nothing(bureau: Bureau) -> None:
    worker = await bureau.worker()
    await worker.note(Ask(10), until=20)

    async def failing(tx):
        await bureau.counter.round(tx)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await bureau.database.transaction(failing)
    assert await bureau.totals() == {}
    await worker.note(Ask(30), until=40)
    await bureau.round()
    assert await bureau.totals() == {Reason.COUNTED: 1, Reason.REPEAT: 1}


async def test_holes_that_a_power_cut_left_are_passed(bureau: Bureau) -> None:
    worker = await bureau.worker()
    await worker.note(Ask(10), until=20)
    worker.position += 5
    await worker.note(Ask(100), until=200)
    await bureau.round()
    assert await bureau.totals() == {Reason.COUNTED: 2}
    assert await bureau.fetchval("SELECT counted FROM journal_writer") == 7


class Hands(ThreadPoolExecutor):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(1)
        self.tasks: list[tuple] = []

    def submit(self, work, /, *given, **named):
        self.tasks.append(given)
        return super().submit(work, *given, **named)


async def test_a_large_round_is_for_the_crew_and_hands_on_little(bureau: Bureau) -> None:
    """What a process that answers requests must not compute; nor may all requests of 30 seconds
    come back with every round."""
    with Hands() as hands:
        bureau.counter = Counter(OwnerTable(), crew=Crew(hands))
        worker = await bureau.worker()
        await worker.note(Ask(1), until=2)
        await bureau.round()
        assert not hands.tasks
        many = [Ask(10, identifier=f"N{number % 50}") for number in range(MUCH + 1)]
        await worker.note(*many, until=11)
        assert (await bureau.round()).records == len(many)
        await worker.note(*(ask._replace(at=12) for ask in many), until=13)
        await bureau.round()
    assert len(hands.tasks) == 2
    assert len(hands.tasks[1][0].lead) == 51
    repeated = {Reason.REPEAT: 2 * len(many) - 50, Reason.COUNTED: 51}
    assert await bureau.totals() == repeated


async def test_any_order_of_shipping_and_counting_gives_the_recount(bureau: Bureau) -> None:
    chance = random.Random(7)
    workers = [await bureau.worker() for _ in range(3)]
    now = dict.fromkeys(range(3), 0.0)
    for _ in range(60):
        number = chance.randrange(3)
        asks = []
        for _ in range(chance.randrange(6)):
            now[number] += chance.choice([0, 0.5, 14, 29.999, 30, 45])
            asks.append(
                Ask(
                    now[number],
                    identifier=chance.choice("ABCD"),
                    client=chance.choice("xyz"),
                    outcome=chance.choice([Outcome.FOUND] * 4 + [Outcome.NOT_FOUND]),
                    kind=chance.choice([Kind.EXTERNAL] * 4 + [Kind.ROBOT]),
                    address=chance.choice(["192.0.2.1", "2001:db8::1", ""]),
                )
            )
        await workers[number].note(*asks, until=now[number])
        if chance.random() < 0.5:
            await bureau.round()
        if chance.random() < 0.2:
            bureau.counter = Counter(OwnerTable())
    last = max(now.values()) + 1
    for worker in workers:
        await worker.note(until=last)
    await bureau.rounds()
    ledger = await _ledger(bureau)
    assert sum(ledger.totals.values()) == sum(len(worker.noted) for worker in workers)
    assert await _recounted(bureau) == ledger
    assert (await bureau.fetchval("SELECT counted_until FROM count_state")) > START
