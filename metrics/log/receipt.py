"""Receipts: that one registration is in the log, for whoever holds it to check offline.

A receipt is a tlog-proof. Its extra line holds the leaf, and what opens the leaf's commitment: the
identifier, batch, method and actor, and the salt. So it shows whose leaf it is, without K.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from metrics.log import store
from metrics.log.fault import LogFault
from metrics.log.leaf import SALT_BYTES, Leaf, LeafKey, Opening
from metrics.log.log import SHANGHAI, Log
from metrics.log.merkle import inclusion_proof, leaf_hash
from metrics.log.note import SignedNote
from metrics.log.proof import Proof
from metrics.log.reading import prove
from metrics.log.store import Span
from metrics.log.tile import ENTRIES, WIDTH, Tile, unpack
from metrics.log.verification.finding import Witnessed
from metrics.log.verification.folder import Head
from metrics.log.verification.heads import Trust
from registry.database import Connection
from registry.leaf.leaf import Batch


class Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the extra line, as JSON."""

    leaf: str  # in base64
    identifier: str
    batch: int
    method: int
    actor: str
    salt: str  # in base64


@dataclass(frozen=True, slots=True)
class Receipt:
    """A proof with its leaf and what opens it."""

    proof: Proof
    entry: bytes
    opening: Opening

    @property
    def leaf(self) -> Leaf:
        return Leaf.parse(self.entry)

    @classmethod
    def parse(cls, text: str) -> Receipt:
        """Raises LogFault."""
        proof = Proof.parse(text)
        try:
            extra = msgspec.json.decode(proof.extra, type=Extra)
            entry = base64.b64decode(extra.leaf, validate=True)
            salt = base64.b64decode(extra.salt, validate=True)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise LogFault(f"the extra line: {error}", field="extra", rule="receipt") from None
        if len(salt) != SALT_BYTES:
            raise LogFault("the salt has the wrong length", field="extra", rule="receipt")
        opening = Opening(extra.identifier, extra.batch, extra.method, extra.actor, salt)
        return cls(proof, entry, opening)

    def __str__(self) -> str:
        return str(self.proof)

    def facts(self) -> Mapping[str, str]:
        """What it shows, in words."""
        at = self.leaf.at.astimezone(SHANGHAI)
        return {
            "标识 identifier": self.opening.identifier,
            "注册时间 registered": at.isoformat(sep=" ", timespec="milliseconds"),
            "日志 log": self.proof.checkpoint.origin,
            "序号 leaf": str(self.proof.index),
            "批次 batch": str(self.opening.batch),
        }


def check_receipt(receipt: Receipt, trust: Trust) -> tuple[Witnessed, ...]:
    """Who cosigned the checkpoint it rests on. Raises LogFault where anything does not hold."""
    head = Head(Path("receipt"), receipt.proof.note, receipt.proof.checkpoint)
    cosigned = trust.check_latest(head)
    receipt.proof.check(leaf_hash(receipt.entry))
    if not hmac.compare_digest(receipt.opening.commitment, receipt.leaf.commitment):
        raise LogFault(
            f"the leaf is not that of {receipt.opening.identifier}", field="extra", rule="opening"
        )
    if receipt.leaf.batch != receipt.opening.batch:
        raise LogFault("the leaf is of another batch", field="extra", rule="opening")
    return cosigned


async def make_receipt(
    connection: Connection, key: LeafKey, batch: Batch, suffix: str
) -> Receipt | None:
    """The receipt of a registration; None where its leaf is not published yet."""
    tag = key.tag(f"{batch.prefix}/{suffix}")
    spans = await store.spans(connection, batch.batch_id)
    # Read after them, so that the log of each is there, though it was opened just now.
    logs = {log.log_id: log for log in await store.logs(connection)}
    for log_id, span in spans:
        found = await _find(connection, logs[log_id], span, tag)
        if found is not None:
            return await _proved(connection, logs[log_id], *found, key.opening(batch, suffix))
    return None


async def _proved(
    connection: Connection, log: Log, index: int, entry: bytes, opening: Opening
) -> Receipt | None:
    """The receipt under the latest published checkpoint, if that covers the leaf."""
    published = await store.published(connection, log.log_id)
    if published is None or published.size <= index:
        return None
    size = published.size
    hashes = await prove(connection, log, size, lambda read: inclusion_proof(index, size, read))
    return _receipt(published.note, index, hashes, entry, opening)


def _receipt(note: str, index: int, hashes: list[bytes], entry: bytes, opening: Opening) -> Receipt:
    extra = Extra(
        base64.b64encode(entry).decode(),
        opening.identifier,
        opening.batch,
        opening.method,
        opening.actor,
        base64.b64encode(opening.salt).decode(),
    )
    content = msgspec.json.encode(extra)
    return Receipt(Proof(index, tuple(hashes), SignedNote.parse(note), content), entry, opening)


async def _find(
    connection: Connection, log: Log, span: Span, tag: bytes
) -> tuple[int, bytes] | None:
    """A leaf by its tag, among those of a batch. Its bundles are read some at a time."""
    end = span.first + span.count
    wanted = [Tile(ENTRIES, index) for index in range(span.first // WIDTH, (end - 1) // WIDTH + 1)]
    for at in range(0, len(wanted), 16):
        contents = await store.tiles(connection, log.log_id, wanted[at : at + 16])
        for (_, index), content in sorted(contents.items()):
            if tag not in content:
                continue
            for number, entry in enumerate(unpack(content), index * WIDTH):
                if span.first <= number < end and Leaf.parse(entry).tag == tag:
                    return number, entry
    return None
