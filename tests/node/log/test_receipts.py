"""Receipts, from the registration to the offline check."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from metrics.log import keys as log_keys
from metrics.log.fault import LogFault
from metrics.log.proof import Proof
from metrics.log.receipt import Receipt, check_receipt
from metrics.log.verification.heads import Trust
from registry.access.actor import Role, console
from registry.access.key import KeyWish
from tests.node.live import OTHER, Enterprise, Live
from tests.node.log.conftest import ORIGIN, PATIENCE, Logged

VALUES = {"values": [{"index": 1, "type": "A", "data": "b"}]}


async def registered(logged: Logged, suffix: str) -> tuple[Enterprise, str]:
    owner = await logged.live.enterprise()
    handle = f"{owner.prefix}/{suffix}"
    reply = await logged.live.ask("PUT", f"/v1/identifiers/{handle}", key=owner.key, json=VALUES)
    assert reply.status == 201
    assert reply.body["batch"]
    return owner, handle


async def receipt_of(logged: Logged, handle: str, key: str) -> str:
    """The receipt, once there is one; until then the node says so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            reply = await logged.live.ask("GET", f"/v1/receipts/{handle}", key=key)
            if reply.status == 200:
                return str(reply.body)
            assert (reply.status, reply.body) == (202, "committed, not yet in the log\n")
            await asyncio.sleep(0.05)


def trust(logged: Logged, origin: str) -> Trust:
    return Trust(tuple(logged.keys.verifiers(origin)), (logged.witness,), pinned=True)


async def test_a_receipt_holds_offline(logged: Logged) -> None:
    owner, handle = await registered(logged, "Lampe-1")
    text = await receipt_of(logged, handle, owner.key)
    receipt = Receipt.parse(text)
    origin = receipt.proof.checkpoint.origin
    assert origin.startswith(f"{ORIGIN}/registrations-")
    assert receipt.opening.identifier == f"{owner.prefix}/LAMPE-1"
    assert receipt.leaf.tag == logged.keys.leaf.tag(receipt.opening.identifier)
    cosigned = check_receipt(receipt, trust(logged, origin))
    assert [one.name for one in cosigned] == [logged.witness.name]
    assert str(Proof.parse(text)) == text


async def test_a_receipt_of_anything_else_does_not(logged: Logged) -> None:
    owner, handle = await registered(logged, "A")
    receipt = Receipt.parse(await receipt_of(logged, handle, owner.key))
    trusted = trust(logged, receipt.proof.checkpoint.origin)
    opening = receipt.opening
    for wrong in (
        Receipt(receipt.proof, receipt.entry[:-1] + b"\0", opening),
        Receipt(receipt.proof, receipt.entry, type(opening)("88.118.1/B", 1, 1, "x", bytes(16))),
    ):
        with pytest.raises(LogFault):
            check_receipt(wrong, trusted)
    with pytest.raises(LogFault, match="0 of 1 cosignatures"):
        check_receipt(receipt, Trust(trusted.logs, (), pinned=True))
    with pytest.raises(LogFault, match="no known key"):
        check_receipt(receipt, Trust((), (logged.witness,), pinned=True))


async def test_the_same_receipt_again_and_after_withdrawal(logged: Logged) -> None:
    owner, handle = await registered(logged, "A")
    first = Receipt.parse(await receipt_of(logged, handle, owner.key))
    await logged.live.ask("DELETE", f"/v1/identifiers/{handle}", key=owner.key)
    again = Receipt.parse(await receipt_of(logged, handle, owner.key))
    assert (again.entry, again.opening) == (first.entry, first.opening)


async def test_who_may_have_it(logged: Logged) -> None:
    owner, handle = await registered(logged, "A")
    await receipt_of(logged, handle, logged.live.operator)
    bureau = await logged.live.node.wiring.keyring.create(
        console(), KeyWish(role=Role.BUREAU, label="bureau")
    )
    await receipt_of(logged, handle, bureau.secret)
    other = await logged.live.enterprise(OTHER)
    path = f"/v1/receipts/{handle}"
    assert (await logged.live.ask("GET", path, key=other.key)).status == 403
    assert (await logged.live.ask("GET", path)).status == 401
    for missing in (f"{owner.prefix}/B", "88.118.999/A"):
        reply = await logged.live.ask("GET", f"/v1/receipts/{missing}", key=owner.key)
        assert reply.status == 404


async def test_without_a_log_there_is_no_receipt(live_without_log: Live) -> None:
    owner = await live_without_log.enterprise()
    handle = f"{owner.prefix}/A"
    await live_without_log.ask("PUT", f"/v1/identifiers/{handle}", key=owner.key, json=VALUES)
    reply = await live_without_log.ask("GET", f"/v1/receipts/{handle}", key=owner.key)
    assert (reply.status, reply.body["type"]) == (404, "/docs/problems#no-receipt")


def test_keys_are_made_once(tmp_path: Path) -> None:
    log_keys.create(tmp_path / "keys")
    with pytest.raises(log_keys.LogKeysUnfit, match="not empty"):
        log_keys.create(tmp_path / "keys")
