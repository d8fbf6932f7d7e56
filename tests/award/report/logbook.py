"""Logs in memory, with everything a report's package needs of them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from award.evidence.certified import Checkpoint
from award.proof.files import CHECKPOINT, CONSISTENCY, PROOF, path_of
from metrics.log.checkpoint import Checkpoint as LogCheckpoint
from metrics.log.cosignature import cosign
from metrics.log.merkle import (
    ReadSubtree,
    Subtree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
)
from metrics.log.note import SignedNote, Signer
from metrics.log.proof import Proof
from metrics.log.submission import Submission


@dataclass(frozen=True)
class Logbook:
    """One log. `entry` gives a leaf by its place, `read` the hash of a subtree."""

    origin: str
    size: int
    entry: Callable[[int], bytes]
    read: ReadSubtree
    key: Ed25519PrivateKey
    witnesses: Sequence[tuple[str, Ed25519PrivateKey]]

    def note(self, size: int, at: int) -> SignedNote:
        """The checkpoint of so many leaves, cosigned by all witnesses."""
        text = LogCheckpoint(self.origin, size, root(size, self.read)).text
        lines = [cosign(name, key, text, at) for name, key in self.witnesses]
        return SignedNote(text, (Signer.ed25519(self.origin, self.key).sign(text), *lines))

    def checkpoint(self, at: int = 1_735_700_000) -> Checkpoint:
        return Checkpoint(
            origin=self.origin,
            size=self.size,
            root=base64.b64encode(root(self.size, self.read)).decode(),
            note=str(self.note(self.size, at)),
            cosigned_by=tuple(name for name, _ in self.witnesses),
        )

    def proofs(self, places: Iterable[int]) -> dict[str, bytes]:
        shown = self.checkpoint()
        note = SignedNote.parse(shown.note)
        found = {}
        for place in places:
            hashes = tuple(inclusion_proof(place, self.size, self.read))
            proof = Proof(place, hashes, note, self.entry(place))
            found[path_of(shown, place, PROOF)] = str(proof).encode()
        return found

    def older(self, *sizes: int) -> dict[str, bytes]:
        shown = self.checkpoint()
        found = {}
        for size in sizes:
            hashes = tuple(consistency_proof(size, self.size, self.read))
            proof = Submission(size, hashes, SignedNote.parse(shown.note))
            found[path_of(shown, size, CHECKPOINT)] = str(self.note(size, 1_710_000_000)).encode()
            found[path_of(shown, size, CONSISTENCY)] = str(proof).encode()
        return found


def written(
    origin: str,
    entries: Sequence[bytes],
    key: Ed25519PrivateKey,
    witnesses: Sequence[tuple[str, Ed25519PrivateKey]],
) -> Logbook:
    """A log with these leaves."""
    leaves = [leaf_hash(entry) for entry in entries]

    @cache
    def read(subtree: Subtree) -> bytes:
        height, number = subtree
        if not height:
            return leaves[number]
        return node_hash(read((height - 1, 2 * number)), read((height - 1, 2 * number + 1)))

    return Logbook(origin, len(entries), entries.__getitem__, read, key, witnesses)


def uniform(
    origin: str,
    entry: bytes,
    size: int,
    key: Ed25519PrivateKey,
    witnesses: Sequence[tuple[str, Ed25519PrivateKey]],
) -> Logbook:
    """A log of a hundred million leaves, which takes no time, because they are all the same."""

    @cache
    def of_height(height: int) -> bytes:
        if not height:
            return leaf_hash(entry)
        return node_hash(of_height(height - 1), of_height(height - 1))

    return Logbook(
        origin, size, lambda place: entry, lambda subtree: of_height(subtree[0]), key, witnesses
    )
