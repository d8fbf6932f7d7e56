"""Related parties over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.live import Enterprise, Live
from tests.node.refused import refused

BODY = {"related": True, "since": "2026-03-02", "reason": "运营方的全资子公司"}


async def test_marked_and_shown(live: Live, owner: Enterprise) -> None:
    path = f"/v1/enterprises/{owner.enterprise_id}"
    before = await live.ask("GET", path, key=owner.key)
    assert before.body["related_party"] is False
    marked = await live.ask("PUT", f"{path}/related-party", key=live.operator, json=BODY)
    assert (marked.status, marked.body["related_party"]) == (200, True)
    shown = await live.ask("GET", path, key=owner.key)
    assert shown.body == marked.body
    marks = await live.ask("GET", f"{path}/related-party", key=owner.key)
    assert [{name: mark[name] for name in BODY} for mark in marks.body] == [BODY]
    again = await live.ask("PUT", f"{path}/related-party", key=live.operator, json=BODY)
    refused(again, 409, "wrong-state", "related-party")


@pytest.mark.parametrize(
    "body", [{}, BODY | {"reason": ""}, BODY | {"since": "2999-01-01"}, BODY | {"since": "soon"}]
)
async def test_bodies_that_break_a_rule(live: Live, owner: Enterprise, body: Any) -> None:
    path = f"/v1/enterprises/{owner.enterprise_id}/related-party"
    assert (await live.ask("PUT", path, key=live.operator, json=body)).status == 422
    assert (await live.ask("GET", path, key=live.operator)).body == []


async def test_only_operators_mark(live: Live, owner: Enterprise) -> None:
    path = f"/v1/enterprises/{owner.enterprise_id}/related-party"
    reply = await live.ask("PUT", path, key=owner.key, json=BODY)
    refused(reply, 403, "not-permitted", "operator-only")
    refused(await live.ask("GET", path), 401, "not-authenticated", "key-needed")
    reply = await live.ask("PUT", path.replace("/1/", "/999/"), key=live.operator, json=BODY)
    refused(reply, 404, "enterprise-not-found")
