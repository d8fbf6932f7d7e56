"""Serial blocks: consecutive codes of one pattern, expanded by the node chunk by chunk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import msgspec

from registry.access.actor import Actor
from registry.code import store as codes
from registry.code.pattern import Pattern
from registry.database import Connection
from registry.errors import InvalidInput
from registry.identifier import Identifier
from registry.job.admission import admit
from registry.job.job import Advance, Lease, content_of
from registry.job.ledger import Ledger
from registry.job.report import Named
from registry.job.store import Source
from registry.prefix.prefix import Holding
from registry.record.archive import Form
from registry.record.bulk import Bulk, Terms
from registry.record.registration import Method
from registry.series.series import Content, Series

MAX_COUNT = 100_000_000
CHUNK = 20_000  # serials


class BlockWish(msgspec.Struct, frozen=True, kw_only=True):
    """`count` codes of a pattern from the serial `start`, all with this content; without a start,
    from the next serial that nobody was given. Dates in codes are of the day `on`."""

    pattern: str
    count: int
    on: date
    content: Content
    start: int | None = None
    revive: bool = False


class Block(msgspec.Struct, frozen=True):
    """A block of which everything is settled."""

    pattern: str
    start: int
    count: int
    on: date
    revive: bool


async def settle(tx: Connection, holding: Holding, wish: BlockWish) -> Block:
    """The block that a wish comes to. Its serials are not handed out any more: later reservations
    and blocks begin behind it. Raises InvalidPattern, CodesExhausted or InvalidInput."""
    pattern = Pattern.parse(wish.pattern)
    if not pattern.is_serial:
        raise InvalidInput("a block needs a serial", field="pattern", rule="block-serial")
    if not 1 <= wish.count <= MAX_COUNT:
        raise InvalidInput(
            f"a block has 1 to {MAX_COUNT} identifiers", field="count", rule="block-count"
        )
    scope = pattern.scope(wish.on)
    start = wish.start
    if start is None:
        start = await codes.next_serial(tx, holding.prefix_id, scope)
    if start < 1:
        raise InvalidInput("serials count from 1", field="start", rule="block-start")
    first = next(pattern.expand(start, wish.count, wish.on))
    Identifier(holding.prefix, first)  # digits differ alone: if one is valid, all are
    await codes.pass_serials(tx, holding.prefix_id, scope, start + wish.count)
    return Block(wish.pattern, start, wish.count, wish.on, wish.revive)


class BlockWork:
    """Advances blocks. The position of a block is how many of its serials have been judged."""

    def __init__(self, bulk: Bulk, form: Form, *, chunk: int = CHUNK) -> None:
        self._bulk = bulk
        self._form = form
        self._chunk = chunk

    async def run(self, lease: Lease, ledger: Ledger) -> None:
        """Expand until the block is done, or the job must wait for others."""
        block = msgspec.json.decode(lease.parameters, type=Block)
        content = content_of(lease, self._form.sealing, Content)
        series = Series(self._bulk, self._form, _terms(lease.actor, block), content)
        pattern = Pattern.parse(block.pattern)

        async def chunk(tx: Connection) -> Advance:
            done = ledger.position
            count = min(self._chunk, block.count - done)
            texts = list(pattern.expand(block.start + done, count, block.on))
            holding = await admit(tx, self._form, lease.actor, lease.prefix)
            tally = await series.register(tx, holding, texts, done + 1)
            end = done + count
            return Advance(
                position=end,
                line=end,
                lines=range(done + 1, end + 1),
                tally=tally,
                finished=end == block.count,
            )

        while not ledger.finished:
            await ledger.commit(chunk)
            if await ledger.must_yield():
                return

    async def names(self, source: Source) -> AsyncIterator[list[Named]]:
        """The identifiers of a block, some at a time."""
        block = msgspec.json.decode(source.parameters, type=Block)
        pattern = Pattern.parse(block.pattern)
        for done in range(0, block.count, self._chunk):
            count = min(self._chunk, block.count - done)
            codes = pattern.expand(block.start + done, count, block.on)
            yield [
                Named(number, f"{source.prefix}/{code}")
                for number, code in enumerate(codes, start=done + 1)
            ]


def _terms(actor: Actor, block: Block) -> Terms:
    return Terms(actor, Method.BLOCK, revive=block.revive)
