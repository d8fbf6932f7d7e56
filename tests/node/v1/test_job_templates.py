"""Blocks and uploads under a data template."""

from __future__ import annotations

from typing import Any

from tests.node.live import Enterprise, Live
from tests.node.v1.test_jobs import add as add_block
from tests.node.v1.test_jobs import ended
from tests.node.v1.test_templates import LAMP
from tests.node.v1.test_uploads import add as add_upload

CSV = "标识后缀,功率,报告\nA1,12,合格\nA2,,合格\nA3,viel,\nA4,7.5,\n".encode()


async def define(live: Live, owner: Enterprise) -> None:
    path = f"/v1/prefixes/{owner.prefix}/templates"
    reply = await live.ask("POST", path, key=owner.key, json=LAMP)
    assert reply.status == 201, reply.body


async def values(live: Live, owner: Enterprise, suffix: str) -> dict[str, Any]:
    shown = await live.ask("GET", f"/v1/identifiers/{owner.prefix}/{suffix}", key=owner.key)
    assert shown.status == 200, shown.body
    return {value["type"]: value["data"]["value"] for value in shown.body["values"]}


async def stored(live: Live) -> list[Any]:
    async with live.node.wiring.database.connection() as connection:
        return [
            tuple(row)
            for row in await connection.fetch(
                """SELECT public_values IS NULL, private_values IS NULL, count(*)
                     FROM identifier WHERE template_id IS NOT NULL GROUP BY 1, 2"""
            )
        ]


async def test_a_block_stores_only_what_its_template_does_not_give(
    live: Live, owner: Enterprise
) -> None:
    await define(live, owner)
    content = {"template": "v1", "attributes": {"POWER": 12.5}, "values": []}
    job = await ended(live, owner, (await add_block(live, owner, **content)).body["job_id"])
    assert (job["state"], job["created"]) == ("done", 300), job
    assert (await values(live, owner, "SN000007")) == {
        "TEMPLATE": "v1",
        "URL": "https://e.cn/SN000007",
        "COLOUR": "白",
        "POWER": "12.5",
    }
    assert await stored(live) == [(False, True, 300)]
    again = await ended(live, owner, (await add_block(live, owner, **content)).body["job_id"])
    assert (again["created"], again["unchanged"]) == (0, 300)
    other = content | {"attributes": {"POWER": 13}, "count": 301}
    other = await ended(live, owner, (await add_block(live, owner, **other)).body["job_id"])
    assert (other["created"], other["refused"]) == (1, 300)


async def test_a_block_whose_value_is_what_the_pattern_gives_one_of_them(
    live: Live, owner: Enterprise
) -> None:
    await define(live, owner)
    content = {
        "template": "v1",
        "attributes": {"POWER": 1, "URL": "https://e.cn/SN000002", "COST": "9.80"},
        "values": [],
        "count": 3,
    }
    job = await ended(live, owner, (await add_block(live, owner, **content)).body["job_id"])
    assert (job["state"], job["created"]) == ("done", 3), job
    for suffix in ("SN000001", "SN000002", "SN000003"):
        found = await values(live, owner, suffix)
        assert (found["URL"], found["COST"]) == ("https://e.cn/SN000002", "9.80")
    again = await ended(live, owner, (await add_block(live, owner, **content)).body["job_id"])
    assert again["unchanged"] == 3


async def test_what_breaks_the_template_is_no_block(live: Live, owner: Enterprise) -> None:
    await define(live, owner)
    for content, kind in (
        ({"template": "v2"}, "unknown-template"),
        ({"template": "v1"}, "invalid-attribute"),
        ({"template": "v1", "attributes": {"POWER": "viel"}}, "invalid-attribute"),
        ({"attributes": {"POWER": 1}}, "invalid-input"),
    ):
        reply = await add_block(live, owner, **content, values=[])
        assert (reply.status, reply.body["type"]) == (422, f"/docs/problems#{kind}")
    assert (await live.ask("GET", "/v1/jobs", key=owner.key)).body["items"] == []


async def test_an_upload_by_the_names_of_items(live: Live, owner: Enterprise) -> None:
    await define(live, owner)
    reply = await add_upload(live, owner, CSV, {"template": "v1"})
    job = await ended(live, owner, reply.body["job_id"])
    assert (job["state"], job["created"], job["refused"]) == ("done", 2, 2), job
    found = await values(live, owner, "A1")
    assert (found["POWER"], found["REPORT"], found["COLOUR"]) == ("12", "合格", "白")
    refusals = await live.ask("GET", f"/v1/jobs/{job['job_id']}/refusals", key=owner.key)
    assert [(item["line"], item["rule"], item["field"]) for item in refusals.body["items"]] == [
        (3, "required", "attributes.POWER"),
        (4, "type", "attributes.POWER"),
    ]
    again = await add_upload(live, owner, CSV, {"template": "v1"})
    job = await ended(live, owner, again.body["job_id"])
    assert (job["created"], job["unchanged"]) == (0, 2)


async def test_columns_that_the_template_does_not_know(live: Live, owner: Enterprise) -> None:
    await define(live, owner)
    for options, rule in (
        ({"template": "v1"}, "column-name"),
        ({"template": "v9"}, "unknown-template"),
    ):
        reply = await add_upload(live, owner, b"suffix,other\nA1,x\n", options)
        job = await ended(live, owner, reply.body["job_id"])
        assert (job["state"], job["error"]["rule"]) == ("failed", rule)
    options = {
        "template": "v1",
        "columns": {
            "suffix": {"role": "suffix"},
            "other": {"role": "attribute", "attribute": "功率"},
        },
    }
    reply = await add_upload(live, owner, b"suffix,other\nA1,3\n", options)
    job = await ended(live, owner, reply.body["job_id"])
    assert job["created"] == 1
    assert (await values(live, owner, "A1"))["POWER"] == "3"
