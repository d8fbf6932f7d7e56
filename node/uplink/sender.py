"""The sender: delivers what the outbox owes the national node, and learns its verdicts.

It runs beside the surfaces and never in their way: with the national node down, items wait and
are tried again with growing pauses. Any number of senders may run; each item is leased to one. The
keeper's is given a database behind the fence, its prefixes too: a verdict that was heard before its
process was frozen might be about an earlier filing than the one that is under review now.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from functools import partial

import structlog

from metrics.instruments import Instruments
from node.uplink.client import NationalNodeClient, concerns_content
from node.uplink.filing import filing
from node.uplink.messages import PrefixStatus, Verdict
from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.enterprise import store as enterprises
from registry.enterprise.enterprise import EnterpriseState
from registry.errors import NationalNodeRefused, NationalNodeUnavailable
from registry.keeper.fence import TermOver
from registry.keeper.store import tell_national_node
from registry.prefix import store
from registry.prefix.prefix import PrefixState
from registry.prefix.prefixes import DELETE, FILE, Prefixes
from registry.prefix.store import Owed

LEASE = 120.0  # seconds; longer than one call to the national node with all its retries
PAUSE_FIRST, PAUSE_MOST = 1.0, 300.0  # seconds between tries of one item
DOUBLINGS = 10  # of the first pause, more than the longest one has
TICK = 1.0  # seconds between looks at the outbox when nothing wakes the sender
REVIEWS = 10_000  # prefixes under review that are kept in view
ASK_MOST = 60.0  # seconds between questions about one review

log = structlog.get_logger()


class _NotYet(Exception):
    """An item that this node itself holds back for now."""


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
        self.answered: bool  # whether the last request was answered; taken to be so at first
        self._actor = Actor("national-node", request_id="uplink")
        self._asked: dict[str, tuple[int, float]] = {}  # how often, loop time of the next
        self._told: bool | None = None  # of that, the other processes
        self._reached(True)

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
            except TermOver:
                log.warning("uplink-ends")  # this work is about to be cancelled
            except Exception as error:
                log.error("uplink-round-failed", error=f"{type(error).__name__}: {error}")
            await self._wait()

    async def _round(self) -> None:
        if await self._deliver_all():
            await self._learn_verdicts()
        await self._measure()

    async def _deliver_all(self) -> bool:
        """Deliver what is due. False where the national node takes nothing from us now: the rest
        would fare no better."""
        while owed := await self._database.transaction(lambda tx: store.lease(tx, LEASE)):
            if not await self._deliver(owed):
                return False
        return True

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(TICK):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _deliver(self, owed: Owed) -> bool:
        """Try one item. False where that says that others would fail as well."""
        try:
            outcome = await self._send(owed)
        except _NotYet as reason:
            await self._postpone(owed, str(reason))
            return True
        except (NationalNodeUnavailable, NationalNodeRefused) as error:
            if isinstance(error, NationalNodeRefused) and concerns_content(error):
                self._reached(True)
                await self._refused(owed, error)
                return True
            self._reached(False)
            await self._postpone(owed, error.detail)
            return False
        self._reached(True)
        await self._settle(owed, outcome)
        log.info("filed", kind=owed.kind, prefix=owed.subject, revision=owed.payload["revision"])
        return True

    async def _settle(self, owed: Owed, outcome: str) -> None:
        """The national node has taken this item."""

        async def settle(tx: Connection) -> None:
            await store.settle(tx, owed.outbox_id, outcome)
            await store.mark_filed(tx, owed.subject, owed.payload["revision"])

        await self._database.transaction(settle)

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
        if enterprise.state is EnterpriseState.APPLIED:  # its identity changed since
            raise _NotYet("the enterprise's identity has to be verified anew first")
        message = filing(prefix, enterprise, owed.payload["revision"])
        try:
            if owed.kind == FILE:
                return await self._client.file_prefix(message)
            return await self._client.update_prefix(message)
        except NationalNodeRefused as error:
            taken = await self._taken_before(owed) if concerns_content(error) else None
            if taken is None:
                raise
            return taken

    async def _taken_before(self, owed: Owed) -> PrefixStatus | None:
        """Where a filing stands that an earlier try brought home without our learning of it.

        It is refused when it comes again with what has been amended in the meantime.
        """
        if owed.attempts == 1:
            return None
        status = await self._client.prefix_status(owed.subject)
        return status if status and status.revision >= owed.payload["revision"] else None

    async def _postpone(self, owed: Owed, error: str) -> None:
        pause = min(PAUSE_FIRST * 2 ** min(owed.attempts - 1, DOUBLINGS), PAUSE_MOST)
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        await self._database.transaction(
            lambda tx: store.postpone(tx, owed.outbox_id, pause, error)
        )
        log.warning("filing-postponed", prefix=owed.subject, seconds=round(pause, 1), error=error)

    async def _refused(self, owed: Owed, error: NationalNodeRefused) -> None:
        """A refusal is final: sending the same again would be refused again.

        The item is settled last. Were it the other way round, a kill in between would leave the
        prefix under a review that nobody asks about.
        """
        log.error("filing-refused", kind=owed.kind, prefix=owed.subject, error=error.detail)
        if owed.kind == FILE:
            await self._prefixes.settle_review(self._actor, owed.subject, False, error.detail)
        outcome = f"refused: {error.detail}"
        await self._database.transaction(lambda tx: store.settle(tx, owed.outbox_id, outcome))

    async def _learn_verdicts(self) -> None:
        """Ask about the prefixes under review and take over what was decided."""
        for prefix in await self._to_ask():
            self._ask_again_later(prefix)
            try:
                status = await self._client.prefix_status(prefix)
            except (NationalNodeUnavailable, NationalNodeRefused) as error:
                log.warning("review-unknown", prefix=prefix, error=error.detail)
                if isinstance(error, NationalNodeRefused) and concerns_content(error):
                    continue  # it tells nothing about the others
                self._reached(False)
                return
            self._reached(True)
            if status is not None and status.review is not None:
                approved = status.review.verdict is Verdict.APPROVED
                await self._prefixes.settle_review(
                    self._actor, prefix, approved, status.review.reason
                )
                log.info("reviewed", prefix=prefix, state=PrefixState(status.state).name)

    async def _to_ask(self) -> list[str]:
        """The prefixes under review that it is time to ask about."""
        async with self._database.connection() as connection:
            waiting = await store.under_review(connection, REVIEWS)
        self._asked = {prefix: self._asked[prefix] for prefix in waiting if prefix in self._asked}
        now = asyncio.get_running_loop().time()
        return [prefix for prefix in waiting if self._asked.get(prefix, (0, now))[1] <= now]

    def _ask_again_later(self, prefix: str) -> None:
        """More and more rarely: a review may take weeks."""
        times, _ = self._asked.get(prefix, (0, 0.0))
        pause = min(TICK * 2 ** min(times, DOUBLINGS), ASK_MOST)
        self._asked[prefix] = times + 1, asyncio.get_running_loop().time() + pause

    def _reached(self, answered: bool) -> None:
        self.answered = answered
        self._instruments.national_node_up.set(answered)

    async def _measure(self) -> None:
        async with self._database.connection() as connection:
            items, since = await store.owed(connection)
        if self._told != (answered := self.answered):
            await self._database.transaction(partial(tell_national_node, answers=answered))
            self._told = answered
        self._instruments.outbox_items.set(items)
        age = (datetime.now(UTC) - since).total_seconds() if since else 0.0
        self._instruments.outbox_age.set(max(age, 0.0))
