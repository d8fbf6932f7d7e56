"""Imports over HTTP: a stream by an operator, from another node of this kind or of any."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.node.live import OTHER, Enterprise, Live
from tests.node.refused import refused

THEN = "2024-05-06T07:08:09Z"


def line(handle: str, **more: Any) -> dict[str, Any]:
    values = [{"index": 1, "type": "URL", "data": f"https://old/{handle}"}]
    return {"handle": handle, "values": values, "registered_at": THEN} | more


async def send(
    live: Live, lines: list[Any], query: str = "?from=88.300", key: str | None = None
) -> list[dict[str, Any]]:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
    headers = {
        "Authorization": f"Bearer {key or live.operator}",
        "Content-Type": "application/x-ndjson",
    }
    url = f"{live.url}/v1/imports{query}"
    async with live.session.post(url, data="\n".join(texts).encode(), headers=headers) as response:
        return [json.loads(text) for text in (await response.text()).splitlines()]


async def test_a_stream_of_imports(live: Live, owner: Enterprise) -> None:
    lines = [line(f"{owner.prefix}/old-{number}") for number in range(20)]
    bad = [
        "{",
        line(f"{owner.prefix}/future", registered_at="2999-01-01T00:00:00Z"),
        line(f"{owner.prefix}/no-zone", registered_at="2024-05-06T07:08:09"),
        {"handle": f"{owner.prefix}/no-time", "values": []},
        line("88.9.9/elsewhere"),
        line(f"{owner.prefix}/what", template="nosuch"),
        line(f"{owner.prefix}/old-3"),
        {"type": "export", "identifiers": 20, "complete": True},
    ]
    verdicts = await send(live, [*lines, *bad])
    told = [(one["line"], one["problem"].get("rule")) for one in verdicts if "problem" in one]
    assert told == [
        (21, "json-syntax"), (22, "registered-at-range"), (23, "time-without-zone"),
        (24, "json-type"), (25, "prefix-not-found"), (26, "unknown-template"),
    ]  # fmt: skip
    assert verdicts[-1] == {
        "type": "summary", "lines": 28, "complete": True,
        "totals": {"imported": 20, "unchanged": 1, "refused": 6},
    }  # fmt: skip
    path = f"/v1/identifiers/{owner.prefix}/old-7"
    shown = (await live.ask("GET", path, key=owner.key)).body
    assert shown["registered_at"] == THEN
    assert shown["imported"]["node"] == "88.300"
    resolved = await live.ask("GET", f"/v1/resolve/{owner.prefix}/old-7")
    assert resolved.body["values"][0]["data"]["value"] == f"https://old/{owner.prefix}/old-7"
    first = (await live.ask("GET", f"/v1/history/{owner.prefix}/old-7", key=owner.key)).body[0]
    assert (first["at"], first["imported_from"]) == (THEN, "88.300")
    again = await send(live, lines)
    assert again[-1]["totals"] == {"imported": 0, "unchanged": 20, "refused": 0}


async def test_queries_and_exports_know_the_time_of_old(live: Live, owner: Enterprise) -> None:
    await send(live, [line(f"{owner.prefix}/old-{number}") for number in range(3)])
    path = f"/v1/identifiers/{owner.prefix}/new"
    await live.ask("PUT", path, key=owner.key, json={"values": []})

    async def listed(query: str) -> list[str]:
        path = f"/v1/identifiers?prefix={owner.prefix}&{query}"
        reply = await live.ask("GET", path, key=owner.key)
        return [one["handle"].partition("/")[2] for one in reply.body["items"]]

    assert await listed("registered_until=2025-01-01T00:00:00Z") == ["old-0", "old-1", "old-2"]
    assert await listed("registered_from=2025-01-01T00:00:00Z") == ["new"]
    assert await listed(f"registered_from={THEN}&registered_until=2024-05-06T07:08:10Z") == [
        "old-0", "old-1", "old-2",
    ]  # fmt: skip
    assert await listed(f"registered_until={THEN}") == []


async def test_what_one_node_exports_another_imports(live: Live, owner: Enterprise) -> None:
    other = await live.enterprise(OTHER)
    items = [line(f"{owner.prefix}/{number}") for number in range(5)]
    await send(live, items)
    headers = {"Authorization": f"Bearer {live.operator}"}
    path = f"/v1/prefixes/{owner.prefix}/identifiers.ndjson?dates=true"
    async with live.session.get(live.url + path, headers=headers) as response:
        text = (await response.text()).replace(f'"{owner.prefix}/', f'"{other.prefix}/')
    verdicts = await send(live, text.splitlines())
    assert verdicts[-1]["totals"] == {"imported": 5, "unchanged": 0, "refused": 0}
    shown = await live.ask("GET", f"/v1/identifiers/{other.prefix}/3", key=other.key)
    assert shown.body["registered_at"] == THEN


async def test_a_dry_run(live: Live, owner: Enterprise) -> None:
    lines = [line(f"{owner.prefix}/a"), line("88.9.9/b")]
    verdicts = await send(live, lines, "?from=88.300&dry_run=true")
    assert verdicts[-1]["totals"] == {"imported": 1, "unchanged": 0, "refused": 1}
    gone = await live.ask("GET", f"/v1/identifiers/{owner.prefix}/a", key=owner.key)
    refused(gone, 404, "identifier-not-found")


@pytest.mark.parametrize("query", ["", "?from=", "?from=%20a", "?from=88.300&x=1"])
async def test_what_the_question_must_say(live: Live, owner: Enterprise, query: str) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    reply = await live.ask("POST", f"/v1/imports{query}", key=live.operator, headers=headers)
    refused(reply, 422, "invalid-input")


async def test_operators_alone_import(live: Live, owner: Enterprise) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    path = "/v1/imports?from=88.300"
    body = json.dumps(line(f"{owner.prefix}/a")).encode()
    reply = await live.ask("POST", path, key=owner.key, headers=headers, data=body)
    refused(reply, 403, "not-permitted", "operator-only")
    reply = await live.ask("POST", path, headers=headers, data=body)
    refused(reply, 401, "not-authenticated")
    reply = await live.ask("POST", path, key=live.operator, json=line(f"{owner.prefix}/a"))
    refused(reply, 422, "invalid-input", "content-type")
