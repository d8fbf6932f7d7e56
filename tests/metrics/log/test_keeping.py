from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from metrics.log import keys as log_keys
from metrics.log import sm2, store
from metrics.log.checkpoint import Checkpoint
from metrics.log.cosignature import times
from metrics.log.dumping.dump import dumped
from metrics.log.export import export
from metrics.log.keeping import WAITING, LogKeeping
from metrics.log.keys import LogKeys
from metrics.log.leaf import Leaf
from metrics.log.log import SHANGHAI, Kind
from metrics.log.merkle import leaf_hash
from metrics.log.note import SignedNote, check_signed
from metrics.log.publisher import LogBehind, LogForked, WitnessAway
from metrics.log.sequencer import LeafKeyDiffers, LogClosed
from metrics.log.statement import Statement
from metrics.log.succession import Succeeded, succeed
from metrics.log.tile import ENTRIES, bundles, tiles, unpack
from metrics.log.tree import Tree
from metrics.log.upkeep import UpkeepCollector
from metrics.log.verification.dump import identifiers
from metrics.log.verification.heads import Trust
from metrics.log.verification.run import Question, run
from metrics.standing import store as standing
from registry.database import Connection, Database
from registry.identifier import Identifier
from registry.leaf.leaf import LogKeysMissing
from registry.record.archive import Form
from registry.record.bulk import Bulk, Terms
from registry.record.registration import Method
from tests.metrics.log.conftest import ORIGIN, Kept, NearWitness

YEAR = f"registrations-{datetime.now(UTC).year}"
NOTE = f"{ORIGIN}/{YEAR}%"
WAITED_FOR = """SELECT EXISTS (SELECT FROM pg_locks
                 WHERE NOT granted AND relation = 'leaf_key'::regclass)"""
DAY = Statement("daily-totals", datetime(2026, 1, 2, tzinfo=UTC), {"day": "2026-01-01"})
T = TypeVar("T")


async def entries_of(kept: Kept, name: str) -> list[bytes]:
    """All entries, after everything that is stored of the log has been computed again."""
    log = await kept.log(name)
    entries: list[bytes] = []
    async with kept.database.connection() as connection:
        for bundle in bundles(log.size):
            content = await store.tile(connection, log.log_id, ENTRIES, bundle.index)
            assert content is not None
            found = unpack(content)
            assert len(found) == bundle.width
            entries += found
        tree = Tree()
        grown = tree.append([leaf_hash(entry) for entry in entries])
        assert set(grown) == set(tiles(log.size))
        for tile, content in grown.items():
            assert await store.tile(connection, log.log_id, tile.level, tile.index) == content
        assert (tree.size, tree.root) == (log.size, log.root)
        rows = await connection.fetchval(
            "SELECT count(*) FROM log_tile WHERE log_id = $1", log.log_id
        )
        assert rows == len(grown) + len(list(bundles(log.size)))
    return entries


async def published(kept: Kept, name: str) -> Checkpoint:
    """The latest checkpoint, its signatures checked."""
    log = await kept.log(name)
    async with kept.database.connection() as connection:
        found = await store.published(connection, log.log_id)
    assert found is not None
    note = SignedNote.parse(found.note)
    checkpoint = Checkpoint.parse(note.text)
    assert checkpoint.origin == f"{ORIGIN}/{name}"
    check_signed(note, kept.keys.verifiers(checkpoint.origin))
    assert times(note, (kept.witness.key,))
    return checkpoint


async def settle(keeping: LogKeeping, rounds: int = 6) -> None:
    """Rounds until nothing is owed."""
    for _ in range(rounds):
        await keeping.round()


