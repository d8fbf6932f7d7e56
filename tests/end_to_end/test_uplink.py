"""A node process and the national node: down, slow, forgetful, refusing; and the node killed.

Every step of the sender by itself is tested beside it, in tests/node/uplink/test_sender.py.
"""

from __future__ import annotations

import asyncio

import pytest

from registry.prefix.prefix import PrefixState
from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Sandbox, Served, eventually

CONTENT = {"values": [{"index": 1, "type": "URL", "data": "https://example.com/1"}]}


async def state_of(served: Served, holder: Holder) -> dict:
    return (await served.ask("GET", f"/v1/prefixes/{holder.prefix}", key=holder.key)).body


async def until_state(served: Served, holder: Holder, state: PrefixState, seconds=60.0) -> dict:
    async def reached():
        prefix = await state_of(served, holder)
        return prefix if prefix["state"] == state else None

    return await eventually(reached, seconds)


async def approve(served: Served, office: Office, holder: Holder) -> None:
    """Over HTTP, so that the sender is woken."""
    path = f"/v1/prefixes/{holder.prefix}/approve"
    reply = await served.ask("POST", path, key=await office.operator())
    assert reply.status == 200, reply.body


async def test_an_unlinked_node_still_serves(serving, linked, sandbox: Sandbox, office, holder):
    """Promise 5: with the national node down, what is active registers and resolves, what is owed
    waits, operators see it, and it arrives when the national node is back."""
    served: Served = await serving(**linked)
    await sandbox.up(False)
    waiting = [await office.applicant() for _ in range(3)]
    for applicant in waiting:
        await approve(served, office, applicant)

    async def told():
        return (await served.ask("GET", "/readyz")).body["degraded"]

    assert list(await eventually(told)) == ["national_node"]
    ready = await served.ask("GET", "/readyz")
    assert (ready.status, ready.body["status"], ready.body["missing"]) == (200, "ready", {})

    for number in range(50):
        path = f"{holder.prefix}/{number}"
        put = await served.ask("PUT", f"/v1/identifiers/{path}", key=holder.key, json=CONTENT)
        assert (put.status, put.seconds < 5) == (201, True)
        assert (await served.ask("GET", f"/v1/resolve/{path}")).status == 200
    refused = await served.ask(
        "PUT", f"/v1/identifiers/{waiting[0].prefix}/1", key=waiting[0].key, json=CONTENT
    )
    assert (refused.status, refused.body["rule"]) == (403, "prefix-not-active")

    assert await served.metric("biaoshi_outbox_items") == 3
    assert await served.metric("biaoshi_outbox_oldest_seconds") > 0
    assert await served.metric("biaoshi_national_node_up") == 0

    await sandbox.up(True)
    for applicant in waiting:
        await until_state(served, applicant, PrefixState.ACTIVE)
        assert len(await sandbox.filed(applicant.prefix)) == 1

    async def settled():
        return await served.metric("biaoshi_outbox_items") == 0

    await eventually(settled)
    assert await served.metric("biaoshi_national_node_up") == 1
    assert (await served.ask("GET", "/readyz")).body["degraded"] == {}
    again = await served.ask(
        "PUT", f"/v1/identifiers/{waiting[0].prefix}/1", key=waiting[0].key, json=CONTENT
    )
    assert again.status == 201


