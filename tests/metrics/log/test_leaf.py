from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from metrics.log.fault import LogFault
from metrics.log.leaf import ENTRY_BYTES, Leaf, LeafKey, leaf_hashes, rows
from metrics.log.merkle import leaf_hash
from metrics.log.tile import unpack
from registry.leaf.leaf import Batch
from registry.record.registration import Method

K = bytes(range(32))
BATCH = Batch(77, "88.118.1", Method.STREAM, "key:ABC")
AT = datetime(2026, 11, 24, 6, 30, 1, 123456, tzinfo=UTC)
SUFFIXES = ["SN1", "SN2", "标识-3"]


def made(**options: bool) -> list[bytes]:
    key = LeafKey(K)
    return unpack(
        rows(key.blinded(BATCH.prefix), 77, AT, key.material(BATCH, SUFFIXES), **options).tobytes()
    )


def test_every_field_is_where_the_format_says() -> None:
    for entry, suffix in zip(made(), SUFFIXES, strict=True):
        identifier = f"88.118.1/{suffix}".encode()
        tag = hmac.new(K, identifier, "sha256").digest()
        padded = bytes(byte ^ 0x36 for byte in K.ljust(64, b"\0"))
        salt = hashlib.sha256(padded + identifier).digest()[:16]
        metadata = b"biaoshi registration v1\nbatch 77\nmethod 3\nactor key:ABC\n" + identifier
        blinded = hmac.new(K, b"\0prefix\0" + b"88.118.1", "sha256").digest()[:16]
        microseconds = 1_795_501_801_123_456
        assert entry == b"".join(
            [
                b"\1\0",
                microseconds.to_bytes(8, "big"),
                blinded,
                (77).to_bytes(8, "big"),
                tag,
                hashlib.sha256(salt + metadata).digest(),
            ]
        )


def test_leaves_are_read_as_they_are_written() -> None:
    key = LeafKey(K)
    leaf = Leaf.parse(made()[2])
    assert (leaf.at, leaf.batch, leaf.backfilled) == (AT, 77, False)
    assert leaf.tag == key.tag("88.118.1/标识-3")
    assert leaf.prefix == key.blinded("88.118.1")
    assert key.opening(BATCH, "标识-3").commitment == leaf.commitment
    assert key.opening(BATCH, "标识-4").commitment != leaf.commitment
    assert Leaf.parse(made(backfilled=True)[0]).backfilled


def test_the_hashes_are_those_of_the_entries() -> None:
    key = LeafKey(K)
    entries = rows(key.blinded(BATCH.prefix), 77, AT, key.material(BATCH, SUFFIXES))
    assert leaf_hashes(entries) == [leaf_hash(entry) for entry in made()]


def test_what_is_no_leaf() -> None:
    entry = made()[0]
    for wrong in (b"", entry[:-1], entry + b"\0", b"\2" + entry[1:]):
        with pytest.raises(LogFault):
            Leaf.parse(wrong)
    with pytest.raises(LogFault):
        rows(bytes(16), 77, AT, bytes(63))
    with pytest.raises(LogFault):
        LeafKey(K[1:])
    assert ENTRY_BYTES == 98


def test_another_key_has_another_commitment() -> None:
    assert LeafKey(K).commitment != LeafKey(bytes(32)).commitment