async def test_registrations_become_leaves_in_order(kept: Kept) -> None:
    keeping = kept.keeping()
    assert await kept.register("B", "A") == 2
    assert await kept.register("C", "A") == 1
    await settle(keeping)
    leaves = [Leaf.parse(entry) for entry in await entries_of(kept, YEAR)]
    wanted = [kept.keys.leaf.tag(f"{kept.prefix}/{suffix}") for suffix in "ABC"]
    assert [leaf.tag for leaf in leaves] == wanted
    assert leaves[0].at == await kept.sql("SELECT min(registered_at) FROM batch")
    assert [leaf.batch for leaf in leaves] == [leaves[0].batch, leaves[0].batch, leaves[2].batch]
    assert not any(leaf.backfilled for leaf in leaves)
    checkpoint = await published(kept, YEAR)
    assert (checkpoint.size, checkpoint.root) == (3, (await kept.log(YEAR)).root)
    assert await kept.sql("SELECT count(*) FROM leaf_owed") == 0


async def test_the_log_says_what_it_was_made_with_before_the_first_leaf(kept: Kept) -> None:
    kept.witness.away = True
    keeping = kept.keeping()
    await kept.register("A")
    await settle(keeping)
    async with kept.database.connection() as connection:
        assert [log.kind for log in await store.logs(connection)] == [Kind.STATEMENTS]
    kept.witness.away = False
    await settle(kept.keeping())
    statements = [Statement.parse(entry) for entry in await entries_of(kept, "statements")]
    kinds = [one.kind for one in statements]
    assert kinds == ["leaf-key", "log-keys", "backfill", "log-opened"]
    assert statements[0].content["commitment"] == kept.keys.leaf.commitment.hex()
    assert statements[3].content["origin"] == f"{ORIGIN}/{YEAR}"
    assert (await published(kept, YEAR)).size == 1


async def test_it_grows_over_many_rounds_as_if_at_once(kept: Kept) -> None:
    keeping = kept.keeping()
    total = 0
    for number, count in enumerate([1, 254, 1, 1, 300, 700]):
        total += await kept.register(*(f"{number}-{one}" for one in range(count)))
        await settle(keeping)
        assert len(await entries_of(kept, YEAR)) == total
        assert (await published(kept, YEAR)).size == total
    assert set(kept.witness.statuses) <= {200, 409}


async def test_another_keeper_goes_on_where_the_last_one_was(kept: Kept) -> None:
    await kept.register("A", "B")
    one, other = kept.keeping(), kept.keeping()
    for number in range(6):
        await kept.register(f"N{number}")
        await settle(one if number % 2 else other)
    await asyncio.gather(*(settle(keeping) for keeping in (one, other)))
    assert len(await entries_of(kept, YEAR)) == 8


