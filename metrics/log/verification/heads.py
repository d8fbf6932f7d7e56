"""Whether checkpoints are signed and cosigned by whom one trusts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metrics.log import sm2
from metrics.log.cosignature import times
from metrics.log.export import KEYS
from metrics.log.fault import LogFault
from metrics.log.note import ED25519, VerifierKey, check_signed
from metrics.log.verification.finding import Witnessed
from metrics.log.verification.folder import Head


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys of logs and witnesses. `pinned` tells whether they came from elsewhere than from what
    they are to verify."""

    logs: tuple[VerifierKey, ...]
    witnesses: tuple[VerifierKey, ...]
    pinned: bool
    needed: int = 1  # cosignatures on the latest checkpoint

    @classmethod
    def found(cls, folder: Path, needed: int = 1) -> Trust:
        """What an export says of its own keys. Raises LogFault."""
        logs: list[VerifierKey] = []
        witnesses: list[VerifierKey] = []
        for at in (folder / KEYS, folder.parent / KEYS):
            if not at.is_file():
                continue
            for line in at.read_text("utf-8").splitlines():
                kind, _, text = line.partition(" ")
                (witnesses if kind == "witness" else logs).append(VerifierKey.parse(text))
            break
        return cls(tuple(logs), tuple(witnesses), False, needed)

    def check(self, head: Head) -> tuple[Witnessed, ...]:
        """Who cosigned a checkpoint, and when. Raises LogFault for a signature that does not hold,
        and where none of a trusted key stands there."""
        keys = [key for key in self.logs if key.name == head.checkpoint.origin]
        check_signed(head.note, [key for key in keys if key.kind == ED25519])
        for key in keys:
            if sm2.is_sm2(key) and sm2.available():
                sm2.check_sm2(head.note, key)
        return tuple(
            Witnessed(key.name, seconds)
            for key, seconds in times(head.note, self.witnesses).items()
        )

    def check_latest(self, head: Head) -> tuple[Witnessed, ...]:
        """As `check`, of a checkpoint that must have been cosigned. Raises LogFault."""
        cosigned = self.check(head)
        if len(cosigned) < self.needed:
            raise LogFault(
                f"{len(cosigned)} of {self.needed} cosignatures",
                field="checkpoint",
                rule="uncosigned",
            )
        return cosigned

    def with_keys(self, logs: Sequence[VerifierKey]) -> Trust:
        return Trust((*self.logs, *logs), self.witnesses, self.pinned, self.needed)
