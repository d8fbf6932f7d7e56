"""Blocks and jobs over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.node.live import OTHER, Enterprise, Live, Reply

BLOCK: dict[str, Any] = {
    "pattern": "SN{serial:06d}",
    "start": 1,
    "count": 300,
    "values": [{"index": 1, "type": "URL", "data": "https://example.com/p"}],
}


async def add(live: Live, owner: Enterprise, key: str | None = None, **changes: Any) -> Reply:
    headers = changes.pop("headers", {})
    return await live.ask(
        "POST",
        f"/v1/prefixes/{owner.prefix}/blocks",
        key=key or owner.key,
        json=BLOCK | changes,
        headers=headers,
    )


async def ended(live: Live, owner: Enterprise, job_id: int) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            job = (await live.ask("GET", f"/v1/jobs/{job_id}", key=owner.key)).body
            if job["state"] not in ("queued", "running"):
                return dict(job)
            await asyncio.sleep(0.02)


async def test_a_block_is_accepted_and_registered(live: Live, owner: Enterprise) -> None:
    reply = await add(live, owner)
    assert reply.status == 202
    job = reply.body
    assert reply.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["state"], job["kind"], job["total"]) == ("queued", "block", 300)
    assert (job["prefix"], job["name"]) == (owner.prefix, "SN{serial:06d}")
    job = await ended(live, owner, job["job_id"])
    assert (job["state"], job["done"], job["created"], job["error"]) == ("done", 300, 300, None)
    resolved = await live.ask("GET", f"/v1/resolve/{owner.prefix}/SN000300")
    assert resolved.body["values"][0]["data"]["value"] == "https://example.com/p"
    text = (await live.ask("GET", "/metrics")).body
    assert 'biaoshi_registration_verdicts_total{outcome="created",surface="block"} 300.0' in text


async def test_the_same_key_again_makes_no_second_job(live: Live, owner: Enterprise) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = await add(live, owner, headers=headers)
    again = await add(live, owner, headers=headers)
    assert first.body == again.body
    other = await add(live, owner, headers=headers, count=301)
    assert other.status == 409


async def test_jobs_are_listed_newest_first(live: Live, owner: Enterprise) -> None:
    numbers = [(await add(live, owner, count=1)).body["job_id"] for _ in range(3)]
    page = (await live.ask("GET", "/v1/jobs?limit=2", key=owner.key)).body
    assert [job["job_id"] for job in page["items"]] == numbers[:0:-1]
    rest = await live.ask("GET", f"/v1/jobs?limit=2&after={page['next']}", key=owner.key)
    assert [job["job_id"] for job in rest.body["items"]] == numbers[:1]
    assert rest.body["next"] is None
    await ended(live, owner, numbers[2])
    done = await live.ask("GET", f"/v1/jobs?state=done&prefix={owner.prefix}", key=owner.key)
    assert len(done.body["items"]) == 3
    none = await live.ask("GET", "/v1/jobs?prefix=99.999.1", key=owner.key)
    assert none.body["items"] == []


async def test_refusals_are_shown(live: Live, owner: Enterprise) -> None:
    await ended(live, owner, (await add(live, owner, count=5)).body["job_id"])
    job = await ended(live, owner, (await add(live, owner, count=7, values=[])).body["job_id"])
    assert (job["created"], job["refused"]) == (2, 5)
    path = f"/v1/jobs/{job['job_id']}/refusals"
    page = (await live.ask("GET", f"{path}?limit=3", key=owner.key)).body
    assert [item["line"] for item in page["items"]] == [1, 2, 3]
    assert page["items"][0]["identifier"] == f"{owner.prefix}/SN000001"
    assert page["items"][0]["rule"] == "identifier-exists"
    rest = (await live.ask("GET", f"{path}?after={page['next']}", key=owner.key)).body
    assert [item["line"] for item in rest["items"]] == [4, 5]


async def test_a_job_is_cancelled(live: Live, owner: Enterprise) -> None:
    job = (await add(live, owner, pattern="{serial:09d}", count=99_000_000)).body
    path = f"/v1/jobs/{job['job_id']}"
    for _ in range(2):
        reply = await live.ask("POST", f"{path}/cancel", key=owner.key)
        assert (reply.status, reply.body["state"]) == (200, "cancelled")
    done = (await live.ask("GET", path, key=owner.key)).body["done"]
    await asyncio.sleep(0.3)
    assert (await live.ask("GET", path, key=owner.key)).body["done"] == done


async def test_a_job_that_ended_is_not_cancelled(live: Live, owner: Enterprise) -> None:
    job = await ended(live, owner, (await add(live, owner, count=1)).body["job_id"])
    reply = await live.ask("POST", f"/v1/jobs/{job['job_id']}/cancel", key=owner.key)
    assert (reply.status, reply.body["rule"]) == (409, "job-ended")


async def test_jobs_are_their_owners_alone(live: Live, owner: Enterprise) -> None:
    other = await live.enterprise(OTHER)
    job = (await add(live, owner, count=1)).body["job_id"]
    for method, path in (
        ("GET", f"/v1/jobs/{job}"),
        ("GET", f"/v1/jobs/{job}/refusals"),
        ("POST", f"/v1/jobs/{job}/cancel"),
    ):
        assert (await live.ask(method, path, key=other.key)).status == 403
        assert (await live.ask(method, path)).status == 401
        assert (await live.ask(method, path.replace(str(job), "999"), key=owner.key)).status == 404
    assert (await live.ask("GET", "/v1/jobs", key=other.key)).body["items"] == []
    assert (await live.ask("GET", "/v1/jobs", key=live.operator)).body["items"]
    assert (await add(live, owner, key=other.key)).status == 403
    assert (await add(live, owner, key=live.operator)).status == 403


@pytest.mark.parametrize(
    ("changes", "status", "rule"),
    [
        ({"pattern": "{random:8}"}, 422, "block-serial"),
        ({"pattern": "SN"}, 422, "no-serial-or-random"),
        ({"count": 0}, 422, "json-type"),
        ({"start": 999_999, "count": 2}, 409, "capacity"),
        ({"values": [{"index": 0, "type": "URL", "data": ""}]}, 422, "index-range"),
        ({"colour": "red"}, 422, "json-type"),
        ({"template": "v1"}, 422, None),
    ],
)
async def test_what_cannot_be_a_block(
    live: Live, owner: Enterprise, changes: dict[str, Any], status: int, rule: str
) -> None:
    reply = await add(live, owner, **changes)
    assert reply.status == status, reply.body
    assert rule in (None, reply.body.get("rule")), reply.body
    assert (await live.ask("GET", "/v1/jobs", key=owner.key)).body["items"] == []