class Failing(Database):
    """A database that goes away before or after a commit, whenever it is told to."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.calls = 0
        self.fails_at = -1
        self.after = False

    def connection(self):  # type: ignore[no-untyped-def]
        return self.inner.connection()

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        self.calls += 1
        failing = self.calls == self.fails_at

        async def failed(tx: Connection) -> T:
            await work(tx)
            raise ConnectionResetError("gone before the commit")

        result = await self.inner.transaction(failed if failing and not self.after else work)
        if failing:
            raise ConnectionResetError("gone after the commit")
        return result


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, 9))
async def test_a_keeper_killed_at_any_commit_leaves_a_whole_log(
    kept: Kept, call: int, after: bool
) -> None:
    await kept.register(*(f"A{number}" for number in range(300)))
    database = Failing(kept.database)
    database.fails_at, database.after = call, after
    keeping = kept.keeping(database=database)
    died = False
    for _ in range(4):
        try:
            await keeping.round()
        except ConnectionResetError:
            died = True
            break
    assert died
    await kept.register("B")
    again = kept.keeping()
    await settle(again)
    tags = [Leaf.parse(entry).tag for entry in await entries_of(kept, YEAR)]
    assert len(tags) == len(set(tags)) == 301
    assert (await published(kept, YEAR)).size == 301
    assert 422 not in kept.witness.statuses


async def test_an_answer_of_the_witness_that_is_lost_is_asked_for_again(kept: Kept) -> None:
    await kept.register("A")
    keeping = kept.keeping()
    await settle(keeping)
    await kept.register("B")
    kept.witness.mute = True
    await keeping.round()
    assert (await published(kept, YEAR)).size == 1
    kept.witness.mute = False
    await settle(kept.keeping())
    assert 409 in kept.witness.statuses
    assert (await published(kept, YEAR)).size == 2


async def test_nothing_is_published_without_the_cosignatures_needed(kept: Kept) -> None:
    other = NearWitness(kept.keys, "other.example.invalid")
    other.away = True
    await kept.register("A")
    await settle(kept.keeping(kept.witness, other, needed=2))
    assert await kept.sql("SELECT count(*) FROM log_checkpoint") == 0
    other.away = False
    await settle(kept.keeping(kept.witness, other, needed=2))
    await published(kept, YEAR)


async def test_a_cosignature_that_comes_later_is_added(kept: Kept) -> None:
    other = NearWitness(kept.keys, "other.example.invalid")
    other.away = True
    await kept.register("A")
    await settle(kept.keeping(kept.witness, other))
    await published(kept, YEAR)
    other.away = False
    await settle(kept.keeping(kept.witness, other))
    note = SignedNote.parse(
        await kept.sql("SELECT note FROM log_checkpoint WHERE note LIKE $1", f"{ORIGIN}/{YEAR}%")
    )
    assert len(times(note, (kept.witness.key, other.key))) == 2


async def back_to(kept: Kept, size: int) -> None:
    """As a backup would have it from when the log had so many leaves."""
    assert size < 256
    log = await kept.log(YEAR)
    entries = (await entries_of(kept, YEAR))[:size]
    tree = Tree()
    tree.append([leaf_hash(entry) for entry in entries])
    async with kept.database.connection() as connection:
        await connection.execute(
            "DELETE FROM log_checkpoint WHERE log_id = $1 AND size > $2", log.log_id, size
        )
        await connection.execute("DELETE FROM log_span WHERE first >= $1", size)
        await connection.execute(
            "UPDATE log_tile SET content = substr(content, 1, $2) WHERE log_id = $1 AND level = 0",
            log.log_id,
            32 * size,
        )
        await connection.execute(
            "UPDATE log_tile SET content = substr(content, 1, $2) WHERE log_id = $1 AND level < 0",
            log.log_id,
            100 * size,
        )
        await connection.execute(
            "UPDATE log SET size = $2, root = $3 WHERE log_id = $1", log.log_id, size, tree.root
        )


async def test_a_database_put_back_is_not_signed_any_more(kept: Kept) -> None:
    await kept.register("A", "B", "C")
    await settle(kept.keeping())
    await back_to(kept, 2)
    for _ in range(2):
        with pytest.raises(LogBehind, match="has seen 3 leaves"):
            await kept.keeping().round()
    await kept.register("D")
    with pytest.raises(LogBehind, match="log succeed"):
        await kept.keeping().round()
    assert (await kept.log(YEAR)).size == 2
    assert not await kept.sql("SELECT count(*) FROM log_checkpoint WHERE note LIKE '%registr%'")


async def test_another_history_of_the_same_length_convinces_nobody(kept: Kept) -> None:
    """It came about because another witness, which knows less, was the only one to answer."""
    other = NearWitness(kept.keys, "other.example.invalid")
    await kept.register("A", "B", "C")
    await settle(kept.keeping())
    await back_to(kept, 2)
    kept.witness.away = True
    keeping = kept.keeping(kept.witness, other)
    await kept.register("D", "E")
    await settle(keeping)
    kept.witness.away = False
    for _ in range(3):
        with pytest.raises(LogForked):
            await settle(keeping, rounds=30)
    assert kept.witness.memory.checkpoints[f"{ORIGIN}/{YEAR}"].size == 3
    size = (await kept.log(YEAR)).size
    await kept.register("F")
    with pytest.raises(LogForked):
        await keeping.round()
    assert (await kept.log(YEAR)).size == size  # it does not even grow


async def test_no_log_grows_before_a_witness_has_said_what_it_saw(kept: Kept) -> None:
    await kept.register("A", "B", "C")
    await settle(kept.keeping())
    await back_to(kept, 2)
    kept.witness.away = True
    keeping = kept.keeping()
    await kept.register("D", "E")
    await settle(keeping)
    assert (await kept.log(YEAR)).size == 2
    kept.witness.away = False
    with pytest.raises(LogBehind):
        await keeping.round()


async def test_another_k_is_refused(kept: Kept, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from metrics.log import keys as log_keys

    await settle(kept.keeping())
    kept.keys = log_keys.create(tmp_path / "others")
    with pytest.raises(LeafKeyDiffers):
        await kept.keeping().round()


async def test_a_change_of_keys_is_stated(kept: Kept, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from metrics.log import keys as log_keys
    from metrics.log.keys import LogKeys

    folder = tmp_path / "log-keys"
    await settle(kept.keeping())
    log_keys.rotate(folder)
    kept.keys = LogKeys.load(folder)
    await settle(kept.keeping())
    await settle(kept.keeping())
    log_keys.retire(folder)
    kept.keys = LogKeys.load(folder)
    await settle(kept.keeping())
    said = [Statement.parse(entry) for entry in await entries_of(kept, "statements")]
    lists = [one.content["keys"] for one in said if one.kind == "log-keys"]
    assert [len(some) for some in lists] == [1, 2, 1]
    assert lists[0][0] == lists[1][1]
    assert lists[1][0] == lists[2][0]


@pytest.mark.skipif(not sm2.available(), reason="there is no gmssl-pyx for this machine")
async def test_keys_of_both_kinds_are_followed_through_a_rotation(
    kept: Kept, tmp_path: Path
) -> None:
    """From the one key that an auditor was given at the beginning, through the change of all."""
    folder = tmp_path / "log-keys"
    await kept.register("A")
    await settle(kept.keeping())
    given = kept.keys.verifiers(f"{ORIGIN}/statements")
    for number, change in enumerate(
        (partial(log_keys.rotate, with_sm2=True), log_keys.retire, log_keys.rotate, log_keys.retire)
    ):
        change(folder)
        kept.keys = LogKeys.load(folder)
        kept.witness.desk._trusted = kept.keys.verifiers
        await kept.register(f"B{number}")
        await settle(kept.keeping())
    assert sorted(path.name for path in folder.iterdir()) == [
        "leaf.key", "log-1.pem.retired", "log-2.pem.retired", "log-2.sm2.retired", "log-3.pem",
        "log-3.sm2",
    ]  # fmt: skip
    keys = kept.keys
    async with kept.database.connection() as connection:
        await export(
            connection,
            tmp_path / "out",
            lambda name: keys.verifiers(f"{ORIGIN}/{name}"),
            [kept.witness.key],
        )
    trust = Trust(tuple(given), (kept.witness.key,), pinned=True)
    result = run(Question((tmp_path / "out",), trust=trust, processes=1))
    assert result.holds, result.findings
    assert len(result.remarks) == 1, result.remarks  # that it is a demonstration
    said = [Statement.parse(entry) for entry in await entries_of(kept, "statements")]
    lists = [one.content["keys"] for one in said if one.kind == "log-keys"]
    assert [len(some) for some in lists] == [1, 3, 2, 4, 2]


async def test_registrations_from_before_the_log_get_their_leaves(kept: Kept) -> None:
    silent = Form(False, kept.form.sealing)
    await kept.register(*"ABCDEFG", form=silent)
    await kept.register("H")
    await kept.register("I", "J", form=silent)
    keeping = kept.keeping()
    for _ in range(8):
        await keeping.round()
    leaves = [Leaf.parse(entry) for entry in await entries_of(kept, YEAR)]
    assert {leaf.tag for leaf in leaves} == {
        kept.keys.leaf.tag(f"{kept.prefix}/{suffix}") for suffix in "ABCDEFGHIJ"
    }
    assert len(leaves) == 10
    assert sum(leaf.backfilled for leaf in leaves) == 9
    said = [Statement.parse(entry) for entry in await entries_of(kept, "statements")]
    (closed,) = (one.content for one in said if one.kind == "backfill")
    log = await kept.log(YEAR)
    assert closed == {"leaves": 9, "logs": {YEAR: {"size": 10, "root": log.root.hex()}}}
    for _ in range(3):
        await kept.keeping().round()
    assert len(await entries_of(kept, YEAR)) == 10


async def test_years_have_logs_of_their_own_and_are_closed(kept: Kept) -> None:
    year = datetime.now(UTC).year
    silvester = datetime(year - 1, 12, 31, 15, 59, 59, 999_999, tzinfo=UTC)
    await kept.register("OLD")
    await kept.sql("UPDATE batch SET registered_at = $1", silvester)
    await kept.register("NEW")
    await settle(kept.keeping())
    assert len(await entries_of(kept, f"registrations-{year - 1}")) == 1
    assert len(await entries_of(kept, YEAR)) == 1
    assert (await kept.log(f"registrations-{year - 1}")).closed_at is None
    midnight = datetime(year - 1, 12, 31, 16, tzinfo=UTC)
    await kept.sql("UPDATE day_ledger SET closed_until = $1", midnight)
    await settle(kept.keeping())
    closed = await kept.log(f"registrations-{year - 1}")
    assert closed.closed_at is not None
    assert (await kept.log(YEAR)).closed_at is None
    said = [Statement.parse(entry) for entry in await entries_of(kept, "statements")]
    assert said[-1].kind == "log-closed"
    assert said[-1].content == {"log": closed.name, "size": 1, "root": closed.root.hex()}
    await kept.register("LATE")
    await kept.sql(
        "UPDATE batch SET registered_at = $1 WHERE batch_id IN (SELECT batch_id FROM leaf_owed)",
        silvester,
    )
    with pytest.raises(LogClosed):
        await settle(kept.keeping())


async def test_old_checkpoints_are_thinned_out(kept: Kept, tmp_path: Path) -> None:
    """All of the last hours, then one an hour, then one a day; the first of all stays. An export
    shows all that are left to be beginnings of the log."""
    keeping = kept.keeping()
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    noon = hour.astimezone(SHANGHAI).replace(hour=12) - timedelta(days=60)
    old = [noon + timedelta(minutes=20 * number) for number in range(12)]  # four hours of a day
    middling = [hour - timedelta(days=3) + timedelta(minutes=20 * number) for number in range(6)]
    recent = [hour - timedelta(hours=2) + timedelta(minutes=number) for number in range(3)]
    times = [*old, *middling, *recent]
    for number, at in enumerate(times):
        await kept.register(f"N{number}")
        await settle(keeping, rounds=4 if not number else 1)
        await kept.sql(
            "UPDATE log_checkpoint SET published_at = $1 WHERE size = $2 AND note LIKE '%regist%'",
            at,
            number + 1,
        )
    await settle(kept.keeping())
    log = await kept.log(YEAR)
    async with kept.database.connection() as connection:
        left = await store.all_published(connection, log.log_id)
        await export(
            connection,
            tmp_path / "out",
            lambda name: kept.keys.verifiers(f"{ORIGIN}/{name}"),
            [kept.witness.key],
        )
    assert [one.size for one in left] == [1, 12, 15, 18, 19, 20, 21]
    result = run(Question((tmp_path / "out",), processes=1))
    assert result.holds, result.findings
    assert [one.checkpoints for one in result.logs if one.name == YEAR] == [7]


async def standing_logs(kept: Kept) -> dict[Kind, tuple[int, int]]:
    """What is told of the logs: entries, and those that are not published."""
    found = await kept.database.transaction(standing._logs)
    return {kind: (log.size, log.unpublished) for kind, log in found.items()}


async def checkpoint_at(kept: Kept, name: str, size: int) -> Checkpoint:
    """One that was kept."""
    log = await kept.log(name)
    async with kept.database.connection() as connection:
        kept_ones = await store.all_published(connection, log.log_id)
    (note,) = (one.note for one in kept_ones if one.size == size)
    return Checkpoint.parse(SignedNote.parse(note).text)


async def test_what_is_lost_is_said_in_bounds_where_the_log_grew_again(kept: Kept) -> None:
    """The database has as many leaves as were witnessed, and they are others."""
    other = NearWitness(kept.keys, "other.example.invalid")
    await kept.register("A")
    await settle(kept.keeping())
    await kept.register("B", "C")
    await settle(kept.keeping())
    await back_to(kept, 1)
    kept.witness.away = True
    await kept.register("D", "E", "F")
    await settle(kept.keeping(kept.witness, other, needed=1))
    await kept.sql("DELETE FROM log_checkpoint WHERE size > 1 AND note LIKE $1", NOTE)
    kept.witness.away = False
    made = await succeed(kept.database, kept.publisher(), kept.keys, ORIGIN, "a disk", kept.now)
    assert made == [Succeeded(YEAR, f"{YEAR}-2", carried=4, shared=1, witnessed=3)]
    assert (made[0].lost_at_least, made[0].lost_at_most) == (0, 2)


async def test_nobody_succeeds_anything_while_no_witness_answers(kept: Kept) -> None:
    await kept.register("A", "B")
    await settle(kept.keeping())
    kept.witness.away = True
    with pytest.raises(WitnessAway, match="nobody can say what is lost"):
        await succeed(kept.database, kept.publisher(), kept.keys, ORIGIN, "a disk", kept.now)
    assert (await kept.log(YEAR)).closed_at is None


async def test_a_successor_begins_with_what_is_left(kept: Kept) -> None:
    await kept.register("A")
    await settle(kept.keeping())
    await kept.register("B", "C")
    await settle(kept.keeping())
    last = await kept.sql("SELECT note FROM log_checkpoint WHERE size = 3 AND note LIKE $1", NOTE)
    await back_to(kept, 2)
    await kept.register("D")
    with pytest.raises(LogBehind):
        await kept.keeping().round()
    made = await succeed(
        kept.database,
        kept.publisher(),
        kept.keys,
        ORIGIN,
        "restored from a backup",
        kept.now,
        [SignedNote.parse(last)],
    )
    assert made == [Succeeded(YEAR, f"{YEAR}-2", carried=2, shared=1, witnessed=3)]
    assert (made[0].lost_at_least, made[0].lost_at_most) == (1, 2)
    again = await succeed(kept.database, kept.publisher(), kept.keys, ORIGIN, "again", kept.now)
    assert again == []
    await settle(kept.keeping())
    tags = [Leaf.parse(entry).tag for entry in await entries_of(kept, f"{YEAR}-2")]
    assert tags == [kept.keys.leaf.tag(f"{kept.prefix}/{suffix}") for suffix in "ABD"]
    assert (await published(kept, f"{YEAR}-2")).size == 3
    said = [Statement.parse(entry) for entry in await entries_of(kept, "statements")]
    (told,) = (one.content for one in said if one.kind == "log-succeeded")
    assert told == {
        "log": YEAR,
        "successor": f"{YEAR}-2",
        "carried": 2,
        "carried_root": (await kept.log(YEAR)).root.hex(),
        "shared": 1,
        "shared_root": (await checkpoint_at(kept, YEAR, 1)).root.hex(),
        "witnessed": 3,
        "witnessed_root": Checkpoint.parse(SignedNote.parse(last).text).root.hex(),
        "lost_at_least": 1,
        "lost_at_most": 2,
        "reason": "restored from a backup",
    }
    assert (await kept.log(YEAR)).closed_at is not None
    await kept.register("E")
    await settle(kept.keeping())
    assert (await published(kept, f"{YEAR}-2")).size == 4
    assert (await standing_logs(kept))[Kind.REGISTRATIONS] == (4, 0)


async def test_a_year_is_closed_when_every_registration_of_it_has_its_leaf(kept: Kept) -> None:
    year = datetime.now(UTC).year - 1
    await kept.register("A", form=Form(False, kept.form.sealing))  # before there is a log
    await kept.sql("UPDATE batch SET registered_at = $1", datetime(year, 12, 31, 8, tzinfo=UTC))
    await kept.sql(
        "UPDATE day_ledger SET closed_until = $1", datetime(year, 12, 31, 16, tzinfo=UTC)
    )
    for _ in range(2):
        await settle(kept.keeping())
    leaves = [Leaf.parse(entry) for entry in await entries_of(kept, f"registrations-{year}")]
    assert [leaf.backfilled for leaf in leaves] == [True]
    assert (await kept.log(f"registrations-{year}")).closed_at is not None


async def test_once_a_log_is_kept_nothing_is_registered_without_a_leaf(kept: Kept) -> None:
    silent = Form(False, kept.form.sealing)
    await kept.register("A", form=silent)
    await kept.keeping().round()
    with pytest.raises(LogKeysMissing, match="log_keys_folder"):
        await kept.register("B", form=silent)
    assert await kept.register("A", form=silent) == 0  # what is there already
    assert await kept.sql("SELECT count(*) FROM identifier") == 1
    assert await kept.register("B") == 1


async def test_who_registers_without_a_log_is_older_than_the_log(kept: Kept) -> None:
    """The commitment to K waits for transactions under way, and says a later time than theirs."""
    bulk = Bulk(kept.database, Form(False, kept.form.sealing))
    lines = [bulk.line(1, Identifier(kept.prefix, "A"), "[]")]
    async with kept.database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await bulk.commit_in(connection, Terms(kept.actor, Method.STREAM), {kept.prefix: lines})
        claiming = asyncio.create_task(kept.keeping().round())
        async with asyncio.timeout(15):
            while not await kept.sql(WAITED_FOR):  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.01)
        await transaction.commit()
    await claiming
    since = await kept.sql("SELECT since FROM leaf_key")
    assert await kept.sql("SELECT max(registered_at) FROM batch") < since


async def test_days_closed_before_there_was_a_log_are_stated_after_the_commitment(
    kept: Kept,
) -> None:
    await kept.database.transaction(lambda tx: store.owe_statement(tx, DAY.text))
    await settle(kept.keeping())
    said = [Statement.parse(entry) for entry in await entries_of(kept, "statements")]
    assert [one.kind for one in said][:2] == ["leaf-key", "daily-totals"]


async def test_trouble_with_the_log_does_not_end_the_node(kept: Kept) -> None:
    await kept.register("A", "B", "C")
    await settle(kept.keeping())
    await back_to(kept, 2)
    keeping = kept.keeping()
    registry = CollectorRegistry()
    registry.register(UpkeepCollector(keeping))
    assert generate_latest(registry) == b"", "another process keeps it"
    running = asyncio.create_task(keeping.run())
    await asyncio.sleep(0)
    assert b"biaoshi_log_up 1.0" in generate_latest(registry)
    async with asyncio.timeout(60):
        while keeping.trouble is None:  # noqa: ASYNC110 - production code needs no event for it
            await asyncio.sleep(0.01)
    assert "log succeed" in keeping.trouble
    assert b"biaoshi_log_up 0.0" in generate_latest(registry)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert generate_latest(registry) == b"", "this process is not the keeper any more"


async def test_waiting_for_a_witness_is_told(kept: Kept) -> None:
    kept.witness.away = True
    await kept.register("A")
    keeping = kept.keeping()
    running = asyncio.create_task(keeping.run())
    async with asyncio.timeout(30):
        while keeping.trouble != WAITING:  # noqa: ASYNC110 - production code needs no event for it
            await asyncio.sleep(0.01)
        kept.witness.away = False
        while keeping.trouble is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_after_a_standstill_old_leaves_are_taken_in_before_anything_is_cosigned(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that came after a cosignature would look backdated."""
    monkeypatch.setattr("metrics.log.sequencer.MOST_BATCHES", 1)
    monkeypatch.setattr("metrics.log.keeping.STEPS", 1)
    keeping = kept.keeping()
    await settle(keeping)
    for suffix in "ABC":
        await kept.register(suffix)
    await kept.sql("UPDATE batch SET registered_at = registered_at - interval '2 hours'")
    for _ in range(3):
        await keeping.round()
    async with kept.database.connection() as connection:
        [log] = [one for one in await store.logs(connection) if one.kind is Kind.REGISTRATIONS]
        sizes = [one.size for one in await store.all_published(connection, log.log_id)]
    assert sizes == [3]


