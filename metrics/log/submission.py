"""What is sent to a witness (C2SP tlog-witness, add-checkpoint)."""

from __future__ import annotations

from dataclasses import dataclass

from metrics.log.checkpoint import Checkpoint, decimal
from metrics.log.fault import LogFault
from metrics.log.note import MAX_NOTE, SignedNote
from metrics.log.proof import hash_lines, hashes_of

MAX_BODY = MAX_NOTE + 4096  # bytes
SIZE_MEDIA_TYPE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint, and the proof that it continues the one of `old` leaves."""

    old: int
    proof: tuple[bytes, ...]
    note: SignedNote

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint.parse(self.note.text)

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Raises LogFault."""
        if len(body) > MAX_BODY:
            raise LogFault("too long", field="body", rule="submission")
        try:
            head, blank, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise LogFault("not UTF-8", field="body", rule="submission") from None
        lines = head.split("\n")
        if not blank or not lines[0].startswith("old "):
            raise LogFault("the body begins with the old size", field="old", rule="submission")
        old = decimal(lines.pop(0).removeprefix("old "), "old")
        return cls(old, hashes_of(lines), SignedNote.parse(note))

    def __str__(self) -> str:
        return f"old {self.old}\n{hash_lines(self.proof)}\n{self.note}"
