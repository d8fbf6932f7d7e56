"""The cache: public views of this node's own records, held in memory and bounded by bytes.

What is absent is never held, so that a registration made on one process is found on all at once.
An entry is good as long as nothing it rests on has changed since its query was sent: the record,
its template, its prefix. Every notice of a change gets a number, an entry carries the number of the
moment at which its query was sent, and the two are compared. So neither a slow query nor a late
notice can bring back what was.
"""

from __future__ import annotations

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from registry.change.notice import Notice
from registry.record.tag import Tag

# Bytes that an entry takes beside its texts, measured: the entry, its slot, three string headers.
OVERHEAD = 480
LARGEST = 64 * 1024  # bytes of values; larger records are asked for each time
SLOTS = 4096  # of changes to records, told apart by their hash
STALE_SECONDS = 60.0  # so long are answers given that may be outdated, while the database is away


class Held(msgspec.Struct, frozen=True, gc=False):
    """The public view of a record. `values` is the JSON that is served; `born` is when it was asked
    for, in the cache's own count."""

    key: str  # prefix/suffix in comparison form
    values: bytes
    revision: int
    generation: int | None
    template_id: int | None
    prefix_id: int
    mark: bytes  # stands for the identifier where resolutions are noted
    born: int
    etag: bytes  # the tag between quotation marks

    @property
    def tag(self) -> Tag:
        return Tag(self.revision, self.generation)

    @property
    def size(self) -> int:
        return OVERHEAD + len(self.values) + len(self.key) + len(self.etag)

    @property
    def prefix(self) -> str:
        return self.key.partition("/")[0]


class Cache:
    """Least recently used entries go first. Safe within one event loop; nothing here waits."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self._clock = clock
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._now = 1  # counts changes; entries and changes are ordered by it
        self._floor = 0  # nothing born before is good
        self._changed = array("Q", bytes(8 * SLOTS))
        # When a template or a prefix last changed; few do while a process lives.
        self._shared: dict[int | str, int] = {}
        self._lost_at: float | None = clock()  # when notices ceased; None while they come

    def __len__(self) -> int:
        return len(self._held)

    @property
    def certain(self) -> bool:
        """Whether every change is heard of."""
        return self._lost_at is None

    @property
    def moment(self) -> int:
        """To be noted before a query is sent whose answer is to be held."""
        return self._now

    def get(self, key: str) -> Held | None:
        """The present view, if it is at hand."""
        if self._lost_at is not None:
            return None
        held = self._held.get(key)
        if held is None:
            return None
        if self._outdated(held):
            self._drop(key)
            return None
        self._held.move_to_end(key)
        return held

    def get_stale(self, key: str) -> Held | None:
        """What was last known, while notices are missing for no longer than the bound."""
        if self._lost_at is None or self._clock() - self._lost_at > STALE_SECONDS:
            return None
        held = self._held.get(key)
        return None if held is None or self._outdated(held) else held

    def hold(self, held: Held) -> None:
        """Keep a view, unless something it rests on changed while it was on its way."""
        if self._lost_at is not None or len(held.values) > LARGEST or self._outdated(held):
            return
        if held.born < self._changed[hash(held.key) % SLOTS]:
            return
        before = self._held.get(held.key)
        if before is not None:
            if not self._outdated(before) and _order(before) > _order(held):
                return
            self._drop(held.key)
        self._held[held.key] = held
        self.size += held.size
        while self.size > self.max_bytes:
            self._drop(next(iter(self._held)))

    def absent(self, key: str) -> None:
        """A query has found no live record. One that was sent earlier may still say otherwise."""
        if key in self._held:
            self.change(key)

    def change(self, key: str) -> None:
        """A record has changed."""
        self._now += 1
        self._changed[hash(key) % SLOTS] = self._now
        self._drop(key)

    def change_template(self, template_id: int) -> None:
        self._change_shared(template_id)

    def change_prefix(self, prefix: str) -> None:
        self._change_shared(prefix)

    def clear(self) -> None:
        """Nothing held is good any more, nor what is on its way."""
        self._now += 1
        self._floor = self._now
        self._held.clear()
        self._shared.clear()
        self.size = 0

    def begin(self) -> None:
        self.clear()
        self._lost_at = None

    def hear(self, notice: Notice) -> None:
        for key in notice.identifiers:
            self.change(key)
        for template_id in notice.templates:
            self.change_template(template_id)
        for prefix in notice.prefixes:
            self.change_prefix(prefix)
        if notice.everything:
            self.clear()

    def lose(self) -> None:
        if self._lost_at is None:
            self._lost_at = self._clock()

    def _change_shared(self, name: int | str) -> None:
        self._now += 1
        self._shared[name] = self._now

    def _outdated(self, held: Held) -> bool:
        if held.born < self._floor:
            return True
        if not self._shared:
            return False
        if held.born < self._shared.get(held.prefix, 0):
            return True
        return held.template_id is not None and held.born < self._shared.get(held.template_id, 0)

    def _drop(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self.size -= held.size


def _order(held: Held) -> tuple[int, int]:
    return held.revision, held.generation or 0
