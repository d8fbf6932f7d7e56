"""A log as files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from metrics.log.checkpoint import Checkpoint
from metrics.log.export import cut
from metrics.log.fault import LogFault
from metrics.log.merkle import HASH_BYTES, ReadSubtree
from metrics.log.note import SignedNote
from metrics.log.tile import ENTRIES, WIDTH, Tile, subtree_reader


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that lies in a folder."""

    path: Path
    note: SignedNote
    checkpoint: Checkpoint

    @classmethod
    def read(cls, path: Path) -> Head:
        """Raises LogFault."""
        try:
            note = SignedNote.parse(path.read_bytes().decode())
        except (OSError, UnicodeDecodeError) as error:
            raise LogFault(f"cannot read {path}: {error}", field=str(path), rule="file") from None
        return cls(path, note, Checkpoint.parse(note.text))


@dataclass(frozen=True, slots=True)
class LogFolder:
    """One log's folder. Reading raises LogFault for what is missing or has the wrong length."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def older(self) -> list[Path]:
        """The checkpoints kept beside the latest one, by size."""
        found = (self.path / "checkpoints").glob("[0-9]*")
        return sorted(found, key=lambda path: int(path.name) if path.name.isdigit() else 0)

    @property
    def bundles(self) -> int:
        """How many files of entries there are."""
        return sum(len(files) for _, _, files in os.walk(self.path / "tile" / "entries"))

    def content(self, tile: Tile) -> bytes:
        """A tile; one that is full by now is as good as the partial one it was."""
        try:
            content = self._read(tile)
        except OSError:
            raise LogFault(f"{tile.path} is missing", field=tile.path, rule="missing") from None
        if tile.level != ENTRIES and len(content) != tile.width * HASH_BYTES:
            raise LogFault(f"{tile.path} has the wrong length", field=tile.path, rule="tile")
        return content

    def widest(self, tile: Tile) -> bytes:
        """The most that there is of a tile, or of a bundle, of which the width is not known."""
        full = self.path / tile.path
        partial = full.with_name(f"{full.name}.p").glob("[0-9]*")
        found = sorted((int(path.name) for path in partial if path.name.isdigit()), reverse=True)
        for path in (full, *(full.with_name(f"{full.name}.p") / str(width) for width in found)):
            if path.is_file():
                return path.read_bytes()
        raise LogFault(f"{tile.path} is missing", field=tile.path, rule="missing")

    def reader(self, size: int) -> ReadSubtree:
        """The subtrees of the log's first leaves, out of its tiles."""
        return subtree_reader(size, self.content)

    def _read(self, tile: Tile) -> bytes:
        try:
            return (self.path / tile.path).read_bytes()
        except OSError:
            if tile.width == WIDTH:
                raise
        wider = self._wider(tile)
        return cut(wider.read_bytes(), tile)

    def _wider(self, tile: Tile) -> Path:
        """The full tile, or the narrowest partial one that is wide enough."""
        full = self.path / Tile(tile.level, tile.index).path
        if full.exists():
            return full
        widths = [int(path.name) for path in full.with_name(f"{full.name}.p").glob("[0-9]*")]
        fitting = [width for width in widths if width >= tile.width]
        if not fitting:
            raise FileNotFoundError(tile.path)
        return self.path / Tile(tile.level, tile.index, min(fitting)).path


def log_folders(path: Path) -> list[LogFolder]:
    """The logs in an export, or the one log that a path is."""
    if (path / "checkpoint").is_file():
        return [LogFolder(path)]
    return [LogFolder(one.parent) for one in sorted(path.glob("*/checkpoint"))]
