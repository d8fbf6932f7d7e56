"""A tree that grows at its right edge, in the memory of its partial tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from metrics.log.fault import LogFault
from metrics.log.merkle import EMPTY_ROOT, HASH_BYTES, complete_root, node_hash
from metrics.log.tile import WIDTH, Tile, partials

FULL = WIDTH * HASH_BYTES


@dataclass(slots=True)
class Tree:
    """The size of a log and the hashes of its partial tiles, by level. Safe for one task."""

    size: int = 0
    edge: list[bytes] = field(default_factory=list)

    @classmethod
    def resume(cls, size: int, hashes: Mapping[Tile, bytes]) -> Tree:
        """Go on with a log of which the partial tiles are given. Raises LogFault where they do not
        fit its size."""
        tree = cls(size)
        for tile in partials(size):
            content = hashes.get(tile)
            if content is None or len(content) != tile.width * HASH_BYTES:
                raise LogFault(f"{tile.path} is missing", field=tile.path, rule="tile-missing")
            tree._reach(tile.level)
            tree.edge[tile.level] = content
        return tree

    def append(self, hashes: Sequence[bytes]) -> dict[Tile, bytes]:
        """Add leaf hashes; every tile that is new or wider than before, with its content."""
        grown: dict[Tile, bytes] = {}
        row, level = b"".join(hashes), 0
        self.size += len(hashes)
        while row:
            row = self._grow(level, row, grown)
            level += 1
        return grown

    @property
    def root(self) -> bytes:
        """The root over all leaves: the complete subtrees at the edge, folded from the right."""
        whole = b""
        for content in self.edge:
            for part in reversed(_complete_parts(content)):
                whole = node_hash(part, whole) if whole else part
        return whole or EMPTY_ROOT

    def _grow(self, level: int, row: bytes, grown: dict[Tile, bytes]) -> bytes:
        """Lengthen a level; the roots of the tiles that became full."""
        self._reach(level)
        content = self.edge[level] + row
        index = self._index(level, len(row))
        above = []
        for start in range(0, len(content) - FULL + 1, FULL):
            full = content[start : start + FULL]
            grown[Tile(level, index)] = full
            above.append(complete_root(full))
            index += 1
        rest = content[len(above) * FULL :]
        if rest:
            grown[Tile(level, index, len(rest) // HASH_BYTES)] = rest
        self.edge[level] = rest
        return b"".join(above)

    def _index(self, level: int, added: int) -> int:
        """The tile that the level's next hash goes to, before `added` bytes of hashes."""
        return ((self.size >> 8 * level) - added // HASH_BYTES) // WIDTH

    def _reach(self, level: int) -> None:
        while len(self.edge) <= level:
            self.edge.append(b"")


def _complete_parts(content: bytes) -> list[bytes]:
    """The roots of the complete subtrees that a partial tile's hashes make, from the left."""
    parts = []
    count, at = len(content) // HASH_BYTES, 0
    while count:
        width = 1 << count.bit_length() - 1
        parts.append(complete_root(content[at : at + width * HASH_BYTES]))
        at += width * HASH_BYTES
        count -= width
    return parts
