"""Signature lines in national cryptography: SM2 with SM3 (GB/T 32918, GB/T 32905).

Their type is 0xff, which signed-note leaves to everybody, followed by our name for it; verifiers
that don't know it pass over the line. The library has no build for some machines: there such lines
can be neither made nor checked, which is said and never passed over in silence.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from metrics.log.fault import LogFault
from metrics.log.note import SignedNote, Signer, VerifierKey
from registry.errors import Unavailable

KIND = 0xFF
MARK = b"biaoshi/sm2-sm3"
PUBLIC_BYTES = 64
SECRET_BYTES = 32


class SM2Unavailable(Unavailable):
    kind = "sm2-unavailable"
    title = "This machine has no library for SM2"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """`content` is the public key and the secret one, raw."""

    content: bytes

    def __post_init__(self) -> None:
        if len(self.content) != PUBLIC_BYTES + SECRET_BYTES:
            raise LogFault("an SM2 key has 96 bytes", field="key", rule="sm2-key")

    @classmethod
    def generate(cls) -> PrivateKey:
        """Raises SM2Unavailable."""
        public, secret = _library().sm2_key_generate()
        return cls(public + secret)

    def signer(self, name: str) -> Signer:
        """Raises SM2Unavailable."""
        library = _library()
        public, secret = self.content[:PUBLIC_BYTES], self.content[PUBLIC_BYTES:]

        def sign(message: bytes) -> bytes:
            signature: bytes = library.sm2_sign(secret, public, message)
            return signature

        return Signer(VerifierKey(name, KIND, MARK + public), sign)


def is_sm2(key: VerifierKey) -> bool:
    return key.kind == KIND and key.key.startswith(MARK)


def available() -> bool:
    try:
        _library()
    except SM2Unavailable:
        return False
    return True


def check_sm2(note: SignedNote, key: VerifierKey) -> bool:
    """Whether the key has signed the note. Raises LogFault for a line of it that does not verify,
    SM2Unavailable where that cannot be told."""
    library = _library()
    lines = note.by(key)
    for line in lines:
        public = key.key.removeprefix(MARK)
        try:
            held = library.sm2_verify(public, note.text.encode(), line.content)
        except Exception:  # the library's own kinds, for what is no signature at all
            held = False
        if not held:
            raise LogFault(
                f"the SM2 signature of {key.name} does not verify", field=key.name, rule="signature"
            )
    return bool(lines)


def _library() -> ModuleType:
    try:
        return importlib.import_module("gmssl_pyx")
    except ImportError:
        raise SM2Unavailable("there is no build of gmssl-pyx for this machine") from None
