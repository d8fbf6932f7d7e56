"""Signed notes and the keys that verify them (C2SP signed-note).

Lines of unknown keys are ignored, a line of a known key that does not verify spoils the note, and a
note on which no known key's line stands is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from metrics.log.fault import LogFault

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE = 1 << 16  # bytes
MAX_SIGNATURES = 64
ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that others' signatures are checked with: `name+id+base64(type ‖ key)`."""

    name: str
    kind: int
    key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.kind in (ED25519, COSIGNATURE) and len(self.key) != 32:
            raise _unfit_key(self.name)

    @property
    def id(self) -> bytes:
        content = self.name.encode() + b"\n" + bytes([self.kind]) + self.key
        return hashlib.sha256(content).digest()[:ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Raises LogFault."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        content = unbase64(encoded, "key")
        if len(content) < 2:
            raise _unfit_key(text)
        key = cls(name, content[0], content[1:])
        if key_id != key.id.hex():
            raise _unfit_key(text)
        return key

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.key).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose, and what follows the key's id."""

    name: str
    key_id: bytes
    content: bytes

    def of(self, key: VerifierKey) -> bool:
        return self.name == key.name and self.key_id == key.id

    def __str__(self) -> str:
        return f"— {self.name} {base64.b64encode(self.key_id + self.content).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """A line without its newline. Raises LogFault."""
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—":
            raise LogFault("not a signature line", field="signature", rule="note")
        _check_name(parts[1])
        content = unbase64(parts[2], "signature")
        if len(content) <= ID_BYTES:
            raise LogFault("a signature is too short", field="signature", rule="note")
        return cls(parts[1], content[:ID_BYTES], content[ID_BYTES:])


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text, its newline included, and the lines that sign it."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> SignedNote:
        """Raises LogFault."""
        if len(note) > MAX_NOTE or any(ord(one) < 32 and one != "\n" for one in note):
            raise LogFault("too long, or with control characters", field="note", rule="note")
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise LogFault(
                "a note is a text, a blank line and signatures", field="note", rule="note"
            )
        signatures = [Signature.parse(line) for line in lines[:-1].split("\n")]
        if len(signatures) > MAX_SIGNATURES:
            raise LogFault("too many signatures", field="note", rule="note")
        return cls(text + "\n", tuple(signatures))

    def by(self, key: VerifierKey) -> list[Signature]:
        """The lines of one key."""
        return [signature for signature in self.signatures if signature.of(key)]

    def with_signatures(self, more: Iterable[Signature]) -> SignedNote:
        """With further lines, each once."""
        return SignedNote(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(str(signature) for signature in self.signatures)}"


Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs notes."""

    verifier: VerifierKey
    sign_bytes: Sign

    @classmethod
    def ed25519(cls, name: str, key: Ed25519PrivateKey) -> Signer:
        public = key.public_key().public_bytes_raw()
        return cls(VerifierKey(name, ED25519, public), key.sign)

    def sign(self, text: str) -> Signature:
        content = self.sign_bytes(text.encode())
        return Signature(self.verifier.name, self.verifier.id, content)


def verify_ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def check_signed(note: SignedNote, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Those of the Ed25519 keys that signed the note. Raises LogFault where none did, or where a
    signature of one does not verify."""
    found = []
    for key in keys:
        for signature in note.by(key):
            if not verify_ed25519(key.key, signature.content, note.text.encode()):
                raise LogFault(
                    f"the signature of {key.name} does not verify", field=key.name, rule="signature"
                )
            found.append(key)
    if not found:
        raise LogFault("no known key has signed it", field="signature", rule="unsigned")
    return found


def unbase64(text: str, field: str) -> bytes:
    """Raises LogFault unless it is the one base64 spelling of some bytes."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if base64.b64encode(content).decode() != text:
        raise LogFault("not base64", field=field, rule="base64")
    return content


def _check_name(name: str) -> None:
    if not name or "+" in name or any(one.isspace() or ord(one) < 32 for one in name):
        raise LogFault(
            "a key's name is not empty and has no blanks or plus signs",
            field="name",
            rule="key-name",
        )


def _unfit_key(text: str) -> LogFault:
    return LogFault(f"{text[:100]!r} is no verifier key", field="key", rule="verifier-key")
