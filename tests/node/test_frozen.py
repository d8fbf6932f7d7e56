"""Keepers whose process is frozen (SIGSTOP) for longer than their term lasts. Woken, they commit
nothing: neither what they were about to do, nor what they were in the midst of."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from metrics.closing.closer import Closer
from metrics.closing.retention import Retention
from metrics.counting.counter import Counter
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SECOND
from metrics.counting.owners import OwnerTable
from metrics.counting.reason import Reason
from metrics.instruments import Instruments
from metrics.journal import store as journals
from metrics.log.backfill.backfill import Backfill
from metrics.log.sequencer import Sequencer
from node import housekeeping
from node.keeper import Keeper
from node.uplink.messages import PrefixState as Filed
from node.uplink.messages import PrefixStatus, ReviewVerdict, Verdict
from node.uplink.sender import Sender
from registry.access.actor import console
from registry.access.once import OnceRunner
from registry.database import Connection, Database, connect
from registry.keeper import store
from registry.keeper.fence import Fence, TermOver, unfenced
from registry.prefix.prefixes import Prefixes, PrefixWish
from registry.record.archive import Form
from registry.sealing import SealingKey
from tests.forked import FORK
from tests.metrics.closing.conftest import NEXT, Office, bureau, office
from tests.metrics.counting.conftest import START, Ask
from tests.metrics.journal.conftest import Clock
from tests.metrics.journal.test_shipper import Process
from tests.metrics.log.conftest import ORIGIN, Kept, database, kept, keys

__all__ = ["bureau", "database", "kept", "keys", "office"]

MIDNIGHT = A_DAY // SECOND
NOW = datetime.now(UTC)
KEPT_OUT, DONE, CUT_OFF = 10, 11, 12  # exit codes

# A keeper's work. It is given the database as it is, and the fence.
Work = Callable[[Database, Fence], Awaitable[Any]]


class Frozen:
    """A keeper in a process of its own, which stops itself at the beginning of one of its
    transactions: `before` the fence, or after. Or any other process, which knows no fence."""

    def __init__(
        self,
        url: str,
        work: Work,
        transaction: int = 1,
        *,
        before: bool = True,
        keeps: bool = True,
    ) -> None:
        self._url = url
        self._keeps = keeps
        self._work = work
        self._transaction = transaction
        self._before = before
        self._process = FORK.Process(target=self._run)

    async def until_frozen(self, database: Database) -> None:
        async with database.connection() as connection:
            self._term = await store.begin_term(connection, "frozen")
        self._process.start()
        assert self._process.pid is not None
        async with asyncio.timeout(60):
            while True:
                options = os.WUNTRACED | os.WNOHANG
                pid, status = os.waitpid(self._process.pid, options)  # noqa: ASYNC222 - no hang
                if pid:
                    break
                await asyncio.sleep(0.01)
        assert os.WIFSTOPPED(status), f"it was never frozen: {status}"

    async def woken(self) -> int:
        """How it ended."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)
        await asyncio.to_thread(self._process.join, 60)
        assert self._process.exitcode is not None
        return self._process.exitcode

    def kill(self) -> None:
        if self._process.pid is not None and self._process.exitcode is None:
            os.kill(self._process.pid, signal.SIGKILL)

    def _run(self) -> None:
        signal.set_wakeup_fd(-1)
        os._exit(asyncio.run(self._outcome()))

    async def _outcome(self) -> int:
        keeper = Keeper(self._url, "frozen", lambda _: None)
        keeper._term = self._term
        left = self._transaction

        async def fence(tx: Connection) -> None:
            nonlocal left
            left -= 1
            if self._before and not left:
                os.kill(os.getpid(), signal.SIGSTOP)
            if self._keeps:
                await keeper.fence(tx)
            if not self._before and not left:
                os.kill(os.getpid(), signal.SIGSTOP)

        try:
            async with connect(self._url, size=2, statement_timeout=20) as database:
                await self._work(database, fence)
        except TermOver:
            return KEPT_OUT
        except Exception as error:
            return CUT_OFF if _was_cut_off(error) else 1
        return DONE


