"""The sequencer: makes gap-free logs of what committed transactions owe.

It takes what is owed, never what lies above a watermark, since transactions commit out of order.
Leaves, tiles, bundles, the new size and root and the deletion of what was owed are one transaction:
a log in the database is whole at every moment. Nothing is signed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from metrics.crew import Crew
from metrics.log import store
from metrics.log.keylist import KeyList
from metrics.log.keys import LogKeys
from metrics.log.leaf import ROW_BYTES, leaf_hashes, rows
from metrics.log.log import Kind, Log, name_of, year_end, year_of
from metrics.log.merkle import leaf_hash
from metrics.log.statement import LEAF_KEY, LOG_CLOSED, LOG_KEYS, LOG_OPENED, Statement
from metrics.log.store import Owed, Span
from metrics.log.tile import ENTRIES, WIDTH, Tile, pack, partials
from metrics.log.tree import Tree
from registry.database import Connection, Database
from registry.errors import Unavailable
from registry.keeper.fence import Fence, unfenced

MOST_BATCHES = 2_000  # in one transaction
MOST_BYTES = 64 * 50_000  # of owed leaves in one transaction, one batch more or less
MOST_STATEMENTS = 500
MUCH = 64 * 5_000  # bytes of owed leaves that another process had better hash


class LeafKeyDiffers(Unavailable):
    kind = "leaf-key-differs"
    title = "The certified log was made with other keys"


class LogClosed(Unavailable):
    kind = "log-closed"
    title = "The year's log is closed"


@dataclass(frozen=True, slots=True)
class Edge:
    """What a log's growth goes on from: its tree, and its last bundle where that is not full."""

    tree: Tree
    bundle: bytes


@dataclass(frozen=True, slots=True)
class Growth:
    """A log after it grew."""

    log: Log
    edge: Edge
    tiles: dict[Tile, bytes]
    spans: list[Span]


class Sequencer:
    """Only the elected keeper runs one; two at once would take turns and do no harm.

    `origin` is the node's; a log's own is that, a slash and the log's name. Large steps are
    computed by the `crew`.
    """

    def __init__(
        self,
        database: Database,
        keys: LogKeys,
        origin: str,
        now: Callable[[], datetime],
        crew: Crew | None = None,
        fence: Fence = unfenced,
    ) -> None:
        self._fence = fence
        self._crew = crew or Crew()
        self._database = database
        self._keys = keys
        self._origin = origin
        self._now = now
        self._edges: dict[int, Edge] = {}

    async def begin(self) -> None:
        """Commit to K and open the statements log, unless that was done before; record which keys
        sign. Raises LeafKeyDiffers."""
        await self._database.transaction(self._begin)

    async def step(self, *, registrations: bool = True) -> int:
        """Take in some of what is owed; how many leaves that were. 0: nothing was owed.
        Raises LogClosed for leaves of a year that is over, which closing days in order prevents."""
        edges: dict[int, Edge] = {}

        async def work(tx: Connection) -> int:
            edges.clear()
            await self._fence(tx)
            await store.hold_sequencing(tx)
            statements = await self._take_statements(tx)
            leaves = await self._take_leaves(tx) if registrations else []
            for growth in (*statements, *leaves):
                edges[growth.log.log_id] = growth.edge
            return sum(growth.edge.tree.size - growth.log.size for growth in (*statements, *leaves))

        try:
            taken = await self._database.transaction(work)
        except BaseException:
            self._edges.clear()  # whether it was committed is not known: look again
            raise
        self._edges |= edges
        return taken

    async def close_years(self, closed_until: datetime) -> list[str]:
        """Close the logs of years that no registration can fall into any more; their names.
        `closed_until` is the end of the last closed day."""

        async def work(tx: Connection) -> list[str]:
            await self._fence(tx)
            await store.hold_sequencing(tx)
            closed = []
            for log in await store.logs(tx):
                if not log.over(closed_until) or await store.any_owed(tx, year_end(log.year)):
                    continue
                await self._close(tx, log)
                closed.append(log.name)
            return closed

        return await self._database.transaction(work)

    async def _close(self, tx: Connection, log: Log) -> None:
        at = self._now()
        await store.close_log(tx, log.log_id, at)
        content = {"log": log.name, "size": log.size, "root": log.root.hex()}
        await store.owe_statement(tx, Statement(LOG_CLOSED, at, content).text)

    async def _begin(self, tx: Connection) -> None:
        await self._fence(tx)
        await store.hold_sequencing(tx)
        await claim(tx, self._keys, self._origin)
        await self._record_keys(tx)
        if not [log for log in await store.logs(tx) if log.kind is Kind.STATEMENTS]:
            await store.open_log(tx, Kind.STATEMENTS, 0, 1, name_of(Kind.STATEMENTS, 0, 1))

    async def _record_keys(self, tx: Connection) -> None:
        """State which keys sign from now on, where they are others than before."""
        signers = self._keys.signers(f"{self._origin}/statements")
        if await store.note_signing_keys(tx, [str(one.verifier) for one in signers]):
            content = KeyList.signed(signers).content
            await store.owe_statement(tx, Statement(LOG_KEYS, self._now(), content).text)

    async def _take_statements(self, tx: Connection) -> list[Growth]:
        owed = await store.owed_statements(tx, MOST_STATEMENTS)
        if not owed:
            return []
        log = await self._present(tx, Kind.STATEMENTS, 0)
        entries = [body.encode() for _, body in owed]
        edge = await self._edge(tx, log)
        growth = _grown(log, edge, [leaf_hash(entry) for entry in entries], _packed(entries), [])
        await _write(tx, growth)
        await store.settle_statements(tx, [number for number, _ in owed])
        return [growth]

    async def _take_leaves(self, tx: Connection) -> list[Growth]:
        owed = await store.owed_leaves(tx, batches=MOST_BATCHES, most=MOST_BYTES)
        grown = []
        by_year = sorted(owed, key=lambda one: year_of(one.at))
        for year, some in groupby(by_year, key=lambda one: year_of(one.at)):
            log = await self._present(tx, Kind.REGISTRATIONS, year)
            edge = await self._edge(tx, log)
            growth = await self._compute(log, edge, list(some))
            await _write(tx, growth)
            grown.append(growth)
        if owed:
            await store.settle_leaves(tx, owed)
        return grown

    async def _compute(self, log: Log, edge: Edge, owed: list[Owed]) -> Growth:
        prefixes = {one.batch.prefix for one in owed}
        blinded = {prefix: self._keys.leaf.blinded(prefix) for prefix in prefixes}
        much = sum(len(one.leaves) for one in owed) > MUCH
        return await self._crew.do(_with_leaves, log, edge, owed, blinded, much=much)

    async def _present(self, tx: Connection, kind: Kind, year: int) -> Log:
        """The log that takes what is new, opened if there is none. Raises LogClosed."""
        found = [log for log in await store.logs(tx) if (log.kind, log.year) == (kind, year)]
        if found:
            if found[-1].closed_at is not None:
                raise LogClosed(f"{found[-1].name} was closed, and takes no further leaf")
            return found[-1]
        log = await store.open_log(tx, kind, year, 1, name_of(kind, year, 1))
        content = {"log": log.name, "origin": f"{self._origin}/{log.name}"}
        await store.owe_statement(tx, Statement(LOG_OPENED, self._now(), content).text)
        return log

    async def _edge(self, tx: Connection, log: Log) -> Edge:
        """From memory, or where another process has made the log grow, from its tiles."""
        known = self._edges.get(log.log_id)
        if known is not None and (known.tree.size, known.tree.root) == (log.size, log.root):
            return known
        return await read_edge(tx, log)


