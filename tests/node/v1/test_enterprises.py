"""Enterprises over HTTP: applying, amending, and what operators decide."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
from stdnum.cn import uscc

from tests.node.live import OTHER, SUBJECT, Live, Reply
from tests.node.refused import refused


def subject(number: int) -> dict[str, str]:
    """Subject data of one of many enterprises."""
    code = f"91440000{number:09d}"
    return SUBJECT | {
        "name": f"第{number}灯饰厂",
        "credit_code": code + uscc.calc_check_digit(code),
    }


async def decide(live: Live, number: int, step: str, body: dict[str, str] | None = None) -> Reply:
    return await live.ask("POST", f"/v1/enterprises/{number}/{step}", key=live.operator, json=body)


async def test_an_application_brings_a_key_that_reads_it(live: Live) -> None:
    reply = await live.ask("POST", "/v1/enterprises", json=SUBJECT)
    assert reply.status == 201
    enterprise, key = reply.body["enterprise"], reply.body["key"]
    assert enterprise["state"] == "applied"
    assert enterprise["subject"] == SUBJECT | {"website": None}
    assert datetime.fromisoformat(enterprise["applied_at"]).utcoffset() is not None
    assert key["key"]["enterprise_id"] == enterprise["enterprise_id"]
    assert key["secret"].startswith(f"bsk_{key['key']['key_id']}_")

    shown = await live.ask("GET", reply.headers["Location"], key=key["secret"])
    assert (shown.status, shown.body) == (200, enterprise)
    assert (await live.ask("GET", reply.headers["Location"], key=live.operator)).body == enterprise


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"credit_code": "91110108589104047X"}, "credit-code-check-digit"),
        ({"contact_phone": "12"}, "phone-syntax"),
        ({"name": ""}, "required"),
        ({"name": "x" * 200}, "too-long"),
    ],
)
async def test_subject_data_that_break_a_rule(
    live: Live, changes: dict[str, str], rule: str
) -> None:
    reply = await live.ask("POST", "/v1/enterprises", json=SUBJECT | changes)
    refused(reply, 422, "invalid-subject", rule)
    assert reply.body["field"] == next(iter(changes))
    listed = await live.ask("GET", "/v1/enterprises", key=live.operator)
    assert listed.body == {"items": [], "next": None}


async def test_an_enterprise_applies_once_until_it_is_rejected(live: Live) -> None:
    first = await live.ask("POST", "/v1/enterprises", json=SUBJECT)
    number = first.body["enterprise"]["enterprise_id"]
    again = await live.ask("POST", "/v1/enterprises", json=SUBJECT)
    refused(again, 409, "enterprise-exists", "credit-code-taken")
    rejected = await decide(live, number, "reject", {"note": "资料不全"})
    assert (rejected.body["state"], rejected.body["note"]) == ("rejected", "资料不全")
    assert (await live.ask("POST", "/v1/enterprises", json=SUBJECT)).status == 201


async def test_ten_applications_of_one_enterprise_at_once(live: Live) -> None:
    replies = await asyncio.gather(
        *(live.ask("POST", "/v1/enterprises", json=SUBJECT) for _ in range(10))
    )
    assert sorted(reply.status for reply in replies) == [201] + 9 * [409]


async def test_the_way_of_an_enterprise(live: Live) -> None:
    number, _ = await live.applied(SUBJECT)
    verified = await decide(live, number, "verify", {"evidence": "档案 2026-17"})
    assert verified.status == 200
    assert (verified.body["state"], verified.body["evidence"]) == ("verified", "档案 2026-17")
    assert verified.body["decided_by"].startswith("key:")
    for step, body, state in (
        ("suspend", {"note": "执照过期"}, "suspended"),
        ("resume", None, "verified"),
    ):
        reply = await decide(live, number, step, body)
        assert (reply.status, reply.body["state"]) == (200, state)
    assert reply.body["evidence"] == "档案 2026-17"
    refused(await decide(live, number, "resume"), 409, "wrong-state", "enterprise-state")
    refused(await decide(live, number, "verify", {"evidence": "x"}), 409, "wrong-state")
    refused(await decide(live, number, "reject", {"note": "x"}), 409, "wrong-state")


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ("verify", {"evidence": "x"}),
        ("reject", {"note": "x"}),
        ("suspend", {"note": "x"}),
        ("resume", None),
    ],
)
async def test_only_operators_decide(live: Live, step: str, body: dict[str, str] | None) -> None:
    number, key = await live.applied(SUBJECT)
    path = f"/v1/enterprises/{number}/{step}"
    refused(await live.ask("POST", path, key=key, json=body), 403, "not-permitted", "operator-only")
    refused(await live.ask("POST", path, json=body), 401, "not-authenticated", "key-needed")
    reply = await live.ask("POST", "/v1/enterprises/999/" + step, key=live.operator, json=body)
    refused(reply, 404, "enterprise-not-found")


@pytest.mark.parametrize(
    "body", [{}, {"note": ""}, {"note": " "}, {"note": "\0"}, {"note": "x" * 501}]
)
async def test_a_decision_says_why(live: Live, body: dict[str, str]) -> None:
    number, _ = await live.applied(SUBJECT)
    assert (await decide(live, number, "reject", body)).status == 422
    reply = await live.ask("GET", f"/v1/enterprises/{number}", key=live.operator)
    assert reply.body["state"] == "applied"


async def test_amending(live: Live) -> None:
    number, key = await live.applied(SUBJECT)
    await decide(live, number, "verify", {"evidence": "x"})
    path = f"/v1/enterprises/{number}"
    moved = SUBJECT | {"address": "广东省中山市小榄镇", "website": "https://lamps.example.com"}
    reply = await live.ask("PUT", path, key=key, json=moved)
    assert (reply.status, reply.body["state"], reply.body["subject"]) == (200, "verified", moved)
    renamed = await live.ask("PUT", path, key=key, json=moved | {"legal_person": "何光明"})
    assert renamed.body["state"] == "applied"
    await live.applied(OTHER)
    taken = moved | {"credit_code": OTHER["credit_code"]}
    refused(await live.ask("PUT", path, key=key, json=taken), 409, "enterprise-exists")


async def test_an_enterprise_sees_itself_alone(live: Live) -> None:
    _, key = await live.applied(SUBJECT)
    other, _ = await live.applied(OTHER)
    path = f"/v1/enterprises/{other}"
    refused(await live.ask("GET", path, key=key), 403, "not-permitted", "other-enterprise")
    refused(await live.ask("PUT", path, key=key, json=OTHER), 403, "not-permitted")
    refused(await live.ask("GET", "/v1/enterprises", key=key), 403, "not-permitted")
    refused(await live.ask("GET", path), 401, "not-authenticated")


async def test_listing_in_pages_and_by_state(live: Live) -> None:
    numbers = [(await live.applied(subject(n)))[0] for n in range(1, 6)]
    await decide(live, numbers[1], "verify", {"evidence": "x"})

    async def listed(query: str) -> Reply:
        return await live.ask("GET", f"/v1/enterprises{query}", key=live.operator)

    seen: list[int] = []
    after = ""
    while True:
        page = await listed(f"?limit=2{after}")
        seen += [item["enterprise_id"] for item in page.body["items"]]
        if page.body["next"] is None:
            break
        after = f"&after={page.body['next']}"
    assert seen == numbers
    verified = await listed("?state=verified")
    assert [item["enterprise_id"] for item in verified.body["items"]] == [numbers[1]]
    for query in (
        "?limit=0",
        "?limit=1001",
        "?after=-1",
        "?state=unknown",
        "?after=x",
        "?colour=1",
    ):
        refused(await listed(query), 422, "invalid-input", "parameter")


async def test_an_application_sent_again_gets_the_same_answer(live: Live) -> None:
    headers = {"Idempotency-Key": "application-17"}

    async def apply(body: dict[str, Any]) -> Reply:
        return await live.ask("POST", "/v1/enterprises", json=body, headers=headers)

    first = await apply(SUBJECT)
    again = await apply(SUBJECT)
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]
    refused(await apply(OTHER), 409, "idempotency-key-reused", "idempotency-key-reused")
    assert (
        await live.ask("GET", first.headers["Location"], key=again.body["key"]["secret"])
    ).status == 200


@pytest.mark.parametrize("key", ["x" * 201, "\u00e9"])
async def test_an_idempotency_key_that_is_none(live: Live, key: str) -> None:
    headers = {"Idempotency-Key": key}
    reply = await live.ask("POST", "/v1/enterprises", json=SUBJECT, headers=headers)
    refused(reply, 422, "invalid-input", "idempotency-key")
