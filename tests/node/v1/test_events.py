"""Server-sent events of jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.node.live import OTHER, Enterprise, Live, until
from tests.node.v1.test_jobs import add, ended

LONG = {"pattern": "L{serial:09d}", "count": 50_000_000}


@asynccontextmanager
async def watching(
    live: Live, owner: Enterprise, job_id: int, **headers: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    async with live.session.get(
        f"{live.url}/v1/jobs/{job_id}/events",
        headers={"Authorization": f"Bearer {owner.key}"} | headers,
    ) as response:
        yield response


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Events with their fields; comments by the field ''."""
    event: dict[str, Any] = {}
    async for raw in response.content:
        line = raw.decode().removesuffix("\n")
        if line:
            name, _, text = line.partition(": ")
            event[name] = json.loads(text) if name == "data" else text
        elif event:
            yield event
            event = {}


async def all_events(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    return [event async for event in events(response) if "event" in event]


async def test_a_job_is_watched_to_its_end(live: Live, owner: Enterprise) -> None:
    job = (await add(live, owner, count=200_000)).body
    async with asyncio.timeout(60), watching(live, owner, job["job_id"]) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        assert "X-Request-Id" in response.headers
        told = await all_events(response)
    assert [event["event"] for event in told[:-1]] == ["progress"] * (len(told) - 1)
    done = [event["data"]["done"] for event in told]
    assert done == sorted(done)
    last = told[-1]
    assert (last["event"], last["data"]["state"], last["data"]["created"]) == (
        "ended",
        "done",
        200_000,
    )
    assert len({event["id"] for event in told}) == len(told)
    shown = await live.ask("GET", f"/v1/jobs/{job['job_id']}", key=owner.key)
    assert last["data"] == shown.body


async def test_many_watch_one_job(live: Live, owner: Enterprise) -> None:
    job = (await add(live, owner, count=100_000)).body

    async def watch() -> list[dict[str, Any]]:
        async with watching(live, owner, job["job_id"]) as response:
            return await all_events(response)

    async with asyncio.timeout(60):
        told = await asyncio.gather(*(watch() for _ in range(20)))
    assert all(one[-1]["data"]["state"] == "done" for one in told)
    assert live.node.wiring.watcher.count == 0


async def test_who_comes_back_hears_only_what_is_new(live: Live, owner: Enterprise) -> None:
    job = await ended(live, owner, (await add(live, owner, count=3)).body["job_id"])
    async with watching(live, owner, job["job_id"]) as response:
        (only,) = await all_events(response)
    assert only["event"] == "ended"
    headers = {"Last-Event-ID": only["id"]}
    async with watching(live, owner, job["job_id"], **headers) as response:
        assert response.status == 204
        assert await response.read() == b""
    async with watching(live, owner, job["job_id"], **{"Last-Event-ID": "1-running"}) as response:
        assert await all_events(response) == [only]


async def test_a_cancelled_job_ends_its_events(live: Live, owner: Enterprise) -> None:
    job = (await add(live, owner, **LONG)).body
    async with asyncio.timeout(60), watching(live, owner, job["job_id"]) as response:
        told = events(response)
        async for event in told:
            if event.get("data", {}).get("state") == "running":
                break
        await live.ask("POST", f"/v1/jobs/{job['job_id']}/cancel", key=owner.key)
        async for event in told:
            last = event
    assert (last["event"], last["data"]["state"]) == ("ended", "cancelled")


async def test_silence_is_broken_by_heartbeats(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.v1.events.HEARTBEAT", 0.05)
    monkeypatch.setattr("node.v1.events.LOOK", 0.05)
    looked: list[object] = []

    async def nothing(*worker: object) -> None:
        looked.append(worker)

    monkeypatch.setattr("registry.job.worker.Worker._take", nothing)
    await until(lambda: len(looked) >= 3)  # no worker is still looking as it did before
    job = (await add(live, owner, count=1)).body
    async with asyncio.timeout(60), watching(live, owner, job["job_id"]) as response:
        beats = 0
        async for event in events(response):
            beats += event == {"": "alive"}
            if beats == 3:
                break
    assert beats == 3


async def test_who_goes_away_is_forgotten(live: Live, owner: Enterprise) -> None:
    job = (await add(live, owner, **LONG)).body
    watcher = live.node.wiring.watcher
    for _ in range(5):
        async with watching(live, owner, job["job_id"]) as response:
            await anext(events(response))
            assert watcher.count >= 1
            response.close()
    await until(lambda: watcher.count == 0)
    await live.ask("POST", f"/v1/jobs/{job['job_id']}/cancel", key=owner.key)


async def test_a_node_that_stops_ends_the_events(live: Live, owner: Enterprise) -> None:
    job = (await add(live, owner, **LONG)).body
    async with asyncio.timeout(60), watching(live, owner, job["job_id"]) as response:
        told = events(response)
        await anext(told)
        live.node.wiring.watcher.close()
        assert [event async for event in told if event.get("event") == "ended"] == []
    await live.ask("POST", f"/v1/jobs/{job['job_id']}/cancel", key=owner.key)


async def test_whose_jobs_one_may_watch(live: Live, owner: Enterprise) -> None:
    other = await live.enterprise(OTHER)
    job = (await add(live, owner, count=1)).body
    path = f"/v1/jobs/{job['job_id']}/events"
    assert (await live.ask("GET", path, key=other.key)).status == 403
    assert (await live.ask("GET", path)).status == 401
    assert (await live.ask("GET", "/v1/jobs/99/events", key=owner.key)).status == 404