async def test_a_statement_committed_late_is_not_lost(kept: Kept) -> None:
    """Its number is smaller than that of one which was taken in meanwhile."""

    async def owed(connection: Connection) -> list[tuple[int, str]]:
        return await store.owed_statements(connection, 10)

    async with kept.database.connection() as late, kept.database.connection() as sequencer:
        transaction = late.transaction()
        await transaction.start()
        await store.owe_statement(late, "late")
        await kept.database.transaction(lambda tx: store.owe_statement(tx, "early"))
        [(number, body)] = await owed(sequencer)
        assert body == "early"
        await transaction.commit()
        await store.settle_statements(sequencer, [number])
        assert [body for _, body in await owed(sequencer)] == ["late"]


async def test_a_witness_that_refuses_one_log_is_asked_about_the_others(kept: Kept) -> None:
    choosy = NearWitness(kept.keys, "choosy.example.invalid")
    choosy.desk._trusted = lambda origin: (
        [] if origin.endswith("/statements") else kept.keys.verifiers(origin)
    )
    await kept.register("A")
    await settle(kept.keeping(kept.witness, choosy))
    log = await kept.log(YEAR)
    async with kept.database.connection() as connection:
        found = await store.published(connection, log.log_id)
    assert found is not None
    assert SignedNote.parse(found.note).by(choosy.key)


