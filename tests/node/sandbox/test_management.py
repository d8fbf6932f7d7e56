"""The management port: each fault as the client meets it, going down, what was received."""

import asyncio
import hashlib
import time

import aiohttp
import msgspec
import pytest

from node.sandbox.received import MAX_ENTRIES, MAX_SHOWN, ReceivedLog
from registry.errors import NationalNodeRefused, NationalNodeUnavailable
from tests.node.sandbox.conftest import FILING, OURS


async def arm(world, kind, **items):
    return await world.manage("POST", "/faults", {"kind": kind, **items})


async def history(world):
    return await world.manage("GET", "/prefixes/88.118.8")


async def statuses(world):
    return [one["httpStatus"] for one in await world.received()]


async def test_a_duplicated_request_makes_one_filing(world):
    await arm(world, "duplicate", count=1)
    filed = await world.ours.file_prefix(FILING)
    assert [one["delivery"] for one in await world.received()] == [1, 2]
    assert (await world.ours.prefix_status("88.118.8")).filing_id == filed.filing_id
    assert len(await history(world)) == 1


async def test_a_duplicated_deletion_is_one(world):
    await world.ours.file_prefix(FILING)
    await arm(world, "duplicate", count=1)
    await world.ours.delete_prefix("88.118.8")
    assert [one["act"] for one in await history(world)] == ["file", "delete"]


async def test_delay(world):
    await arm(world, "delay", count=1, seconds=0.2)
    began = time.monotonic()
    await world.ours.file_prefix(FILING)
    assert time.monotonic() - began > 0.19


async def test_an_answer_later_than_the_client_waits(world):
    await arm(world, "delay", count=1, seconds=2)
    impatient = world.client("a", OURS, attempt_seconds=0.1)
    await impatient.file_prefix(FILING)
    assert len(await history(world)) == 1


async def test_reject(world):
    await arm(world, "reject", count=1, message="暂停受理")
    with pytest.raises(NationalNodeRefused, match="暂停受理"):
        await world.ours.file_prefix(FILING)
    assert await history(world) == []
    await world.ours.file_prefix(FILING)


async def test_refuse(world):
    await arm(world, "refuse", count=2)
    await world.ours.file_prefix(FILING)
    assert await statuses(world) == [None, None, 200]


async def test_busy(world):
    await arm(world, "busy", count=1, httpStatus=429, retryAfter=0)
    await arm(world, "busy", count=1)
    await world.ours.file_prefix(FILING)
    assert await statuses(world) == [429, 503, 200]


async def test_a_fault_until_cleared(world):
    await arm(world, "answerLost")
    client = world.client("a", OURS, attempts=3)
    with pytest.raises(NationalNodeUnavailable, match="504"):
        await client.file_prefix(FILING)
    assert await statuses(world) == [504] * 3
    await world.manage("DELETE", "/faults")
    await client.file_prefix(FILING)
    assert len(await history(world)) == 1


async def test_a_fault_for_some_paths(world):
    await arm(world, "reject", path="/ntn/v1/resolve")
    await world.ours.file_prefix(FILING)
    with pytest.raises(NationalNodeRefused):
        await world.ours.resolve("88.118.8/1")


async def test_counts_run_down_in_order(world):
    await arm(world, "busy", count=2)
    armed = await arm(world, "refuse", count=1)
    assert [(one["kind"], one["count"]) for one in armed] == [("busy", 2), ("refuse", 1)]
    await world.ours.prefix_status("88.118.8")
    assert await statuses(world) == [503, 503, None, 200]
    assert await world.manage("GET", "/faults") == []


async def test_down_and_up(world):
    await world.ours.file_prefix(FILING)
    assert await world.manage("PUT", "/service", {"up": False}) == {"up": False}
    assert await world.manage("PUT", "/service", {"up": False}) == {"up": False}
    client = world.client("a", OURS, attempts=2)
    with pytest.raises(NationalNodeUnavailable, match="Connect"):
        await client.prefix_status("88.118.8")
    await world.manage("PUT", "/service", {"up": True})
    assert (await client.prefix_status("88.118.8")).revision == 1


