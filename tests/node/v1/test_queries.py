"""Queries over HTTP: what can be asked, and what of an identifier is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.node.live import OTHER, Enterprise, Live
from tests.node.refused import refused

SUFFIXES = ["SN1", "SN2", "SN20", "sn3", "LAMP-1", "灯一"]


@pytest.fixture
async def stock(live: Live, owner: Enterprise) -> Enterprise:
    """Six identifiers, one of a template, one withdrawn."""
    template = {"version": "lamp", "items": [{"idIndex": 2000, "idType": "X", "name": "项"}]}
    path = f"/v1/prefixes/{owner.prefix}/templates"
    assert (await live.ask("POST", path, key=owner.key, json=template)).status == 201
    items: list[dict[str, Any]] = [{"handle": f"{owner.prefix}/{one}"} for one in SUFFIXES]
    items[4]["template"] = "lamp"
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert reply.body["totals"] == {"created": 6}
    path = f"/v1/identifiers/{owner.prefix}/SN20"
    assert (await live.ask("DELETE", path, key=owner.key)).status == 200
    return owner


async def ask(live: Live, stock: Enterprise, query: str, key: str | None = None) -> Any:
    path = f"/v1/identifiers?prefix={stock.prefix}&{query}"
    return await live.ask("GET", path, key=key or stock.key)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["LAMP-1", "SN1", "SN2", "sn3", "灯一"]),
        ("from=sn2&to=SN3", ["SN2", "sn3"]),
        ("starts_with=SN", ["SN1", "SN2", "sn3"]),
        (f"starts_with={quote('灯')}", ["灯一"]),
        ("starts_with=%25", []),
        ("template=lamp", ["LAMP-1"]),
        ("state=withdrawn", ["SN20"]),
        ("state=all&starts_with=sn2", ["SN2", "SN20"]),
        ("registered_from=2020-01-01T00:00:00%2B08:00", ["LAMP-1", "SN1", "SN2", "sn3", "灯一"]),
        ("registered_until=2020-01-01T00:00:00Z", []),
    ],
)
async def test_what_can_be_asked(
    live: Live, stock: Enterprise, query: str, expected: list[str]
) -> None:
    for key in (stock.key, live.operator):
        reply = await ask(live, stock, query, key)
        assert [one["handle"].partition("/")[2] for one in reply.body["items"]] == expected
        assert reply.body["next"] is None


async def test_what_of_an_identifier_is_told(live: Live, stock: Enterprise) -> None:
    (lamp,) = (await ask(live, stock, "template=lamp")).body["items"]
    registered_at = datetime.fromisoformat(lamp.pop("registered_at"))
    assert abs(datetime.now(registered_at.tzinfo) - registered_at) < timedelta(minutes=5)
    assert isinstance(lamp.pop("batch"), int)
    assert lamp == {
        "handle": f"{stock.prefix}/LAMP-1",
        "revision": 1,
        "state": "live",
        "template": "lamp",
    }
    (gone,) = (await ask(live, stock, "state=withdrawn")).body["items"]
    assert (gone["state"], gone["revision"], gone["template"]) == ("withdrawn", 2, None)
    assert "values" not in str(gone)


@pytest.mark.parametrize(
    ("query", "rule", "field"),
    [
        ("state=gone", "parameter", "state"),
        ("from=%00", "from-text", "from"),
        ("to=%00", "to-text", "to"),
        ("starts_with=%00", "starts_with-text", "starts_with"),
        ("template=%00", "template-text", "template"),
        ("registered_from=yesterday", "parameter", "registered_from"),
        ("registered_until=2026-13-01T00:00:00Z", "parameter", "registered_until"),
        ("first=A", "parameter", "first"),
    ],
)
async def test_questions_that_break_a_rule(
    live: Live, stock: Enterprise, query: str, rule: str, field: str
) -> None:
    reply = await ask(live, stock, query)
    refused(reply, 422, "invalid-input", rule)
    assert reply.body["field"] == field


async def test_for_whom(live: Live, stock: Enterprise) -> None:
    refused(await ask(live, stock, "template=nosuch"), 422, "unknown-template")
    stranger = await live.enterprise(OTHER)
    refused(await ask(live, stock, "", stranger.key), 403, "not-permitted", "other-enterprise")
