"""The keeper: of all processes of a node, on all its hosts, the one that does what one alone must
do (counting, the log, what is owed to the national node).

It is elected by an advisory lock on a connection of its own. The lock goes with the connection, so
a keeper that is killed is followed within about a second, and one whose host is cut off or frozen
within SILENCE. A keeper that cannot hear the database ends its works long before that. A process
that was frozen in the midst of a work cannot know; `fence` keeps its transactions out.

The lock is a session's: between here and PostgreSQL there may be no pooler that shares sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
import structlog

from registry.database import DATABASE_AWAY, Connection
from registry.keeper import store
from registry.keeper.fence import TermOver
from registry.together import until_first

Work: TypeAlias = Callable[[], Coroutine[object, object, object]]

BEAT = 1.0  # seconds between looks at the seat, one's own or another's
PATIENCE = 3.0  # seconds without an answer after which a keeper ends its works
SILENCE = 10.0  # seconds after which the server gives a silent keeper's seat away

log = structlog.get_logger()


class Keeper:
    """Owned by the task that runs `run`. `told` hears whether this process is the keeper."""

    def __init__(self, database_url: str, name: str, told: Callable[[bool], None]) -> None:
        self._url = database_url
        self._name = name
        self._told = told
        self._term = 0  # 0: not the keeper

    async def run(self, works: Sequence[Work]) -> None:
        """Run the works whenever this process is the keeper, until cancelled.

        They begin anew with each term, and are cancelled and awaited when it ends. While the
        database is away there is no keeper. Raises what a work dies of.
        """
        while True:
            try:
                async with self._connection() as connection:
                    await self._wait_for_seat(connection)
                    await self._serve(connection, works)
            except DATABASE_AWAY as error:
                log.warning("election-failed", error=type(error).__name__)
            await asyncio.sleep(BEAT)

    async def fence(self, tx: Connection) -> None:
        """Raise TermOver where this process is no longer the keeper; if it is, no other becomes it
        before the transaction ends. Every transaction of a keeper's work begins with it."""
        if not self._term or not await store.hold_term(tx, self._term):
            raise TermOver("another process has become the keeper")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A session that the server ends when it hears nothing from here any more."""
        silence = str(int(SILENCE * 1000))
        connection = await asyncpg.connect(
            self._url,
            timeout=SILENCE,
            command_timeout=PATIENCE,
            server_settings={
                "application_name": "biaoshi keeper",
                "idle_session_timeout": silence,
                "tcp_user_timeout": silence,
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "2",
            },
        )
        try:
            yield connection
        finally:
            connection.terminate()  # which gives the seat away and never waits

    async def _wait_for_seat(self, connection: Connection) -> None:
        while not await store.take_seat(connection):  # noqa: ASYNC110 - the server is asked
            await asyncio.sleep(BEAT)

    async def _serve(
        self, connection: asyncpg.Connection[asyncpg.Record], works: Sequence[Work]
    ) -> None:
        """One term."""
        self._term = await store.begin_term(connection, self._name)
        log.info("keeper-elected", term=self._term)
        self._told(True)
        try:
            await self._work(connection, works)
        finally:
            log.info("keeper-ended", term=self._term)
            self._term = 0
            self._told(False)

    async def _work(
        self, connection: asyncpg.Connection[asyncpg.Record], works: Sequence[Work]
    ) -> None:
        async def to_the_end(work: Work) -> None:
            await work()
            await asyncio.Event().wait()  # the term goes on

        await until_first(_seat_lost(connection), *map(to_the_end, works))


async def _seat_lost(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Return when the connection has ended, or the server no longer answers on it."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while not connection.is_closed():
        try:
            async with asyncio.timeout(BEAT):
                await lost.wait()
        except TimeoutError:
            try:
                await connection.execute("SELECT")
            except (asyncpg.PostgresError, *DATABASE_AWAY):
                return
