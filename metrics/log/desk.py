"""A witness's desk: what it answers to a submission (C2SP tlog-witness), status for status.

It cosigns only what continues what it saw before, and remembers that before it answers. Calls must
not interleave: whoever serves a desk makes one answer after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log.checkpoint import Checkpoint
from metrics.log.cosignature import cosign, verifier_key
from metrics.log.fault import LogFault
from metrics.log.merkle import EMPTY_ROOT, check_consistency
from metrics.log.note import VerifierKey, check_signed
from metrics.log.submission import SIZE_MEDIA_TYPE, Submission

TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    media_type: str = TEXT


class Memory(Protocol):
    """What a witness has seen. `remember` returns when it can't be forgotten any more."""

    def seen(self, origin: str) -> tuple[int, bytes] | None:
        """Size and root of the last checkpoint of a log."""

    def remember(self, checkpoint: Checkpoint, note: str) -> None: ...


class Desk:
    """`trusted` gives the keys that sign for an origin: none where the log is unknown."""

    def __init__(
        self,
        name: str,
        key: Ed25519PrivateKey,
        trusted: Callable[[str], Sequence[VerifierKey]],
        memory: Memory,
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._key = key
        self._trusted = trusted
        self._memory = memory
        self._clock = clock

    @property
    def verifier(self) -> VerifierKey:
        return verifier_key(self._name, self._key)

    def answer(self, body: bytes) -> Answer:
        """To one request."""
        try:
            submission = Submission.parse(body)
            checkpoint = submission.checkpoint
        except LogFault as fault:
            return Answer(400, f"{fault.detail}\n")
        keys = self._trusted(checkpoint.origin)
        if not keys:
            return Answer(404, "unknown log\n")
        try:
            check_signed(submission.note, keys)
        except LogFault as fault:
            return Answer(403, f"{fault.detail}\n")
        return self._judged(submission, checkpoint)

    def _judged(self, submission: Submission, checkpoint: Checkpoint) -> Answer:
        if submission.old > checkpoint.size:
            return Answer(400, "the old size is larger than the checkpoint's\n")
        size, root = self._memory.seen(checkpoint.origin) or (0, EMPTY_ROOT)
        stale = submission.old != size
        if stale or (size == checkpoint.size and root != checkpoint.root):
            return Answer(409, f"{size}\n", SIZE_MEDIA_TYPE)
        try:
            check_consistency(size, checkpoint.size, root, checkpoint.root, submission.proof)
        except LogFault as fault:
            return Answer(422, f"{fault.detail}\n")
        self._memory.remember(checkpoint, str(submission.note))
        line = cosign(self._name, self._key, checkpoint.text, int(self._clock()))
        return Answer(200, str(line))
