"""Whose signatures are believed: keys that one was given, else those in the package itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from award.evidence.certified import Checkpoint
from metrics.log.checkpoint import Checkpoint as LogCheckpoint
from metrics.log.cosignature import times
from metrics.log.fault import LogFault
from metrics.log.note import COSIGNATURE, ED25519, SignedNote, VerifierKey, check_signed, unbase64
from metrics.log.verification.heads import Trust


@dataclass(frozen=True, slots=True)
class Keys:
    """`trusted` are keys one was given, `own` those of the package. A node's keys and witnesses'
    are told apart: who was given none of one sort takes the package's."""

    trusted: Sequence[VerifierKey]
    own: Sequence[VerifierKey]

    @classmethod
    def of(cls, trusted: Sequence[VerifierKey], text: bytes) -> Keys:
        """`text` has the package's, one in a line; those that are none are no key to anything."""
        own = []
        for line in text.decode(errors="replace").splitlines():
            try:
                own.append(VerifierKey.parse(line))
            except LogFault:
                continue
        return cls(tuple(trusted), tuple(own))

    def pinned(self, kind: int) -> bool:
        return any(key.kind == kind for key in self.trusted)

    @property
    def witnesses(self) -> tuple[VerifierKey, ...]:
        """Those one was given, and of others the package's: what it claims is checked too."""
        given = self._of(COSIGNATURE)
        names = {key.name for key in given}
        more = [key for key in self.own if key.kind == COSIGNATURE and key.name not in names]
        return (*given, *more)

    def signers(self, name: str) -> list[VerifierKey]:
        """Keys under the name they sign by: a node's keys sign its reports and all its logs, so a
        key that was given for one of them is good for its siblings."""
        parent = name.rpartition("/")[0]
        found = [
            VerifierKey(name, ED25519, key.key)
            for key in self._of(ED25519)
            if key.name == name or (parent and key.name.rpartition("/")[0] == parent)
        ]
        return list(dict.fromkeys(found))

    def cosigned(self, log: Checkpoint) -> dict[VerifierKey, int]:
        """Who cosigned a checkpoint of the report, and when. Raises LogFault unless it is signed by
        the node and says what the report says of it, witnesses included."""
        note = SignedNote.parse(log.note)
        if note.text != LogCheckpoint(log.origin, log.size, unbase64(log.root, "root")).text:
            raise LogFault("检查点与所载数目不符", field="checkpoint", rule="checkpoint")
        check_signed(note, self.signers(log.origin))
        seen = times(note, self.witnesses)
        if {key.name for key in seen} != set(log.cosigned_by):
            raise LogFault("见证签名与所载见证方不符", field="checkpoint", rule="cosignature")
        return seen

    def trust(self, origins: Sequence[str], needed: int) -> Trust:
        """The same for whole logs."""
        signers = [key for origin in origins for key in self.signers(origin)]
        pinned = self.pinned(ED25519) and self.pinned(COSIGNATURE)
        return Trust(tuple(signers), self._of(COSIGNATURE), pinned, needed)

    def _of(self, kind: int) -> tuple[VerifierKey, ...]:
        found = self.trusted if self.pinned(kind) else self.own
        return tuple(key for key in found if key.kind == kind)
