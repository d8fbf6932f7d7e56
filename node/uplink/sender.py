"""The sender: delivers what the outbox owes the national node, and learns its verdicts.

It runs beside the surfaces and never in their way: with the national node down, items wait and
are tried again with growing pauses. Any number of senders may run; each item is leased to one.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import structlog

from metrics.instruments import Instruments
from node.uplink.client import NationalNodeClient
from node.uplink.filing import filing
from node.uplink.messages import PrefixStatus, Verdict
from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.enterprise import store as enterprises
from registry.errors import NationalNodeRefused, NationalNodeUnavailable
from registry.prefix import store
from registry.prefix.prefix import PrefixState
from registry.prefix.prefixes import DELETE, FILE, Prefixes
from registry.prefix.store import Owed

LEASE = 120.0  # seconds; longer than one call to the national node with all its retries
PAUSE_FIRST, PAUSE_MOST = 1.0, 300.0  # seconds between tries of one item
TICK = 1.0  # seconds between looks at the outbox when nothing wakes the sender
REVIEWS = 100  # prefixes under review asked about in one round

log = structlog.get_logger()


class Sender:
    """Owned by the task that runs `run`."""

    def __init__(
        self,
        database: Database,
        prefixes: Prefixes,
        client: NationalNodeClient,
        instruments: Instruments,
    ) -> None:
        self._database = database
        self._prefixes = prefixes
        self._client = client
        self._instruments = instruments
        self._woken = asyncio.Event()
        self.answered = True  # whether the last request was answered; taken to be so at first
        self._actor = Actor("national-node", request_id="uplink")

    def wake(self) -> None:
        """Something new is owed: look at once."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled. A database that is away is waited for."""
        while True:
            try:
                await self._round()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.error("uplink-round-failed", error=f"{type(error).__name__}: {error}")
            await self._wait()

    async def _round(self) -> None:
        while owed := await self._database.transaction(lambda tx: store.lease(tx, LEASE)):
            await self._deliver(owed)
        await self._learn_verdicts()
        await self._measure()

    async def _wait(self) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout(TICK):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _deliver(self, owed: Owed) -> None:
        try:
            outcome = await self._send(owed)
        except NationalNodeUnavailable as error:
            self._reached(False)
            await self._postpone(owed, error.detail)
            return
        except NationalNodeRefused as error:
            self._reached(True)
            await self._refused(owed, error)
            return
        self._reached(True)
        revision = owed.payload["revision"]

        async def settle(tx: Connection) -> None:
            await store.settle(tx, owed.outbox_id, outcome)
            await store.mark_filed(tx, owed.subject, revision)

        await self._database.transaction(settle)
        log.info("filed", kind=owed.kind, prefix=owed.subject, revision=revision)

    async def _send(self, owed: Owed) -> str:
        if owed.kind == DELETE:
            status = await self._client.delete_prefix(owed.subject)
        else:
            status = await self._file(owed)
        return f"{status.filing_id} {status.state.name}"

    async def _file(self, owed: Owed) -> PrefixStatus:
        """File the prefix as it is now. A later filing that is owed too says the same again."""
        async with self._database.connection() as connection:
            prefix = await store.get(connection, owed.subject)
            assert prefix is not None  # prefixes are never deleted
            enterprise = await enterprises.get(connection, prefix.enterprise_id)
            assert enterprise is not None
        message = filing(prefix, enterprise, owed.payload["revision"])
        if owed.kind == FILE:
            return await self._client.file_prefix(message)
        return await self._client.update_prefix(message)

    async def _postpone(self, owed: Owed, error: str) -> None:
        pause = min(PAUSE_FIRST * 2 ** (owed.attempts - 1), PAUSE_MOST)
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        await self._database.transaction(
            lambda tx: store.postpone(tx, owed.outbox_id, pause, error)
        )
        log.warning("filing-postponed", prefix=owed.subject, seconds=round(pause, 1), error=error)

    async def _refused(self, owed: Owed, error: NationalNodeRefused) -> None:
        """A refusal is final: sending the same again would be refused again."""
        outcome = f"refused: {error.detail}"
        await self._database.transaction(lambda tx: store.settle(tx, owed.outbox_id, outcome))
        log.error("filing-refused", kind=owed.kind, prefix=owed.subject, error=error.detail)
        if owed.kind == FILE:
            await self._prefixes.settle_review(self._actor, owed.subject, False, error.detail)

    async def _learn_verdicts(self) -> None:
        """Ask about the prefixes under review and take over what was decided."""
        async with self._database.connection() as connection:
            waiting = await store.under_review(connection, REVIEWS)
        for prefix in waiting:
            try:
                status = await self._client.prefix_status(prefix)
            except (NationalNodeUnavailable, NationalNodeRefused) as error:
                self._reached(False)
                log.warning("review-unknown", prefix=prefix, error=error.detail)
                return
            self._reached(True)
            if status is not None and status.review is not None:
                approved = status.review.verdict is Verdict.APPROVED
                await self._prefixes.settle_review(
                    self._actor, prefix, approved, status.review.reason
                )
                log.info("reviewed", prefix=prefix, state=PrefixState(status.state).name)

    def _reached(self, answered: bool) -> None:
        self.answered = answered
        self._instruments.national_node_up.set(answered)

    async def _measure(self) -> None:
        async with self._database.connection() as connection:
            items, since = await store.owed(connection)
        self._instruments.outbox_items.set(items)
        age = (datetime.now(UTC) - since).total_seconds() if since else 0.0
        self._instruments.outbox_age.set(max(age, 0.0))