def _was_cut_off(error: BaseException) -> bool:
    return "idle" in str(error) or "connection" in str(error).lower()


async def _content(database: Database) -> dict[str, str]:
    """All that the database holds, but who the keeper is."""
    async with database.connection() as connection:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'keeper'"
        )
        return {
            name: await connection.fetchval(
                f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{name}" t'
            )
            for (name,) in tables
        }


async def _stays_out(
    url: str, database: Database, work: Work, transaction: int = 1, *, again: Work | None = None
) -> None:
    """Frozen before a transaction, it commits nothing any more; who is not, does."""
    frozen = Frozen(url, work, transaction)
    try:
        await frozen.until_frozen(database)
        found = await _content(database)
        async with database.connection() as connection:
            await store.begin_term(connection, "successor")
        assert await frozen.woken() == KEPT_OUT
    finally:
        frozen.kill()
    assert await _content(database) == found
    await (again or work)(database, unfenced)
    assert await _content(database) != found, "there was nothing to be done"


# What is counted


async def test_counting(office: Office, database: Database, database_url: str) -> None:
    worker = await office.bureau.worker()
    await worker.note(Ask(10), until=200)

    async def work(database: Database, fence: Fence) -> None:
        await database.transaction(Counter(OwnerTable(), fence=fence).round)

    await _stays_out(database_url, database, work)


@pytest.mark.parametrize("transaction", [1, 2])
async def test_closing(
    office: Office, database: Database, database_url: str, transaction: int
) -> None:
    """Before the day is ended, and before it is concluded."""
    await office.register("A")
    await office.count_the_day()

    async def work(database: Database, fence: Fence) -> None:
        await Closer(database, os.urandom, fence).close()

    await _stays_out(database_url, database, work, transaction)


async def test_keeping_journals(office: Office, database: Database, database_url: str) -> None:
    worker = await office.bureau.worker()
    await worker.note(Ask(10), until=MIDNIGHT)
    assert await office.close() is not None

    async def work(database: Database, fence: Fence) -> None:
        await Retention(database.behind(fence), lambda: NOW, 10_000).work()

    await _stays_out(database_url, database, work)


async def test_housekeeping(database: Database, database_url: str) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """INSERT INTO idempotency (actor, key, digest, created_at)
               VALUES ('a', 'k', '', '2020-01-01')"""
        )
    ended = asyncio.Event()

    async def work(database: Database, fence: Fence) -> None:
        async def told(tx: Connection) -> None:
            try:
                await fence(tx)
            except TermOver:
                ended.set()
                raise

        run = asyncio.create_task(housekeeping.run(database.behind(told), lambda: NOW))
        async with asyncio.timeout(60):
            while not ended.is_set():
                async with database.connection() as connection:
                    if not await connection.fetchval("SELECT count(*) FROM idempotency"):
                        break
                await asyncio.sleep(0.02)
        assert not run.done(), "what a work dies of would end the process"
        run.cancel()
        if ended.is_set():
            raise TermOver("it was told so")

    await _stays_out(database_url, database, work)


# The certified log


async def test_sequencing(kept: Kept, database: Database, database_url: str) -> None:
    await kept.keeping().round()
    await kept.register("A", "B")

    async def work(database: Database, fence: Fence) -> None:
        await Sequencer(database, kept.keys, ORIGIN, lambda: kept.now, fence=fence).step()

    await _stays_out(database_url, database, work)


async def test_publishing(kept: Kept, database: Database, database_url: str) -> None:
    await kept.keeping().round()
    await kept.register("A", "B")
    await Sequencer(database, kept.keys, ORIGIN, lambda: kept.now).step()

    async def work(database: Database, fence: Fence) -> None:
        await kept.publisher(database=database.behind(fence)).publish()

    await _stays_out(database_url, database, work)


async def test_leaves_of_before(kept: Kept, database: Database, database_url: str) -> None:
    await kept.register("A", "B", form=Form(False, kept.form.sealing))

    async def work(database: Database, fence: Fence) -> None:
        made = Backfill(database.behind(fence), kept.keys.leaf.material, lambda: kept.now)
        await made.step()

    await _stays_out(database_url, database, work)


