"""Which keys sign the logs from a moment on, as the statements log says it.

Every key of the list signs the list. So while one key takes the place of another, the old one
vouches for the new one, and whoever was given any of them can follow to all later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metrics.log import sm2
from metrics.log.fault import LogFault
from metrics.log.note import ED25519, Signature, SignedNote, Signer, VerifierKey, check_signed

HEAD = "biaoshi log keys v1"
MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class KeyList:
    keys: tuple[VerifierKey, ...]
    signatures: tuple[Signature, ...]

    @classmethod
    def signed(cls, signers: Sequence[Signer]) -> KeyList:
        """The list of these keys, signed by all."""
        keys = tuple(signer.verifier for signer in signers)
        text = _text(keys)
        return cls(keys, tuple(signer.sign(text) for signer in signers))

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> KeyList:
        """Out of a statement. Raises LogFault."""
        keys = tuple(VerifierKey.parse(one) for one in _texts(content, "keys"))
        if not any(key.kind == ED25519 for key in keys):
            raise LogFault("no Ed25519 key is in it", field="keys", rule="log-keys")
        return cls(keys, tuple(Signature.parse(one) for one in _texts(content, "signatures")))

    @property
    def content(self) -> Mapping[str, Any]:
        """As it is stated."""
        return {
            "keys": [str(key) for key in self.keys],
            "signatures": [str(one).rstrip("\n") for one in self.signatures],
        }

    def check(self) -> None:
        """Raise LogFault unless every key has signed the list. Without a library for SM2 it is
        enough that a line of an SM2 key is there."""
        note = SignedNote(_text(self.keys), self.signatures)
        for key in self.keys:
            if key.kind == ED25519:
                check_signed(note, [key])
            elif not note.by(key) or (
                sm2.is_sm2(key) and sm2.available() and not sm2.check_sm2(note, key)
            ):
                raise LogFault(f"{key} has not signed it", field="signatures", rule="log-keys")


def _text(keys: Sequence[VerifierKey]) -> str:
    return "\n".join([HEAD, *map(str, keys), ""])


def _texts(content: Mapping[str, Any], name: str) -> list[str]:
    value = content.get(name)
    if not isinstance(value, list) or len(value) > MAX_KEYS:
        raise LogFault(f"{name} is no list", field=name, rule="log-keys")
    if not all(isinstance(one, str) for one in value):
        raise LogFault(f"{name} has other things than texts", field=name, rule="log-keys")
    return value