async def test_faults_of_the_national_node_lead_to_one_filing_or_to_a_reason(
    serving, linked, sandbox: Sandbox, office
):
    """Answers lost after the commit, a request delivered twice, a refusal, a slow review."""
    served: Served = await serving(**linked)
    lost, twice, refused, slow = [await office.applicant() for _ in range(4)]

    await sandbox.arm("answerLost", count=2)
    await approve(served, office, lost)
    await until_state(served, lost, PrefixState.ACTIVE)
    assert len(await sandbox.filed(lost.prefix)) == 1

    await sandbox.arm("duplicate", count=1)
    await approve(served, office, twice)
    await until_state(served, twice, PrefixState.ACTIVE)
    assert len(await sandbox.filed(twice.prefix)) == 1

    await sandbox.arm("reject", count=1, message="主体信息与登记不符")
    await approve(served, office, refused)
    rejected = await until_state(served, refused, PrefixState.REJECTED)
    assert rejected["note"] == "主体信息与登记不符"

    await sandbox.manage("PUT", "/review", {"delaySeconds": 60})
    await approve(served, office, slow)

    async def filed():
        return (await state_of(served, slow))["filed"]

    await eventually(filed)
    assert (await state_of(served, slow))["state"] == PrefixState.UNDER_REVIEW
    verdict = {"verdict": "rejected", "reason": "证照过期"}
    await sandbox.manage("PUT", f"/prefixes/{slow.prefix}/verdict", verdict)
    assert (await until_state(served, slow, PrefixState.REJECTED))["note"] == "证照过期"
    arrived = [filing["body"] for filing in await sandbox.filings_received()]
    assert sum(f'"{lost.prefix}"' in body for body in arrived) == 3
    assert sum(f'"{twice.prefix}"' in body for body in arrived) == 2


async def test_a_node_killed_while_it_files_files_once(
    serving, linked, sandbox: Sandbox, office: Office
):
    """The national node has committed and not answered; the lease outlives the killed node."""
    served: Served = await serving(**linked)
    holder = await office.applicant()
    await sandbox.arm("delay", seconds=30, count=1)
    await approve(served, office, holder)
    await eventually(lambda: sandbox.filed(holder.prefix))
    served.kill()
    [item] = await office.fetch("SELECT attempts, settled_at FROM outbox")
    assert (item["attempts"], item["settled_at"]) == (1, None)
    await served.start()
    # Two minutes later, as the clocks of the outbox go.
    await office.fetch("UPDATE outbox SET next_attempt_at = now()")
    await until_state(served, holder, PrefixState.ACTIVE)
    [act] = await sandbox.filed(holder.prefix)
    assert (act["act"], act["revision"]) == ("file", 1)
    [item] = await office.fetch("SELECT attempts, settled_at FROM outbox")
    assert item["attempts"] == 2
    assert item["settled_at"] is not None


async def test_two_processes_share_the_outbox(serving, linked, sandbox: Sandbox, office: Office):
    """One of them is killed in the middle of it."""
    both: list[Served] = list(await asyncio.gather(serving(**linked), serving(**linked)))
    holders = [await office.applicant() for _ in range(30)]
    for holder in holders[:20]:
        await office.approve(holder)
    for holder in holders[:20]:
        await until_state(both[0], holder, PrefixState.ACTIVE)
    senders = {event["prefix"] for event in both[0].events("filed")}
    others = {event["prefix"] for event in both[1].events("filed")}
    assert len(senders) + len(others) == 20, "each prefix was filed by one of them"
    assert len(await sandbox.filings_received()) == 20
    for holder in holders[20:]:
        await office.approve(holder)
    both[0].kill()
    # What the killed one had in hand is free when its lease has ended.
    await office.fetch("UPDATE outbox SET next_attempt_at = now() WHERE settled_at IS NULL")
    for holder in holders:
        await until_state(both[1], holder, PrefixState.ACTIVE)
        assert len(await sandbox.filed(holder.prefix)) == 1


@pytest.mark.soak
async def test_a_killed_nodes_lease_ends_by_itself(serving, linked, sandbox: Sandbox, office):
    served: Served = await serving(**linked)
    holder = await office.applicant()
    await sandbox.arm("delay", seconds=30, count=1)
    await approve(served, office, holder)
    await eventually(lambda: sandbox.filed(holder.prefix))
    served.kill()
    await served.start()
    await until_state(served, holder, PrefixState.ACTIVE, 180)
    assert len(await sandbox.filed(holder.prefix)) == 1
