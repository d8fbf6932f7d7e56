"""The worker takes jobs under a lease and advances them. Any number of processes may have some:
a job is in one worker's hands at a time, and one that died is followed by another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import asyncpg
import structlog

from registry.database import Database
from registry.errors import BiaoshiError, Unavailable
from registry.job import store
from registry.job.job import JobError, JobKind, Lease, LeaseLost
from registry.job.ledger import Ledger, Told
from registry.job.report import Names
from registry.places import places
from registry.sealing import SealingKey
from registry.together import until_first

POLL_SECONDS = 1.0  # after which jobs of other processes are noticed
RENEWALS = 3  # within the time of a lease
MAX_STALLS = 10  # times that a job is taken without getting on, before it is given up
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

log = structlog.get_logger()


class JobStalled(Unavailable):
    kind = "job-stalled"
    title = "The job was tried again and again and did not get on"


class JobWork(Names, Protocol):
    """How jobs of one kind are advanced. Whatever happens to it, what the ledger committed stays
    and nothing else does."""

    async def run(self, lease: Lease, ledger: Ledger) -> None:
        """Advance a job until it is finished or must yield. Raises a BiaoshiError where it can
        never go on, LeaseLost where it is no longer this worker's."""


@dataclass(frozen=True, slots=True)
class Shift:
    """On what terms a worker works."""

    lease_seconds: float
    new_token: Callable[[], str]
    told: Told  # hears of every chunk that was committed


class Worker:
    """Owned by the tasks that run `run`, each of which has one job at a time."""

    def __init__(
        self,
        database: Database,
        sealing: SealingKey,
        works: Mapping[JobKind, JobWork],
        shift: Shift,
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._works = works
        self._shift = shift
        self._arrived = asyncio.Event()

    def wake(self) -> None:
        """Look for jobs now: one was added."""
        self._arrived.set()

    async def run(self) -> None:
        """Advance jobs until cancelled. While the database is away, wait for it."""
        while True:
            self._arrived.clear()
            token = self._shift.new_token()
            try:
                if not await self._work(token):
                    await self._wait()
            except asyncio.CancelledError:
                with suppress(*AWAY):
                    await self._give_back(token)
                raise

    async def _work(self, token: str) -> bool:
        """Take a job and advance it; whether there was one. Whoever cancels this may not learn
        whether a job was taken, but knows the token it would have been taken with."""
        try:
            lease = await self._take(token)
        except AWAY as error:
            log.warning("jobs-paused", error=type(error).__name__)
            return False
        if lease is not None:
            await self._serve(lease)
        return lease is not None

    async def _take(self, token: str) -> Lease | None:
        seconds = self._shift.lease_seconds
        return await self._database.transaction(lambda tx: store.take(tx, token, seconds))

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._arrived.wait()

    async def _serve(self, lease: Lease) -> None:
        """Advance one job. What goes wrong with it harms no other; unless it is plain that the job
        can never go on, it is tried again when the lease has ended."""
        try:
            await self._advance(lease)
        except LeaseLost:
            log.info("job-lost", job=lease.job_id)
        except AWAY as error:
            log.warning("job-paused", job=lease.job_id, error=type(error).__name__)
        except Exception as error:
            name = type(error).__name__
            log.error("job-crashed", job=lease.job_id, error=name, at=places(error, depth=8))

    async def _advance(self, lease: Lease) -> None:
        ledger = Ledger(
            self._database,
            self._sealing,
            lease,
            seconds=self._shift.lease_seconds,
            told=self._shift.told,
        )
        try:
            if lease.stalls > MAX_STALLS:
                raise JobStalled(f"given up after {MAX_STALLS} attempts")
            # A lost lease ends the work in its midst.
            await until_first(self._works[lease.kind].run(lease, ledger), self._renew(lease))
            if not ledger.finished:
                await self._give_back(lease.token)
        except BiaoshiError as error:
            async with self._database.connection() as connection:
                await store.fail(connection, lease, JobError.of(error))

    async def _give_back(self, token: str) -> None:
        async with self._database.connection() as connection:
            await store.give_back(connection, token)

    async def _renew(self, lease: Lease) -> None:
        """Keep the lease. Raises LeaseLost where the job was cancelled, or is another worker's."""
        while True:
            await asyncio.sleep(self._shift.lease_seconds / RENEWALS)
            try:
                async with self._database.connection() as connection:
                    if not await store.renew(connection, lease, self._shift.lease_seconds):
                        raise LeaseLost
            except AWAY as error:
                log.warning("lease-not-renewed", job=lease.job_id, error=type(error).__name__)