async def test_an_export_names_the_keys_that_signed_before(kept: Kept, tmp_path: Path) -> None:
    """Kept checkpoints, and the logs of closed years, are signed by no other."""
    folder = tmp_path / "log-keys"
    await kept.register("A")
    await settle(kept.keeping())
    for change in (log_keys.rotate, log_keys.retire):
        change(folder)
        kept.keys = LogKeys.load(folder)
    kept.witness.desk._trusted = kept.keys.verifiers
    kept.witness.memory.checkpoints.clear()
    await kept.register("B")
    await settle(kept.keeping())
    keys = kept.keys
    async with kept.database.connection() as connection:
        await export(
            connection,
            tmp_path / "out",
            lambda name: keys.verifiers(f"{ORIGIN}/{name}"),
            [kept.witness.key],
        )
    result = run(Question((tmp_path / "out",), processes=1))
    assert result.holds, result.findings
    assert [log.checkpoints for log in result.logs if log.name == YEAR] == [2]


async def test_a_dump_has_what_is_published_and_tells_imports_apart(
    kept: Kept, tmp_path: Path
) -> None:
    await kept.register("FOREIGN")
    await kept.sql("DELETE FROM leaf_owed")
    await kept.sql("UPDATE batch SET method = $1", Method.IMPORT)
    await kept.register(*"ABC")
    await settle(kept.keeping())
    await kept.register("LATE")
    file = tmp_path / "dump"
    async with kept.database.connection() as connection:
        file.write_bytes(b"".join([some async for some in dumped(connection)]))
    known = [f"{kept.prefix}/{suffix}" for suffix in "ABC"]
    foreign = f'{{"handle":"{kept.prefix}/FOREIGN","imported":true}}'
    assert file.read_text().split() == [*known, foreign]
    assert list(identifiers(file)) == known
