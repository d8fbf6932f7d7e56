"""cosignature/v1: a witness says when it saw a checkpoint that continues what it saw before."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log.fault import LogFault
from metrics.log.note import COSIGNATURE, Signature, SignedNote, VerifierKey, verify_ed25519

TIME_BYTES = 8


def verifier_key(name: str, key: Ed25519PrivateKey) -> VerifierKey:
    return VerifierKey(name, COSIGNATURE, key.public_key().public_bytes_raw())


def cosign(name: str, key: Ed25519PrivateKey, text: str, seconds: int) -> Signature:
    """A witness's line on a checkpoint's text, at a Unix time."""
    content = seconds.to_bytes(TIME_BYTES, "big") + key.sign(_message(text, seconds))
    return Signature(name, verifier_key(name, key).id, content)


def times(note: SignedNote, keys: tuple[VerifierKey, ...]) -> dict[VerifierKey, int]:
    """When each of these witnesses cosigned, its latest line; those without a line are left out.
    Raises LogFault where a line does not verify."""
    found: dict[VerifierKey, int] = {}
    for key in keys:
        for signature in note.by(key):
            seconds = time_of(key, note.text, signature)
            found[key] = max(seconds, found.get(key, 0))
    return found


def time_of(key: VerifierKey, text: str, signature: Signature) -> int:
    """The Unix time of a cosignature. Raises LogFault unless it verifies."""
    seconds = int.from_bytes(signature.content[:TIME_BYTES], "big")
    held = key.kind == COSIGNATURE and verify_ed25519(
        key.key, signature.content[TIME_BYTES:], _message(text, seconds)
    )
    if not held:
        raise LogFault(
            f"the cosignature of {key.name} does not verify", field=key.name, rule="cosignature"
        )
    return seconds


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