async def test_thinning_out(kept: Kept, database: Database, database_url: str) -> None:
    for suffix in "ABCD":  # the first of a log and the last of a day are kept
        await kept.register(suffix)
        await kept.keeping().round()
    async with database.connection() as connection:
        await connection.execute("UPDATE log_checkpoint SET published_at = '2026-01-01 10:10Z'")

    async def work(database: Database, fence: Fence) -> None:
        await kept.keeping(database=database.behind(fence))._tidy()

    await _stays_out(database_url, database, work)


# The national node


class Authority:
    """A national node that approves of everything."""

    async def file_prefix(self, message: Any) -> PrefixStatus:
        return self._status(message.prefix)

    async def prefix_status(self, prefix: str) -> PrefixStatus:
        return self._status(prefix)

    def _status(self, prefix: str) -> PrefixStatus:
        review = ReviewVerdict(Verdict.APPROVED, 0, "可以")
        return PrefixStatus(prefix, 1, Filed.ACTIVE, "F-1", 0, review)


@pytest.mark.parametrize("transaction", [1, 2, 4])
async def test_the_uplink(
    kept: Kept, database: Database, database_url: str, transaction: int
) -> None:
    """Before something owed is leased, before it is settled, before a verdict is taken over."""
    once = OnceRunner(database, SealingKey.generate())
    prefixes = Prefixes(database, once, "88.118", allow_private=False)
    number = kept.actor.enterprise_id
    prefix = (await prefixes.request(console(), PrefixWish(enterprise_id=number))).prefix
    await prefixes.approve(console(), prefix)
    async with database.connection() as connection:  # that of the prefix that is active already
        await connection.execute("DELETE FROM outbox WHERE subject = $1", kept.prefix)

    async def work(database: Database, fence: Fence) -> None:
        behind = database.behind(fence)
        fenced = Prefixes(behind, once, "88.118", allow_private=False)
        await Sender(behind, fenced, Authority(), Instruments("test"))._round()  # type: ignore[arg-type]

    async def again(database: Database, fence: Fence) -> None:
        async with database.connection() as connection:
            await connection.execute("UPDATE outbox SET next_attempt_at = now()")
        await work(database, fence)

    await _stays_out(database_url, database, work, transaction, again=again)
    assert (await prefixes.get(console(), prefix)).state == 1


# In the midst of it


async def test_in_the_midst_of_a_transaction(
    office: Office, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its successor waits until the server has ended what it was about, and then it can't go on."""
    monkeypatch.setattr(store, "IDLE", "500ms")
    worker = await office.bureau.worker()
    await worker.note(Ask(10), until=200)

    async def work(database: Database, fence: Fence) -> None:
        await database.transaction(Counter(OwnerTable(), fence=fence).round)

    frozen = Frozen(database_url, work, before=False)
    try:
        await frozen.until_frozen(database)
        found = await _content(database)
        async with database.connection() as connection:
            await store.begin_term(connection, "successor")
        assert await frozen.woken() == CUT_OFF
    finally:
        frozen.kill()
    assert await _content(database) == found


# Who is no keeper


async def test_shipping(
    office: Office, database: Database, database_url: str, tmp_path: Path
) -> None:
    """What a process noted comes in once it wakes: whole, once, late where its day is closed."""
    async with database.connection() as connection:
        writer = await journals.add_writer(connection, "host", 1, START)

    async def work(database: Database, fence: Fence) -> None:
        clock = Clock()
        clock.now = START + 10 * SECOND
        process = Process(database.behind(fence), tmp_path, writer, clock)
        process.note(5)
        await process.shipper.ship()

    office.bureau.counter = Counter(OwnerTable(), patience=0.0)
    frozen = Frozen(database_url, work, keeps=False)
    try:
        await frozen.until_frozen(database)
        totals = await office.close()
        assert totals is not None
        assert totals.records == 0
        assert await frozen.woken() == DONE
    finally:
        frozen.kill()
    assert await office.bureau.fetchval("SELECT shipped FROM journal_writer") == 5
    totals = await office.close(NEXT)
    assert totals is not None
    assert (totals.records, totals.requests) == (5, {Reason.LATE: 5})
