"""Lines of a bulk stream that use a data template."""

from __future__ import annotations

import json
from typing import Any

from tests.node.live import Enterprise, Live

ITEMS = [
    {"idIndex": 2000, "idType": "URL", "name": "网址", "pattern": "https://e.cn/{suffix:url}"},
    {"idIndex": 2001, "idType": "POWER", "name": "功率", "required": True},
]


async def stream(live: Live, owner: Enterprise, items: list[Any], query: str = "") -> list[Any]:
    body = "".join(json.dumps(item) + "\n" for item in items).encode()
    headers = {"Authorization": f"Bearer {owner.key}", "Content-Type": "application/x-ndjson"}
    url = f"{live.url}/v1/identifiers{query}"
    async with live.session.post(url, data=body, headers=headers) as response:
        assert response.status == 200
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def test_templated_lines_among_plain_ones(live: Live, owner: Enterprise) -> None:
    path = f"/v1/prefixes/{owner.prefix}/templates"
    defined = await live.ask("POST", path, key=owner.key, json={"version": "v1", "items": ITEMS})
    assert defined.status == 201, defined.body
    templated = {"template": "v1", "attributes": {"POWER": "12"}}
    items = [
        {"handle": f"{owner.prefix}/T1", **templated},
        {"handle": f"{owner.prefix}/P1", "values": [{"index": 1, "type": "URL", "data": "x"}]},
        {"handle": f"{owner.prefix}/T2", "template": "v1", "attributes": {}},
        {"handle": f"{owner.prefix}/T3", "template": "v9"},
        {"handle": f"{owner.prefix}/T4", "attributes": {"POWER": "1"}},
        {"handle": f"{owner.prefix}/T5", **templated},
    ]
    rehearsed = await stream(live, owner, items, "?dry_run=true")
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/T1")).status == 404
    verdicts = await stream(live, owner, items)
    assert verdicts == rehearsed
    refused = {one["line"]: one["problem"]["rule"] for one in verdicts if one["type"] == "refused"}
    assert refused == {3: "required", 4: "unknown-template", 5: "template-needed"}
    assert verdicts[-1]["totals"] == {"created": 3, "unchanged": 0, "revived": 0, "refused": 3}
    again = await stream(live, owner, items)
    assert again[-1]["totals"] == {"created": 0, "unchanged": 3, "revived": 0, "refused": 3}
    resolved = await live.ask("GET", f"/v1/resolve/{owner.prefix}/T1")
    values = {value["type"]: value["data"]["value"] for value in resolved.body["values"]}
    assert values == {"TEMPLATE": "v1", "URL": "https://e.cn/T1", "POWER": "12"}