async def test_a_client_that_insists_survives_an_outage(world):
    await world.manage("PUT", "/service", {"up": False})
    patient = world.client("a", OURS, attempts=1000, wait_max=0.02)
    filing = asyncio.create_task(patient.file_prefix(FILING))
    await asyncio.sleep(0.1)
    await world.manage("PUT", "/service", {"up": True})
    await filing
    assert len(await history(world)) == 1


async def test_what_was_received(world):
    await world.ours.file_prefix(FILING)
    await world.raw("GET", "/ntn/v1/resolve?id=x", {"X-App-Id": "forged"})
    first, second = await world.received()
    body = msgspec.json.encode(FILING)
    assert (first["method"], first["target"], first["appId"]) == (
        "POST",
        "/ntn/v1/prefixes",
        "app-a",
    )
    assert first["body"] == body.decode()
    assert (first["bodyBytes"], first["bodySha256"]) == (
        len(body),
        hashlib.sha256(body).hexdigest(),
    )
    assert (first["at"], first["fault"]) == (world.clock.now, None)
    assert (second["target"], second["appId"], second["httpStatus"]) == (
        "/ntn/v1/resolve?id=x",
        "forged",
        401,
    )
    after = await world.manage("GET", f"/received?after={first['number']}")
    assert [one["number"] for one in after] == [second["number"]]
    await world.manage("DELETE", "/received")
    assert await world.received() == []


def test_the_received_log_is_bounded():
    log = ReceivedLog()
    for at in range(MAX_ENTRIES + 5):
        log.add(
            at=at,
            method="POST",
            target="/",
            app_id="a",
            body=b"x" * (MAX_SHOWN + 1),
            http_status=200,
            fault=None,
            delivery=1,
        )
    entries = log.since(0)
    assert [entries[0].number, entries[-1].number] == [6, MAX_ENTRIES + 5]
    assert len(entries[0].body) == MAX_SHOWN
    assert entries[0].body_bytes == MAX_SHOWN + 1


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/faults", {"kind": "explode"}, "kind"),
        ("/faults", {"kind": "delay", "seconds": 61}, "seconds"),
        ("/faults", {"kind": "delay", "count": 0}, "count"),
        ("/faults", {"kind": "delay", "extra": 0}, None),
        ("/detours", {"prefix": "1", "kind": "loop", "hops": 0}, "hops"),
    ],
)
async def test_a_wrong_instruction_is_refused_and_changes_nothing(world, path, body, field):
    url = world.sandbox.management_url + path
    async with world.session.post(url, json=body) as response:
        answer = await response.json()
    assert (answer["status"], answer["data"]["field"]) == (-2, field)
    assert await world.manage("GET", path) == []


async def test_an_instruction_from_a_web_form_is_refused(world):
    url = world.sandbox.management_url + "/faults"
    async with world.session.post(url, data='{"kind": "busy"}') as response:
        assert (await response.json())["status"] == -2
    assert await world.manage("GET", "/faults") == []


async def test_armed_faults_are_bounded(world):
    for _ in range(100):
        await arm(world, "busy", path="/never")
    url = world.sandbox.management_url + "/faults"
    async with world.session.post(url, json={"kind": "busy"}) as response:
        assert (await response.json())["status"] == -2


async def test_a_verdict_needs_a_running_review(world):
    url = world.sandbox.management_url + "/prefixes/88.118.8/verdict"
    async with world.session.put(url, json={"verdict": "approved"}) as response:
        assert (await response.json())["status"] == -2
    await world.ours.file_prefix(FILING)
    world.clock.now += 10
    async with world.session.put(url, json={"verdict": "rejected"}) as response:
        assert (await response.json())["status"] == -2


async def test_controls_return_to_the_settings_at_a_restart(world):
    await world.manage("PUT", "/review", {"delaySeconds": 0, "verdict": "rejected"})
    await arm(world, "busy")
    await world.sandbox.stop()
    await world.start()
    review = await world.manage("GET", "/review")
    assert review == {"delaySeconds": 10, "verdict": "approved", "reason": ""}
    assert await world.manage("GET", "/faults") == []


async def test_stop_closes_every_port(world):
    await world.sandbox.stop()
    await world.sandbox.stop()
    urls = (world.sandbox.url, world.sandbox.management_url, world.sandbox.foreign_url)
    for url in urls:
        with pytest.raises(aiohttp.ClientConnectorError):
            await world.session.get(url)
