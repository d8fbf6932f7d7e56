"""The dry run: all that can be told of a line without asking the node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from node.cli.upload.line import Line, Source
from node.cli.upload.refusals import Refusals
from node.v1.item import Item
from registry.errors import BiaoshiError, InvalidInput
from registry.identifier import Identifier
from registry.record.value import encode, normalise

CHUNK = 1000


class Trial:
    """Checks identifiers and values by the rules that the node has, and for duplicates."""

    def __init__(self, refusals: Refusals, told: Callable[[int], None]) -> None:
        self._refusals = refusals
        self._told = told
        self._now = datetime.now(UTC)
        self._seen: set[int] = set()  # hashes of identifiers, 64 bits each
        self.totals: Counter[str] = Counter()

    def run(self, source: Source) -> None:
        for number, line in enumerate(source.lines(), start=1):
            try:
                self._check(line)
                self.totals["fit"] += 1
            except BiaoshiError as error:
                self.totals["refused"] += 1
                self._refusals.add(line, error.rule, error.detail)
            if number % CHUNK == 0:
                self._told(CHUNK)

    def _check(self, line: Line) -> None:
        try:
            item = msgspec.convert(line.item, Item)
        except msgspec.ValidationError as error:
            raise InvalidInput(str(error), rule="json-type") from None
        identifier = Identifier.parse(item.handle)
        encode(normalise(item.values, now=self._now))
        seen = hash(identifier.canonical())
        if seen in self._seen:
            raise InvalidInput("the same identifier stands further up", rule="duplicate-line")
        self._seen.add(seen)
