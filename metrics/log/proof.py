"""Proofs as texts that stand for themselves (C2SP tlog-proof)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from metrics.log.checkpoint import Checkpoint, decimal
from metrics.log.fault import LogFault
from metrics.log.merkle import HASH_BYTES, check_inclusion
from metrics.log.note import SignedNote, unbase64

MAGIC = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
MEDIA_TYPE = "text/plain"


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is in a log. `extra` is what the application adds, and proves nothing itself."""

    index: int
    hashes: tuple[bytes, ...]
    note: SignedNote
    extra: bytes = b""

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint.parse(self.note.text)

    def check(self, leaf: bytes) -> None:
        """Raise LogFault unless a leaf's hash is where the proof says, under its checkpoint. The
        checkpoint's signatures are another question."""
        checkpoint = self.checkpoint
        check_inclusion(self.index, checkpoint.size, leaf, self.hashes, checkpoint.root)

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Raises LogFault."""
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or len(lines) < 2 or lines.pop(0) != MAGIC:
            raise LogFault("not a tlog-proof", field="proof", rule="proof")
        extra = b""
        if lines[0].startswith("extra "):
            extra = unbase64(lines.pop(0).removeprefix("extra "), "extra")
        if not lines or not lines[0].startswith("index "):
            raise LogFault("the proof has no index", field="proof", rule="proof")
        index = decimal(lines.pop(0).removeprefix("index "), "index")
        return cls(index, hashes_of(lines), SignedNote.parse(note), extra)

    def __str__(self) -> str:
        extra = f"extra {base64.b64encode(self.extra).decode()}\n" if self.extra else ""
        return f"{MAGIC}\n{extra}index {self.index}\n{hash_lines(self.hashes)}\n{self.note}"


def hash_lines(hashes: tuple[bytes, ...] | list[bytes]) -> str:
    """One hash a line, in base64."""
    return "".join(f"{base64.b64encode(one).decode()}\n" for one in hashes)


def hashes_of(lines: list[str]) -> tuple[bytes, ...]:
    """The hashes that lines without newlines hold. Raises LogFault."""
    if len(lines) > MAX_HASHES:
        raise LogFault(f"more than {MAX_HASHES} hashes", field="proof", rule="proof")
    hashes = tuple(unbase64(line, "proof") for line in lines)
    if any(len(one) != HASH_BYTES for one in hashes):
        raise LogFault("a hash has 32 bytes", field="proof", rule="proof")
    return hashes
