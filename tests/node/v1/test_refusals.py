"""Every kind of bad input gets its problem document and changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from registry.access.actor import Role, console
from registry.access.key import KeyWish
from tests.node.live import OTHER, SUBJECT, Enterprise, Live, Reply

URL_VALUE = {"index": 1, "type": "URL", "data": "https://example.com/1"}
GOOD = {"values": [URL_VALUE]}
DEEP = b'{"attributes": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"


async def contents(live: Live) -> list[tuple[Any, ...]]:
    """Everything stored that a registration could change."""
    async with live.node.wiring.database.connection() as connection:
        tables = ("identifier", "batch", "revision", "reserved_code", "code_counter")
        return [tuple(await connection.fetch(f"SELECT * FROM {table}")) for table in tables]


def is_problem(reply: Reply, status: int, kind: str, rule: str | None = None) -> None:
    assert reply.status == status, reply.body
    assert reply.headers["Content-Type"].startswith("application/problem+json")
    assert reply.body["status"] == status
    assert reply.body["type"].endswith(f"#{kind}"), reply.body
    assert reply.body["title"]
    assert reply.body["detail"]
    if rule is not None:
        assert reply.body["rule"] == rule, reply.body


CASES = [
    # name, path behind the prefix, body, status, kind, rule
    ("control character", "a%01b", GOOD, 400, "invalid-identifier", "control-character"),
    ("leading blank", "%20a", GOOD, 400, "invalid-identifier", "edge-blank"),
    ("NUL", "a%00", GOOD, 400, "invalid-identifier", "nul"),
    ("bad escape", "a%zz", GOOD, 400, "invalid-identifier", "bad-percent-escape"),
    ("invalid UTF-8", "a%ff", GOOD, 400, "invalid-identifier", "bad-utf8"),
    ("over-long", "a" * 250, GOOD, 400, "invalid-identifier", "too-long"),
    ("unknown template", "a", {"template": "v1"}, 422, "unknown-template", "unknown-template"),
    (
        "duplicate index",
        "a",
        {"values": [URL_VALUE, URL_VALUE]},
        422,
        "duplicate-index",
        "duplicate-index",
    ),
    ("unknown field", "a", GOOD | {"colour": "red"}, 422, "invalid-json", "json-type"),
    (
        "unknown field of a value",
        "a",
        {"values": [URL_VALUE | {"indx": 1}]},
        422,
        "invalid-json",
        "json-type",
    ),
    ("wrong type", "a", {"values": [URL_VALUE | {"index": "1"}]}, 422, "invalid-json", None),
    ("index 0", "a", {"values": [URL_VALUE | {"index": 0}]}, 422, "invalid-value", "index-range"),
    (
        "permissions",
        "a",
        {"values": [URL_VALUE | {"permissions": "12"}]},
        422,
        "invalid-value",
        "permissions-text",
    ),
    (
        "public secret",
        "a",
        {"values": [{"index": 3, "type": "HS_SECKEY", "data": "s", "permissions": "1110"}]},
        422,
        "invalid-value",
        "secret-public",
    ),
    (
        "large value",
        "a",
        {"values": [URL_VALUE | {"data": "x" * 70_000}]},
        413,
        "too-large",
        "data-too-large",
    ),
]


@pytest.mark.parametrize(
    ("path", "body", "status", "kind", "rule"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
async def test_bad_registration(
    live: Live,
    owner: Enterprise,
    path: str,
    body: dict[str, Any],
    status: int,
    kind: str,
    rule: str | None,
) -> None:
    before = await contents(live)
    url = URL(f"{live.url}/v1/identifiers/{owner.prefix}/{path}", encoded=True)
    is_problem(await live.ask("PUT", "", url=url, key=owner.key, json=body), status, kind, rule)
    assert await contents(live) == before


@pytest.mark.parametrize(
    ("content", "status", "kind", "rule"),
    [
        (b'{"values": [', 422, "invalid-json", "json-syntax"),
        (b'{"values": "\xff"}', 422, "invalid-json", None),
        (b'{"template": "\\ud800"}', 422, "invalid-json", None),
        (DEEP, 422, "invalid-json", "json-depth"),
        (b'{"values": []}' + b" " * (1 << 20), 413, "too-large", "body-limit"),
        (b"", 422, "invalid-json", None),
    ],
    ids=["broken", "invalid UTF-8", "lone surrogate", "deep", "over the limit", "empty"],
)  # fmt: skip
async def test_bad_body(
    live: Live, owner: Enterprise, content: bytes, status: int, kind: str, rule: str | None
) -> None:
    before = await contents(live)
    path = f"/v1/identifiers/{owner.prefix}/a"
    reply = await live.ask("PUT", path, key=owner.key, data=content)
    is_problem(reply, status, kind, rule)
    assert await contents(live) == before


async def test_body_over_the_limit_in_chunks(live: Live, owner: Enterprise) -> None:
    async def chunks() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    path = f"/v1/identifiers/{owner.prefix}/a"
    reply = await live.ask("PUT", path, key=owner.key, data=chunks())
    is_problem(reply, 413, "too-large", "body-limit")


async def test_no_key(live: Live, owner: Enterprise) -> None:
    path = f"/v1/identifiers/{owner.prefix}/a"
    reply = await live.ask("PUT", path, json=GOOD)
    is_problem(reply, 401, "not-authenticated", "key-needed")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("key", "rule"),
    [("nonsense", "key-form"), ("bsk_ABCDEFGHJKLM_" + "x" * 43, "key-unknown"), ("", "key-form")],
)
async def test_key_that_is_none(live: Live, owner: Enterprise, key: str, rule: str) -> None:
    path = f"/v1/identifiers/{owner.prefix}/a"
    is_problem(await live.ask("PUT", path, key=key, json=GOOD), 401, "not-authenticated", rule)


async def test_expired_key(live: Live, owner: Enterprise) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    wish = KeyWish(
        role=Role.ENTERPRISE, label="short", enterprise_id=owner.enterprise_id, expires_at=soon
    )
    key = await live.node.wiring.keyring.create(console(), wish)
    while datetime.now(UTC) < soon:
        pass
    path = f"/v1/identifiers/{owner.prefix}/a"
    reply = await live.ask("PUT", path, key=key.secret, json=GOOD)
    is_problem(reply, 401, "not-authenticated", "key-expired")


async def test_revoked_key(live: Live, owner: Enterprise) -> None:
    key_id = owner.key.split("_")[1]
    assert (await live.ask("DELETE", f"/v1/keys/{key_id}", key=owner.key)).status == 200
    path = f"/v1/identifiers/{owner.prefix}/a"
    reply = await live.ask("PUT", path, key=owner.key, json=GOOD)
    is_problem(reply, 401, "not-authenticated", "key-revoked")


async def test_foreign_key(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    before = await contents(live)
    path = f"/v1/identifiers/{owner.prefix}/a"
    is_problem(await live.ask("PUT", path, key=stranger.key, json=GOOD), 403, "not-prefix-owner")
    codes = f"/v1/prefixes/{owner.prefix}/codes"
    wish = {"pattern": "{serial:3d}", "count": 1}
    is_problem(await live.ask("POST", codes, key=stranger.key, json=wish), 403, "not-permitted")
    assert await contents(live) == before


async def test_operator_registers_nothing(live: Live, owner: Enterprise) -> None:
    path = f"/v1/identifiers/{owner.prefix}/a"
    is_problem(await live.ask("PUT", path, key=live.operator, json=GOOD), 403, "not-prefix-owner")


async def test_prefix_of_another_node(live: Live, owner: Enterprise) -> None:
    is_problem(
        await live.ask("PUT", "/v1/identifiers/20.500.1/a", key=owner.key, json=GOOD),
        404,
        "prefix-not-found",
    )


async def test_unverified_enterprise(live: Live) -> None:
    _, key = await live.applied(SUBJECT)
    is_problem(
        await live.ask("POST", "/v1/prefixes", key=key, json={}), 403, "enterprise-not-verified"
    )


async def test_suspended_enterprise_registers_nothing_and_still_resolves(
    live: Live, owner: Enterprise
) -> None:
    path = f"/v1/identifiers/{owner.prefix}/a"
    assert (await live.ask("PUT", path, key=owner.key, json=GOOD)).status == 201
    suspend = f"/v1/enterprises/{owner.enterprise_id}/suspend"
    assert (
        await live.ask("POST", suspend, key=live.operator, json={"note": "资质过期"})
    ).status == 200
    before = await contents(live)
    for method, target, body in (
        ("PUT", f"/v1/identifiers/{owner.prefix}/b", GOOD),
        ("PATCH", path, GOOD),
        ("DELETE", path, None),
        ("POST", f"/v1/prefixes/{owner.prefix}/codes", {"pattern": "{serial:3d}", "count": 1}),
        ("POST", "/v1/prefixes", {}),
    ):
        reply = await live.ask(method, target, key=owner.key, json=body)
        is_problem(reply, 403, "enterprise-suspended")
    assert await contents(live) == before
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/a")).status == 200


async def test_prefix_not_active(live: Live, owner: Enterprise) -> None:
    request = await live.ask("POST", "/v1/prefixes", key=owner.key, json={"code": "77"})
    assert request.status == 201
    path = f"/v1/identifiers/{request.body['prefix']}/a"
    is_problem(await live.ask("PUT", path, key=owner.key, json=GOOD), 403, "prefix-not-active")


async def test_unknown_query_parameter(live: Live, owner: Enterprise) -> None:
    reply = await live.ask("GET", f"/v1/resolve/{owner.prefix}/a?tpye=URL")
    is_problem(reply, 422, "invalid-input", "parameter")


async def test_stale_revision(live: Live, owner: Enterprise) -> None:
    path = f"/v1/identifiers/{owner.prefix}/a"
    await live.ask("PUT", path, key=owner.key, json=GOOD)
    other = {"values": [URL_VALUE | {"data": "https://example.com/2"}]}
    headers = {"If-Match": '"1"'}
    assert (await live.ask("PUT", path, key=owner.key, json=other, headers=headers)).status == 200
    is_problem(
        await live.ask("PUT", path, key=owner.key, json=GOOD, headers=headers),
        412,
        "revision-mismatch",
    )
    is_problem(
        await live.ask("PUT", path, key=owner.key, json=GOOD, headers={"If-Match": "*"}),
        422,
        "invalid-input",
        "if-match",
    )


async def test_wrong_keys_are_throttled(live: Live, owner: Enterprise) -> None:
    path = f"/v1/identifiers/{owner.prefix}/a"
    limit = live.node.wiring.settings.failures_per_minute
    statuses = [
        (await live.ask("GET", path, key="bsk_ABCDEFGHJKLM_wrong")).status
        for _ in range(2 * limit + 2)  # a minute may end in between
    ]
    assert statuses[0] == 401
    assert 429 in statuses


async def test_list_gives_every_item_its_verdict(live: Live, owner: Enterprise) -> None:
    items: list[Any] = [
        {"handle": f"{owner.prefix}/1", "values": [URL_VALUE]},
        {"handle": "no slash", "values": []},
        17,
        {"handle": f"{owner.prefix}/2", "values": [URL_VALUE, URL_VALUE]},
        {"handle": "88.118.999/1", "values": []},
        {"handle": f"{owner.prefix}/1", "values": [URL_VALUE]},
        {"handle": f"{owner.prefix}/1", "values": []},
        {"handle": f"{owner.prefix}/3", "values": [], "colour": "red"},
        {"handle": f"{owner.prefix}/4", "values": []},
    ]
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert reply.status == 200
    outcomes = [result["outcome"] for result in reply.body["results"]]
    assert outcomes == [
        "created", "refused", "refused", "refused", "refused", "unchanged", "refused", "refused",
        "created",
    ]  # fmt: skip
    kinds = [
        result["problem"]["type"].partition("#")[2]
        for result in reply.body["results"]
        if "problem" in result
    ]
    assert kinds == [
        "invalid-identifier", "invalid-json", "duplicate-index", "prefix-not-found",
        "identifier-exists", "invalid-json",
    ]  # fmt: skip
    assert reply.body["totals"] == {"created": 2, "refused": 6, "unchanged": 1}


async def test_list_over_its_length(live: Live, owner: Enterprise) -> None:
    items = [{"handle": f"{owner.prefix}/{n}"} for n in range(1001)]
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    is_problem(reply, 422, "invalid-input", "list-length")
    assert (await live.ask("POST", "/v1/identifiers", key=owner.key, json=[])).status == 422
