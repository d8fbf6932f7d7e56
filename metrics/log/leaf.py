"""What a registration leaves in the log: 98 bytes that say nothing to whom no key is given.

    1   version
    1   flags: 1 says that it was registered before the log existed
    8   time of the registration, microseconds of Unix time, big-endian
    16  prefix, blinded: HMAC-SHA-256(K, 0x00 "prefix" 0x00 ‖ prefix), its first half
    8   batch, big-endian
    32  tag: HMAC-SHA-256(K, canonical identifier); two leaves with one tag count one twice
    32  commitment: SHA-256(salt ‖ metadata), which a receipt opens

Time, prefix and batch are the batch's; tag and commitment are made while it is registered.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from metrics.log.fault import LogFault
from registry.leaf.leaf import LEAF_BYTES as MATERIAL_BYTES
from registry.leaf.leaf import Batch

VERSION = 1
BACKFILLED = 1
KEY_BYTES = 32
SALT_BYTES = 16

# An entry of a bundle: two bytes of length, then the leaf.
ROW = np.dtype(
    [
        ("length", ">u2"),
        ("version", "u1"),
        ("flags", "u1"),
        ("time", ">i8"),
        ("prefix", "V16"),
        ("batch", ">u8"),
        ("tag", "V32"),
        ("commitment", "V32"),
    ]
)
ROW_BYTES = ROW.itemsize
ENTRY_BYTES = ROW_BYTES - 2
Rows: TypeAlias = npt.NDArray[np.void]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = 64  # bytes of SHA-256's blocks


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf, read."""

    time: int  # microseconds of Unix time
    prefix: bytes
    batch: int
    tag: bytes
    commitment: bytes
    flags: int = 0

    @property
    def at(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.time)

    @property
    def backfilled(self) -> bool:
        return bool(self.flags & BACKFILLED)

    @classmethod
    def parse(cls, entry: bytes) -> Leaf:
        """Raises LogFault."""
        if len(entry) != ENTRY_BYTES or entry[0] != VERSION:
            raise LogFault("not a registration's leaf", field="leaf", rule="leaf")
        row = np.frombuffer(ROW_BYTES.to_bytes(2, "big") + entry, ROW)[0]
        return cls(
            time=int(row["time"]),
            prefix=row["prefix"].tobytes(),
            batch=int(row["batch"]),
            tag=row["tag"].tobytes(),
            commitment=row["commitment"].tobytes(),
            flags=int(row["flags"]),
        )


@dataclass(frozen=True, slots=True)
class Opening:
    """What the commitment of a leaf is made from: enough to tell whose it is, without K."""

    identifier: str  # canonical
    batch: int
    method: int
    actor: str
    salt: bytes

    @property
    def commitment(self) -> bytes:
        head = _head(self.batch, self.method, self.actor)
        return hashlib.sha256(self.salt + head + self.identifier.encode()).digest()


class LeafKey:
    """K, one for the life of the node: what tags, blinded prefixes and salts are made with. It is
    given to the auditor and to nobody else. Safe to share between tasks and threads."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise LogFault(f"K has {KEY_BYTES} bytes", field="key", rule="leaf-key")
        self._inner, self._outer = _pads(key)
        self._key = key

    @property
    def commitment(self) -> bytes:
        """Published before the first leaf, so that no other K can be shown later."""
        return hashlib.sha256(b"biaoshi leaf key\n" + self._key).digest()

    def tag(self, identifier: str) -> bytes:
        """Of a canonical identifier."""
        return self._hmac(identifier.encode())

    def blinded(self, prefix: str) -> bytes:
        return self._hmac(b"\0prefix\0" + prefix.encode())[:16]

    def opening(self, batch: Batch, suffix: str) -> Opening:
        """What a receipt shows of a leaf; the same every time."""
        identifier = f"{batch.prefix}/{suffix}"
        salt = hashlib.sha256(self._inner + identifier.encode()).digest()[:SALT_BYTES]
        return Opening(identifier, batch.batch_id, batch.method, batch.actor, salt)

    def material(self, batch: Batch, suffixes: Sequence[str]) -> bytes:
        """Tag and commitment of each of a batch's identifiers, one after the other.

        HMAC written out, since this is most of what the log costs a registration: half of its
        inner hash is the salt as well. To whoever has no K it is as good as random, and what it
        shows of a tag's making when a receipt opens it is of no use for making another.
        """
        sha256 = hashlib.sha256
        inner, outer = self._inner, self._outer
        head = _head(batch.batch_id, batch.method, batch.actor)
        start = f"{batch.prefix}/".encode()
        parts: list[bytes] = []
        add = parts.append
        for suffix in suffixes:
            identifier = start + suffix.encode()
            hashed = sha256(inner + identifier).digest()
            add(sha256(outer + hashed).digest())
            add(sha256(hashed[:SALT_BYTES] + head + identifier).digest())
        return b"".join(parts)

    def _hmac(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, "sha256")


def rows(
    blinded: bytes, batch_id: int, at: datetime, material: bytes, *, backfilled: bool = False
) -> Rows:
    """A batch's leaves, as a bundle's entries, under its blinded prefix."""
    if len(material) % MATERIAL_BYTES:
        raise LogFault(f"batch {batch_id} has half a leaf", field="leaves", rule="leaf")
    halves = np.frombuffer(material, np.dtype([("tag", "V32"), ("commitment", "V32")]))
    made = np.zeros(len(halves), ROW)
    made["length"] = ENTRY_BYTES
    made["version"] = VERSION
    made["flags"] = BACKFILLED if backfilled else 0
    made["time"] = (at - _EPOCH) // timedelta(microseconds=1)
    made["prefix"] = np.void(blinded)
    made["batch"] = batch_id
    made["tag"] = halves["tag"]
    made["commitment"] = halves["commitment"]
    return made


def leaf_hashes(entries: Rows) -> list[bytes]:
    """The leaf hashes of a bundle's entries."""
    count = len(entries)
    prefixed = np.zeros((count, ENTRY_BYTES + 1), np.uint8)
    prefixed[:, 1:] = entries.view(np.uint8).reshape(count, ROW_BYTES)[:, 2:]
    joined = prefixed.tobytes()
    sha256, step = hashlib.sha256, ENTRY_BYTES + 1
    return [sha256(joined[at : at + step]).digest() for at in range(0, len(joined), step)]


MakeMaterial = Callable[[Batch, Sequence[str]], bytes]


def _head(batch_id: int, method: int, actor: str) -> bytes:
    """The metadata that a batch's leaves share, up to the identifier, which has no control
    characters."""
    return f"biaoshi registration v1\nbatch {batch_id}\nmethod {method}\nactor {actor}\n".encode()


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """RFC 2104: what HMAC hashes before the message, and before the inner hash."""
    padded = key.ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)
