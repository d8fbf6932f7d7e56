"""Merkle tree hashes and proofs: RFC 6962 section 2, and its verification by RFC 9162 section 2.1.

A *subtree* (height, number) is the complete one over leaves number·2^height up to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from metrics.log.fault import LogFault

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Subtree = tuple[int, int]
ReadSubtree = Callable[[Subtree], bytes]


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def parents(hashes: bytes) -> bytes:
    """The level above an even number of hashes; all are joined."""
    sha256 = hashlib.sha256
    return b"".join(
        [sha256(b"\x01" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)]
    )


def complete_root(hashes: bytes) -> bytes:
    """The root over 2^n joined hashes."""
    while len(hashes) > HASH_BYTES:
        hashes = parents(hashes)
    return hashes


def subtrees(start: int, end: int) -> Iterator[Subtree]:
    """The complete subtrees that together are the leaves [start, end), from left to right, where
    `start` is 0 or a multiple of the largest power of two within the range."""
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def root(size: int, read: ReadSubtree) -> bytes:
    """The root of a tree of so many leaves."""
    return range_root(0, size, read) if size else EMPTY_ROOT


def range_root(start: int, end: int, read: ReadSubtree) -> bytes:
    """The hash over the leaves [start, end); see `subtrees`."""
    hashes = [read(subtree) for subtree in subtrees(start, end)]
    whole = hashes.pop()
    while hashes:
        whole = node_hash(hashes.pop(), whole)
    return whole


def inclusion_proof(index: int, size: int, read: ReadSubtree) -> list[bytes]:
    """The hashes beside the way from a leaf to the root, from the leaf's sibling upwards."""
    if not 0 <= index < size:
        raise LogFault(f"a log of {size} leaves has no leaf {index}", field="index", rule="index")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(range_root(middle, end, read))
            end = middle
        else:
            proof.append(range_root(start, middle, read))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, size: int, read: ReadSubtree) -> list[bytes]:
    """The hashes that show that a tree of `old` leaves is the beginning of this one. None are
    needed where it is empty or all of it."""
    if not 0 <= old <= size:
        raise LogFault(f"a log of {size} leaves has never had {old}", field="size", rule="size")
    if old in (0, size):
        return []
    proof = []
    start, end = 0, size
    whole = True  # whether [start, end) is a whole tree that the old one knew
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(range_root(middle, end, read))
            end = middle
        else:
            proof.append(range_root(start, middle, read))
            start = middle
            whole = False
    if not whole:
        proof.append(range_root(start, end, read))
    return proof[::-1]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that the proof leads to from a leaf's hash. Raises LogFault."""
    if not 0 <= index < size:
        raise LogFault(f"a log of {size} leaves has no leaf {index}", field="index", rule="index")
    number, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise LogFault("the proof is too long", field="proof", rule="inclusion")
        if number & 1 or number == last:
            reached = node_hash(sibling, reached)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise LogFault("the proof is too short", field="proof", rule="inclusion")
    return reached


def check_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], wanted: bytes
) -> None:
    """Raise LogFault unless the proof leads from a leaf's hash to the wanted root."""
    if root_from_inclusion(index, size, leaf, proof) != wanted:
        raise LogFault(
            f"leaf {index} is not in the tree of the checkpoint", field="proof", rule="inclusion"
        )


def check_consistency(
    old: int, size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise LogFault unless the proof shows the older tree to be the beginning of the newer."""
    if not 0 <= old <= size:
        raise LogFault(f"{size} leaves cannot follow {old}", field="size", rule="size")
    if old == 0:
        _require(not proof and old_root == EMPTY_ROOT)
        return
    if old == size:
        _require(not proof and old_root == new_root)
        return
    hashes = list(proof)
    if old & (old - 1) == 0:  # the old tree is a subtree of the new one
        hashes.insert(0, old_root)
    _require(bool(hashes))
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    reached_old = reached_new = hashes[0]
    for sibling in hashes[1:]:
        _require(last != 0)
        if number & 1 or number == last:
            reached_old = node_hash(sibling, reached_old)
            reached_new = node_hash(sibling, reached_new)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            reached_new = node_hash(reached_new, sibling)
        number, last = number >> 1, last >> 1
    _require(last == 0 and reached_old == old_root and reached_new == new_root)


def _split(count: int) -> int:
    """The largest power of two below a count of two or more."""
    return 1 << (count - 1).bit_length() - 1


def _require(held: bool) -> None:
    if not held:
        raise LogFault(
            "the older checkpoint's tree is not the beginning of the newer one's",
            field="proof",
            rule="consistency",
        )
