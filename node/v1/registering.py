"""The course of a stream of registrations."""

from __future__ import annotations

import msgspec

from node.http import body as bodies
from node.v1 import templated
from node.v1.export_end import is_end
from node.v1.item import Item
from node.v1.stream import Chunk, Settled, refused
from node.v1.templated import TemplatedLine
from node.wiring import Wiring
from registry.identifier import Identifier, fold_case
from registry.record.bulk import Terms
from registry.record.shape import Shapes
from registry.record.value import normalise


class Registering:
    """Registers what lines name. Simple lines take the quick way."""

    outcomes = ("created", "unchanged", "revived")
    most = 10_000

    def __init__(self, wiring: Wiring, terms: Terms) -> None:
        self._wiring = wiring
        self._bulk = wiring.bulk
        self._now = wiring.now
        self._terms = terms
        self._decode = msgspec.json.Decoder(Item).decode
        self.begin()

    def begin(self) -> None:
        """The lines of a chunk get the time at which it began."""
        self._shapes = Shapes(self._now())
        self._canonical: dict[str, str] = {}

    def add(self, number: int, text: bytes, chunk: Chunk) -> None:
        try:
            item = self._decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if is_end(text):
                return
            item = bodies.decode(text, Item)  # again, for its explanation
        identifier = Identifier.parse(item.handle)
        prefix = self._canonical.get(identifier.prefix)
        if prefix is None:
            prefix = self._canonical[identifier.prefix] = fold_case(identifier.prefix)
        if item.template is not None or item.attributes is not None:
            chunk.templated.append(TemplatedLine(number, identifier, item))
            return
        public = self._shapes.write(item.values)
        if public is not None:
            line = self._bulk.line(number, identifier, public)
        else:
            values = normalise(item.values, now=self._now())
            line = self._bulk.long_line(number, identifier, values)
        if prefix in chunk.lines:
            chunk.lines[prefix].append(line)
        else:
            chunk.lines[prefix] = [line]

    async def commit(self, chunk: Chunk) -> Settled:
        tally = await self._bulk.commit(self._terms, chunk.lines)
        tally.add(await templated.commit(self._wiring, self._terms, chunk.templated))
        counts = {
            "created": tally.created,
            "unchanged": tally.unchanged,
            "revived": tally.revived,
        }
        return Settled(counts, [refused(*refusal) for refusal in tally.refusals])
