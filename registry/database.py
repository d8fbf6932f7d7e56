"""The PostgreSQL pool and transactions that are tried again after a deadlock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar

import asyncpg
import stamina

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

T = TypeVar("T")

PATIENCE = 10.0  # seconds that a request waits for a connection of the pool

# The server chose this transaction as a deadlock's victim, or could not serialise it:
# nothing of it happened, so running it again is safe.
RETRIED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


def storable(text: str) -> bool:
    """Whether a text can be a parameter: PostgreSQL has no NUL, UTF-8 no half of a surrogate pair.
    What can't be stored can't be found either."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


# The database is away, restarting, full or too slow: the request may succeed later.
DATABASE_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # a statement's timeout and a server's shutdown too
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database takes no connections
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby answers
    asyncpg.DeadlockDetectedError,  # each time it was tried again
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server left in the middle of a conversation
    OSError,  # no socket to connect to, no answer, no time left
)


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database is away, and nothing about what it was asked.

    asyncpg tells of a parameter it can't send by an InterfaceError that is a ValueError too.
    """
    return isinstance(error, DATABASE_AWAY) and not isinstance(error, ValueError)


class Database:
    """Transactions on a pool. Safe to share between tasks of one event loop."""

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        fence: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        self._pool = pool
        self._fence = fence

    def behind(self, fence: Callable[[Connection], Awaitable[None]]) -> Database:
        """The same for a keeper's works: every transaction begins with the fence, and raises what
        that does. Whose transactions have to begin with something else call it themselves."""
        return Database(self._pool, fence)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for reading, outside any transaction."""
        async with self._pool.acquire(timeout=PATIENCE) as connection:
            yield connection

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in one transaction; its result is returned after the commit.

        `work` must have no effect but on the database: it runs again after a deadlock.
        """
        async for attempt in stamina.retry_context(
            on=RETRIED, attempts=5, wait_initial=0.01, wait_max=0.2
        ):
            with attempt:
                async with (
                    self._pool.acquire(timeout=PATIENCE) as connection,
                    connection.transaction(),
                ):
                    if self._fence is not None:
                        await self._fence(connection)
                    return await work(connection)
        raise AssertionError("unreachable: the last attempt returns or raises")


@asynccontextmanager
async def connect(url: str, *, size: int, statement_timeout: float) -> AsyncIterator[Database]:
    """Open a pool of `size` connections; no statement may take longer than the timeout, seconds."""
    settings = {
        "application_name": "biaoshi",
        "statement_timeout": str(int(statement_timeout * 1000)),
        "timezone": "UTC",
    }
    async with asyncpg.create_pool(
        url,
        min_size=min(2, size),
        max_size=size,
        timeout=10,
        # A server that is frozen, or cut off, never says that it has cancelled a statement.
        command_timeout=statement_timeout + 5,
        server_settings=settings,
        reset=_keep,
    ) as pool:
        yield Database(pool)


async def _keep(_: Connection) -> None:
    """Nothing here changes a session's state, so none needs a round trip to be undone. An open
    transaction is still rolled back by the pool itself."""