async def claim(tx: Connection, keys: LogKeys, origin: str) -> None:
    """Commit this database to K and its logs to their origin, with the first statement of all.
    Raises LeafKeyDiffers where it is committed to others."""
    commitment = keys.leaf.commitment
    since = await store.claim_leaf_key(tx, commitment, origin)
    if since is not None:
        sensitive = await store.case_sensitive(tx)
        content = {
            "commitment": commitment.hex(),
            "origin": origin,
            "case_sensitive": sensitive,
        }
        await store.owe_first_statement(tx, Statement(LEAF_KEY, since, content).text)
    claimed = await store.claimed_leaf_key(tx)
    assert claimed is not None  # it is there now
    if claimed[0] != commitment:
        raise LeafKeyDiffers("leaf.key is not the key that this database's leaves were made with")
    if claimed[1] != origin:
        raise LeafKeyDiffers(f"this database's logs are those of {claimed[1]}, not {origin}")


async def read_edge(connection: Connection, log: Log) -> Edge:
    """The edge of a log out of its tiles."""
    edge = partials(log.size)
    wanted = list(edge)
    if log.size % WIDTH:
        wanted.append(Tile(ENTRIES, log.size // WIDTH, log.size % WIDTH))
    held = await store.tiles(connection, log.log_id, wanted)
    tree = Tree.resume(
        log.size, {one: held.get((one.level, one.index), b"") for one in partials(log.size)}
    )
    return Edge(tree, held.get((ENTRIES, log.size // WIDTH), b""))


def _with_leaves(
    log: Log, edge: Edge, owed: Sequence[Owed], blinded: Mapping[str, bytes]
) -> Growth:
    """A log with the leaves of some batches, given their blinded prefixes. All computation."""
    hashes: list[bytes] = []
    parts: list[bytes] = []
    spans: list[Span] = []
    for one in owed:
        batch = one.batch
        made = rows(
            blinded[batch.prefix], batch.batch_id, one.at, one.leaves, backfilled=one.backfilled
        )
        spans.append(Span(batch.batch_id, one.part, log.size + len(hashes), len(made)))
        hashes += leaf_hashes(made)
        parts.append(made.tobytes())
    joined = b"".join(parts)
    return _grown(
        log, edge, hashes, lambda start, end: joined[start * ROW_BYTES : end * ROW_BYTES], spans
    )


def _grown(
    log: Log,
    edge: Edge,
    hashes: Sequence[bytes],
    packed: Callable[[int, int], bytes],
    spans: list[Span],
) -> Growth:
    """`packed` gives some of the new entries as a bundle has them."""
    tree = Tree(edge.tree.size, list(edge.tree.edge))
    tiles = tree.append(hashes)
    bundle = edge.bundle
    for index in range(log.size // WIDTH, (tree.size + WIDTH - 1) // WIDTH):
        start, end = max(index * WIDTH, log.size), min((index + 1) * WIDTH, tree.size)
        content = packed(start - log.size, end - log.size)
        if start > index * WIDTH:
            content = bundle + content
        tiles[Tile(ENTRIES, index, end - index * WIDTH)] = content
        bundle = content
    if tree.size % WIDTH == 0:
        bundle = b""
    return Growth(log, Edge(tree, bundle), tiles, spans)


def _packed(entries: Sequence[bytes]) -> Callable[[int, int], bytes]:
    return lambda start, end: pack(entries[start:end])


async def _write(tx: Connection, growth: Growth) -> None:
    tree = growth.edge.tree
    await store.grow(tx, growth.log, tree.size, tree.root, growth.tiles)
    await store.add_spans(tx, growth.log.log_id, growth.spans)
