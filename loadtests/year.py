"""A year of registrations and daily statements as an exported log, with a clock of its own.

    python -m loadtests.year FOLDER LEAVES [SEED]

Writes what `biaoshi log export` would, from keys made for it, and the identifiers as a dump.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log.checkpoint import Checkpoint
from metrics.log.cosignature import cosign, verifier_key
from metrics.log.keylist import KeyList
from metrics.log.leaf import ROW_BYTES, LeafKey, Rows, leaf_hashes, rows
from metrics.log.log import SHANGHAI
from metrics.log.merkle import leaf_hash
from metrics.log.note import SignedNote, Signer
from metrics.log.statement import BACKFILL, DAILY, LEAF_KEY, LOG_KEYS, Statement
from metrics.log.tile import ENTRIES, WIDTH, Tile, pack
from metrics.log.tree import Tree
from registry.leaf.leaf import Batch
from registry.record.registration import Method

ORIGIN = "year.invalid/log"
WITNESS = "witness.invalid"
PREFIXES = 40
YEAR = 2026


@dataclass
class Keys:
    """Made from a seed, so that the same year comes out the same."""

    seed: bytes = b"\1" * 32
    leaf: LeafKey = field(init=False)
    log: Ed25519PrivateKey = field(init=False)
    witness: Ed25519PrivateKey = field(init=False)

    def __post_init__(self) -> None:
        self.leaf = LeafKey(hashlib.sha256(self.seed + b"K").digest())
        self.log = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.seed + b"L").digest())
        self.witness = Ed25519PrivateKey.from_private_bytes(
            hashlib.sha256(self.seed + b"W").digest()
        )


class Writer:
    """One log, written as files while it grows."""

    def __init__(self, folder: Path, name: str, keys: Keys) -> None:
        self.folder = folder / name
        self.origin = f"{ORIGIN}/{name}"
        self.keys = keys
        self.tree = Tree()
        self._bundle: list[bytes] = []

    def add(self, hashes: Sequence[bytes], entries: Sequence[bytes]) -> None:
        """Leaf hashes, and the same entries as bundles have them."""
        start = self.tree.size
        for tile, content in self.tree.append(hashes).items():
            if tile.width == WIDTH:
                self._write(tile, content)
        self._bundle += entries
        index = start // WIDTH
        while len(self._bundle) >= WIDTH:
            self._write(Tile(ENTRIES, index), b"".join(self._bundle[:WIDTH]))
            del self._bundle[:WIDTH]
            index += 1

    def add_rows(self, made: Rows) -> None:
        joined = made.tobytes()
        parts = [joined[at : at + ROW_BYTES] for at in range(0, len(joined), ROW_BYTES)]
        self.add(leaf_hashes(made), parts)

    def checkpoint(self, at: datetime, *, final: bool = False) -> str:
        """Sign and cosign what there is; the final one is the log's, others are kept beside."""
        text = Checkpoint(self.origin, self.tree.size, self.tree.root).text
        line = cosign(WITNESS, self.keys.witness, text, int(at.timestamp()))
        note = str(SignedNote(text, (Signer.ed25519(self.origin, self.keys.log).sign(text), line)))
        kept = self.folder / "checkpoints" / str(self.tree.size)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(note)
        if final:
            self._edge()
            (self.folder / "checkpoint").write_text(note)
        return note

    def _edge(self) -> None:
        for level, content in enumerate(self.tree.edge):
            if content:
                index = (self.tree.size >> 8 * level) // WIDTH
                self._write(Tile(level, index, len(content) // 32), content)
        if self._bundle:
            self._write(
                Tile(ENTRIES, self.tree.size // WIDTH, len(self._bundle)), b"".join(self._bundle)
            )

    def _write(self, tile: Tile, content: bytes) -> None:
        file = self.folder / tile.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def write_year(
    folder: Path, leaves: int, keys: Keys, *, days: int = 365, chunk: int = 10_000
) -> None:
    """A year's registrations spread over its days, with the day's statement after each."""
    log = Writer(folder, f"registrations-{YEAR}", keys)
    said = Writer(folder, "statements", keys)
    first = datetime(YEAR, 1, 1, tzinfo=SHANGHAI)
    signing = KeyList.signed([Signer.ed25519(said.origin, keys.log)])
    opening = {
        "commitment": keys.leaf.commitment.hex(), "origin": ORIGIN, "case_sensitive": False,
    }  # fmt: skip
    _say(said, Statement(LEAF_KEY, first, opening))
    _say(said, Statement(LOG_KEYS, first, signing.content))
    _say(said, Statement(BACKFILL, first, {"leaves": 0, "logs": {}}))
    (folder / "dump").parent.mkdir(parents=True, exist_ok=True)
    with (folder / "dump").open("w") as dump:
        done = batch = 0
        for day in range(days):
            start = first + timedelta(days=day)
            count = leaves * (day + 1) // days - done
            for some in _chunks(done, count, chunk):
                batch += 1
                prefix = f"88.118.{batch % PREFIXES}"
                suffixes = [f"SN{number:010d}" for number in some]
                dump.write("".join(f"{prefix}/{suffix}\n" for suffix in suffixes))
                one = Batch(batch, prefix, Method.STREAM, "key:YEAR")
                at = start + timedelta(seconds=(some[0] - done) * 80_000 // max(count, 1))
                log.add_rows(
                    rows(keys.leaf.blinded(prefix), batch, at, keys.leaf.material(one, suffixes))
                )
            done += count
            end = start + timedelta(days=1)
            log.checkpoint(end, final=day == days - 1)
            _say(said, Statement(DAILY, end, _daily(start, count, done)))
        said.checkpoint(first + timedelta(days=days), final=True)
    witness = verifier_key(WITNESS, keys.witness)
    named = [Signer.ed25519(one.origin, keys.log).verifier for one in (log, said)]
    lines = [f"log {key}\n" for key in named] + [f"witness {witness}\n"]
    (folder / "keys").write_text("".join(lines))


def _say(log: Writer, statement: Statement) -> None:
    entry = statement.text.encode()
    log.add([leaf_hash(entry)], [pack([entry])])


def _daily(start: datetime, created: int, total: int) -> dict[str, object]:
    return {
        "day": start.date().isoformat(),
        "created": created,
        "imported": 0,
        "revived": 0,
        "deleted": 0,
        "total": total,
        "received": 3,
        "requests": {"counted": 2, "robot": 1},
    }


def _chunks(start: int, count: int, most: int) -> Iterator[range]:
    for at in range(start, start + count, most):
        yield range(at, min(at + most, start + count))


if __name__ == "__main__":
    target, wanted = Path(sys.argv[1]), int(sys.argv[2])
    began = datetime.now(UTC)
    write_year(target, wanted, Keys())
    seconds = (datetime.now(UTC) - began).total_seconds()
    print(f"{wanted:,} leaves in {seconds:.1f} s; numpy {np.__version__}")
