"""Tiles and entry bundles as tlog-tiles names and encodes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from metrics.log.fault import LogFault
from metrics.log.merkle import HASH_BYTES, Subtree, complete_root

WIDTH = 256  # hashes of a full tile, entries of a full bundle
HEIGHT = 8  # levels of the tree that a tile spans
ENTRIES = -1  # the "level" of entry bundles
MAX_ENTRY = 65_535  # bytes
MAX_INDEX = 2**48

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-5]?[0-9]|6[0-3])/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile, or with level ENTRIES one bundle. Those less than WIDTH wide are partial."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_spelled(self.index)}{partial}"

    @property
    def start(self) -> int:
        """The first of its hashes or entries, counted from the left of its level."""
        return self.index * WIDTH

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Raises LogFault unless it is the one spelling of a tile's path."""
        found = _PATH.fullmatch(path)
        if found is not None and len(path) < 100:
            level = ENTRIES if found["level"] == "entries" else int(found["level"])
            index = int(re.sub("[x/]", "", found["index"]))
            tile = cls(level, index, int(found["width"] or WIDTH))
            if tile.path == path and index < MAX_INDEX and tile.width <= WIDTH:
                return tile
        raise LogFault(f"{path[:100]!r} is no tile's path", field="path", rule="tile-path")


def tiles(size: int) -> Iterator[Tile]:
    """The tiles of a log of so many leaves, without its bundles."""
    level = 0
    while size:
        yield from _row(level, size)
        size //= WIDTH
        level += 1


def bundles(size: int) -> Iterator[Tile]:
    """The entry bundles of a log of so many leaves."""
    return _row(ENTRIES, size)


def partials(size: int) -> list[Tile]:
    """The partial tiles at the right edge, from level 0 upwards."""
    edge = []
    level = 0
    while size:
        if size % WIDTH:
            edge.append(Tile(level, size // WIDTH, size % WIDTH))
        size //= WIDTH
        level += 1
    return edge


def pack(entries: Sequence[bytes]) -> bytes:
    """Entries as a bundle. Raises LogFault for one that is too long."""
    if any(len(entry) > MAX_ENTRY for entry in entries):
        raise LogFault(
            f"an entry has at most {MAX_ENTRY} bytes", field="entry", rule="entry-too-long"
        )
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])


def unpack(bundle: bytes) -> list[bytes]:
    """The entries of a bundle. Raises LogFault unless it is consumed exactly."""
    entries = []
    at = 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if end > len(bundle):
            raise LogFault("the bundle ends within an entry", field="bundle", rule="bundle")
        entries.append(bundle[at + 2 : end])
        at = end
    return entries


def first_entries(bundle: bytes, count: int) -> bytes:
    """The bundle of its first entries."""
    at = 0
    for _ in range(count):
        at += 2 + int.from_bytes(bundle[at : at + 2], "big")
    return bundle[:at]


def home(subtree: Subtree, size: int) -> tuple[Tile, int, int]:
    """The tile with the hashes that a subtree is made of in a log of this size, the first of them
    and how many."""
    height, number = subtree
    level = height // HEIGHT
    count = 1 << height % HEIGHT
    first = number * count
    index = first // WIDTH
    width = min(WIDTH, (size >> HEIGHT * level) - index * WIDTH)
    return Tile(level, index, width), first - index * WIDTH, count


def subtree_reader(size: int, hashes_of: Callable[[Tile], bytes]) -> Callable[[Subtree], bytes]:
    """Reads subtrees out of a log's tiles."""

    def read(subtree: Subtree) -> bytes:
        tile, first, count = home(subtree, size)
        start = first * HASH_BYTES
        return complete_root(hashes_of(tile)[start : start + count * HASH_BYTES])

    return read


def _row(level: int, count: int) -> Iterator[Tile]:
    for index in range(count // WIDTH):
        yield Tile(level, index)
    if count % WIDTH:
        yield Tile(level, count // WIDTH, count % WIDTH)


def _spelled(index: int) -> str:
    """1234067 as x001/x234/067."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))
