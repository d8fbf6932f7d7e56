"""Identifiers over HTTP: registering, changing, withdrawing, and what their URLs survive."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier, to_url_path
from tests.node.live import OTHER, Enterprise, Live, Reply
from tests.node.refused import refused

LAMP = {"index": 1, "type": "URL", "data": "https://example.com/灯"}
SECRET = {"index": 7, "type": "X.COST", "data": "成本价 12.80", "permissions": "1100"}
NASTY = [
    "a/b", "a//b", "/a", "a/", "//", "/", ".", "..", "./a", "a/..", "a/./b", "../../v1/keys",
    "a+b", "a b", "<a>", "a#b", "a%b", "a%2Fb", "%41", "a?b=c", "a&b", "a;b", "a\\b", '"a"', "'a'",
    "a:b", "a@b", "a,b", "a|b", "a^b", "{a}", "[a]", "`a`", "~a", "*", "=", "$a", "(a)", "!",
    "灯具/型号 A60", "ı", "ß", "é", "İ", "\U0001f4a1", "\U0001f1e8\U0001f1f3", "\U00020bb7野家",
    "a\u00a0b", "٣", "-", "_", "a" * 246, "灯" * 81 + "abc", "\U0001f4a1" * 61,
]  # fmt: skip


def url(live: Live, operation: str, handle: str, query: str = "") -> URL:
    """The URL as a careful client writes it: exactly these bytes."""
    path = to_url_path(Identifier.parse(handle))
    return URL(f"{live.url}/v1/{operation}/{path}{query}", encoded=True)


async def put(
    live: Live, owner: Enterprise, suffix: str, *values: dict[str, Any], **options: Any
) -> Reply:
    target = url(live, "identifiers", f"{owner.prefix}/{suffix}", options.pop("query", ""))
    body = {"values": list(values)}
    return await live.ask("PUT", "", url=target, key=owner.key, json=body, **options)


async def show(live: Live, key: str | None, handle: str, **options: Any) -> Reply:
    return await live.ask("GET", "", url=url(live, "identifiers", handle), key=key, **options)


async def resolve(live: Live, handle: str, **options: Any) -> Reply:
    return await live.ask("GET", "", url=url(live, "resolve", handle), **options)


def data(reply: Reply) -> list[Any]:
    return [value["data"]["value"] for value in reply.body["values"]]


async def test_registering_showing_resolving(live: Live, owner: Enterprise) -> None:
    handle = f"{owner.prefix}/A60"
    created = await put(live, owner, "A60", LAMP)
    assert (created.status, created.headers["ETag"]) == (201, '"1"')
    assert created.body.items() >= {"handle": handle, "outcome": "created", "revision": 1}.items()
    shown = await show(live, owner.key, handle)
    assert (shown.status, shown.headers["ETag"]) == (200, '"1"')
    assert shown.body["batch"] == created.body["batch"]
    assert datetime.fromisoformat(shown.body["registered_at"]).utcoffset() is not None
    assert data(shown) == [LAMP["data"]]
    resolved = await resolve(live, handle)
    assert (resolved.status, resolved.headers["ETag"]) == (200, '"1"')
    assert resolved.body["values"] == shown.body["values"]


async def test_sending_again_confirms(live: Live, owner: Enterprise) -> None:
    first = await put(live, owner, "a", LAMP)
    again = await put(live, owner, "a", LAMP)
    assert (again.status, again.body["outcome"]) == (200, "unchanged")
    assert (again.body["batch"], again.headers["ETag"]) == (first.body["batch"], '"1"')
    refused(await put(live, owner, "a"), 409, "identifier-exists", "identifier-exists")
    assert data(await resolve(live, f"{owner.prefix}/a")) == [LAMP["data"]]


async def test_twenty_at_once_create_one(live: Live, owner: Enterprise) -> None:
    replies = await asyncio.gather(*(put(live, owner, "a", LAMP) for _ in range(20)))
    assert sorted(reply.status for reply in replies) == 19 * [200] + [201]
    contents = [LAMP | {"data": f"https://example.com/{n}"} for n in range(20)]
    replies = await asyncio.gather(*(put(live, owner, "b", content) for content in contents))
    assert sorted(reply.status for reply in replies) == [201] + 19 * [409]


async def test_replacing_the_revision_that_was_read(live: Live, owner: Enterprise) -> None:
    await put(live, owner, "a", LAMP)
    new = LAMP | {"data": "https://example.com/new"}
    reply = await put(live, owner, "a", new, headers={"If-Match": '"1"'})
    assert (reply.status, reply.body["outcome"], reply.headers["ETag"]) == (200, "amended", '"2"')
    stale = await put(live, owner, "a", LAMP, headers={"If-Match": '"1"'})
    refused(stale, 412, "revision-mismatch", "revision")
    same = await put(live, owner, "a", new, headers={"If-Match": '"2"'})
    assert (same.body["outcome"], same.headers["ETag"]) == ("unchanged", '"2"')
    absent = await put(live, owner, "b", LAMP, headers={"If-Match": '"1"'})
    refused(absent, 412, "revision-mismatch", "revision")


async def test_one_of_two_editors_wins(live: Live, owner: Enterprise) -> None:
    await put(live, owner, "a", LAMP)
    edits = [LAMP | {"data": f"https://example.com/{n}"} for n in range(10)]
    replies = await asyncio.gather(
        *(put(live, owner, "a", edit, headers={"If-Match": '"1"'}) for edit in edits)
    )
    assert sorted(reply.status for reply in replies) == [200] + 9 * [412]


NO_TAGS = ["*", "", "x", '"0"', '"-1"', 'W/"1"', '"1", "2"', '"٣"', "9" * 5000, '"1.0"']


async def test_if_match_that_is_none(live: Live, owner: Enterprise) -> None:
    for tag in NO_TAGS:
        await put(live, owner, "a", LAMP)
        reply = await put(live, owner, "a", headers={"If-Match": tag})
        refused(reply, 422, "invalid-input", "if-match")


async def test_if_none_match(live: Live, owner: Enterprise) -> None:
    await put(live, owner, "a", LAMP)
    handle = f"{owner.prefix}/a"
    for tag in ('"1"', 'W/"1"', '"7", "1"', "*"):
        headers = {"If-None-Match": tag}
        for reply in (
            await resolve(live, handle, headers=headers),
            await show(live, owner.key, handle, headers=headers),
        ):
            assert (reply.status, reply.body, reply.headers["ETag"]) == (304, "", '"1"')
    for tag in ('"2"', "1", ""):
        assert (await resolve(live, handle, headers={"If-None-Match": tag})).status == 200
    await put(live, owner, "a", headers={"If-Match": '"1"'})
    changed = await resolve(live, handle, headers={"If-None-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')


async def test_changing_by_index(live: Live, owner: Enterprise) -> None:
    await put(live, owner, "a", LAMP, SECRET)
    target = url(live, "identifiers", f"{owner.prefix}/a")

    async def patch(change: dict[str, Any], **options: Any) -> Reply:
        return await live.ask("PATCH", "", url=target, key=owner.key, json=change, **options)

    model = {"index": 3, "type": "MODEL", "data": "A60"}
    reply = await patch({"values": [model], "remove": [7]})
    assert (reply.status, reply.body["outcome"], reply.headers["ETag"]) == (200, "amended", '"2"')
    assert data(await show(live, owner.key, f"{owner.prefix}/a")) == [LAMP["data"], "A60"]
    assert (await patch({"values": [model]})).body["outcome"] == "unchanged"
    refused(await patch({"remove": [7]}), 404, "value-not-found")
    refused(await patch({"values": [model, model]}), 422, "duplicate-index")
    reply = await patch({"remove": [3]}, headers={"If-Match": '"1"'})
    refused(reply, 412, "revision-mismatch")
    assert (await patch({"remove": [3]}, headers={"If-Match": '"2"'})).status == 200
    nowhere = url(live, "identifiers", f"{owner.prefix}/b")
    reply = await live.ask("PATCH", "", url=nowhere, key=owner.key, json={"values": [model]})
    refused(reply, 404, "identifier-not-found")


async def test_withdrawing_and_reviving(live: Live, owner: Enterprise) -> None:
    created = await put(live, owner, "a", LAMP)
    handle = f"{owner.prefix}/a"
    target = url(live, "identifiers", handle)

    async def withdraw(**options: Any) -> Reply:
        return await live.ask("DELETE", "", url=target, key=owner.key, **options)

    refused(await withdraw(headers={"If-Match": '"2"'}), 412, "revision-mismatch")
    gone = await withdraw(headers={"If-Match": '"1"'})
    assert (gone.status, gone.body["outcome"], gone.headers["ETag"]) == (200, "withdrawn", '"2"')
    refused(await withdraw(), 404, "identifier-not-found")
    refused(await resolve(live, handle), 410, "identifier-gone", "withdrawn")
    refused(await show(live, owner.key, handle), 410, "identifier-gone", "withdrawn")
    refused(await put(live, owner, "a", LAMP), 409, "identifier-withdrawn")
    listed = await live.ask("GET", f"/v1/identifiers?prefix={owner.prefix}", key=owner.key)
    assert listed.body["items"] == []

    revived = await put(live, owner, "A", LAMP, query="?revive=true")
    assert (revived.status, revived.body["outcome"]) == (201, "revived")
    assert (revived.body["revision"], revived.body["batch"]) == (3, created.body["batch"])
    assert (await resolve(live, handle)).status == 200
    async with live.node.wiring.database.connection() as connection:
        assert await connection.fetchval("SELECT sum(created) FROM batch") == 1


async def test_an_operator_takes_down(live: Live, owner: Enterprise) -> None:
    await put(live, owner, "a", LAMP)
    target = url(live, "identifiers", f"{owner.prefix}/a")
    assert (await live.ask("DELETE", "", url=target, key=live.operator)).status == 200


async def test_history(live: Live, owner: Enterprise) -> None:
    new = LAMP | {"data": "https://example.com/new"}
    await put(live, owner, "a", LAMP, SECRET)
    await put(live, owner, "a", new, headers={"If-Match": '"1"'})
    target = url(live, "identifiers", f"{owner.prefix}/a")
    await live.ask("DELETE", "", url=target, key=owner.key)
    await put(live, owner, "a", LAMP, query="?revive=1")
    path = url(live, "history", f"{owner.prefix}/a")
    history = await live.ask("GET", "", url=path, key=owner.key)
    assert history.status == 200
    assert [(event["revision"], event["action"]) for event in history.body] == [
        (1, "registered"), (2, "amended"), (3, "withdrawn"), (4, "revived"),
    ]  # fmt: skip
    states = [
        event["values"] and [value["data"]["value"] for value in event["values"]]
        for event in history.body
    ]
    assert states == [[LAMP["data"], SECRET["data"]], [new["data"]], None, [LAMP["data"]]]
    assert all(event["actor"].startswith("key:") for event in history.body[1:])

    stranger = await live.enterprise(OTHER)
    refused(await live.ask("GET", "", url=path, key=stranger.key), 403, "not-permitted")
    refused(await live.ask("GET", "", url=path), 401, "not-authenticated")
    by_operator = await live.ask("GET", "", url=path, key=live.operator)
    assert SECRET["data"] not in str(by_operator.body)
    nowhere = url(live, "history", f"{owner.prefix}/b")
    refused(await live.ask("GET", "", url=nowhere, key=owner.key), 404, "identifier-not-found")


async def test_private_values_are_the_owners(live: Live, owner: Enterprise) -> None:
    stranger = await live.enterprise(OTHER)
    await put(live, owner, "a", LAMP, SECRET, {"index": 9, "type": "HS_SECKEY", "data": "geheim"})
    handle = f"{owner.prefix}/a"
    assert data(await show(live, owner.key, handle)) == [LAMP["data"], SECRET["data"], "geheim"]
    for key in (stranger.key, live.operator):
        assert data(await show(live, key, handle)) == [LAMP["data"]]
    refused(await show(live, None, handle), 401, "not-authenticated")
    for key in (None, stranger.key, live.operator, owner.key):
        assert data(await resolve(live, handle, key=key)) == [LAMP["data"]]
    filtered = url(live, "resolve", handle, "?index=7&index=9&type=HS_SECKEY")
    assert (await live.ask("GET", "", url=filtered, key=owner.key)).body["values"] == []


async def test_case(live: Live, owner: Enterprise) -> None:
    await put(live, owner, "Lamp-ä1", LAMP)
    for spelling in ("lamp-ä1", "LAMP-ä1"):
        again = await put(live, owner, spelling, LAMP)
        assert again.body["outcome"] == "unchanged"
        shown = await show(live, owner.key, f"{owner.prefix}/{spelling}")
        assert shown.body["handle"] == f"{owner.prefix}/Lamp-ä1"
        assert (await resolve(live, f"{owner.prefix}/{spelling}")).status == 200
    assert (await put(live, owner, "lamp-Ä1", LAMP)).status == 201  # beyond ASCII, case counts


async def test_nasty_characters_in_urls(live: Live, owner: Enterprise) -> None:
    for suffix in NASTY:
        handle = f"{owner.prefix}/{suffix}"
        created = await put(live, owner, suffix, LAMP | {"data": suffix})
        assert (created.status, created.body["handle"]) == (201, handle), created.body
        assert data(await resolve(live, handle)) == [suffix]
        assert (await show(live, owner.key, handle)).body["handle"] == handle
        history = await live.ask("GET", "", url=url(live, "history", handle), key=owner.key)
        assert (history.status, len(history.body)) == (200, 1)
        everything = URL(f"{live.url}/v1/resolve/{quote(handle, safe='')}", encoded=True)
        assert data(await live.ask("GET", "", url=everything)) == [suffix]
    page = await live.ask("GET", f"/v1/identifiers?prefix={owner.prefix}", key=owner.key)
    listed = {item["handle"].partition("/")[2] for item in page.body["items"]}
    assert listed == set(NASTY)
    for suffix in NASTY:
        target = url(live, "identifiers", f"{owner.prefix}/{suffix}")
        assert (await live.ask("DELETE", "", url=target, key=owner.key)).status == 200, suffix


def test_some_nasty_ones_fill_the_limit() -> None:
    lengths = {len(f"88.118.1/{suffix}".encode()) for suffix in NASTY}
    assert max(lengths) == 255


SUFFIXES = st.text(
    st.one_of(st.characters(exclude_categories=["C"]), st.sampled_from("/.%+#?<>& ;\\")),
    min_size=1,
    max_size=60,
)


async def test_any_suffix_makes_the_round_trip(live: Live, owner: Enterprise) -> None:
    """PUT, GET and resolve name the same identifier, whatever it is made of."""
    drawn: list[str] = []

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(SUFFIXES)
    def draw(suffix: str) -> None:
        with suppress(InvalidIdentifier):
            drawn.append(Identifier(owner.prefix, suffix).suffix)

    draw()
    known: dict[str, str] = {}
    for suffix in drawn:
        handle = f"{owner.prefix}/{suffix}"
        key = Identifier.parse(handle).canonical()
        reply = await put(live, owner, suffix, LAMP | {"data": key})
        assert (reply.status, reply.body["handle"]) == (200 if key in known else 201, handle)
        spelling = known.setdefault(key, handle)
        shown = await show(live, owner.key, handle)
        assert (shown.body["handle"], data(shown)) == (spelling, [key])
        resolved = await resolve(live, handle)
        assert (resolved.body["handle"], data(resolved)) == (handle, [key])
    assert len(known) > 50


async def test_an_absolute_request_target(live: Live, owner: Enterprise) -> None:
    """RFC 9112, section 3.2.2: a server takes `GET http://host/path` too."""
    await put(live, owner, "a//b", LAMP)
    host = URL(live.url)
    assert host.port
    reader, writer = await asyncio.open_connection(host.host, host.port)
    target = f"{live.url}/v1/resolve/{owner.prefix}/a%2F/b"
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert f'"{owner.prefix}/a//b"'.encode() in answer


NO_IDENTIFIERS = [
    ("a%0Ab", "control-character"),
    ("%0A", "control-character"),
    ("a%E2%80%AEb", "format-character"),
    ("a%ED%A0%80", "bad-utf8"),
    ("a%C0%AF", "bad-utf8"),
    ("a%", "bad-percent-escape"),
    ("a%20", "edge-blank"),
    ("a%C2%A0", "edge-blank"),
]


async def test_bytes_that_are_no_identifier(live: Live, owner: Enterprise) -> None:
    for path, rule in NO_IDENTIFIERS:
        for method, operation, key in (
            ("PUT", "identifiers", owner.key),
            ("GET", "identifiers", owner.key),
            ("DELETE", "identifiers", owner.key),
            ("GET", "history", owner.key),
        ):
            target = URL(f"{live.url}/v1/{operation}/{owner.prefix}/{path}", encoded=True)
            body = {} if method == "PUT" else None
            reply = await live.ask(method, "", url=target, key=key, json=body)
            refused(reply, 400, "invalid-identifier", rule)


async def test_listing_in_pages(live: Live, owner: Enterprise) -> None:
    suffixes = ["b", "A", "灯", "a b", "c/d", "#1", "é"]
    for suffix in suffixes:
        await put(live, owner, suffix)
    found: list[str] = []
    after = ""
    while True:
        target = f"{live.url}/v1/identifiers?prefix={owner.prefix}&limit=2{after}"
        page = await live.ask("GET", "", url=URL(target, encoded=True), key=owner.key)
        assert page.status == 200, page.body
        found += [item["handle"].partition("/")[2] for item in page.body["items"]]
        if page.body["next"] is None:
            break
        after = "&after=" + quote(page.body["next"], safe="")
    assert found == sorted(
        suffixes, key=lambda text: text.upper().encode() if text.isascii() else text.encode()
    )
    stranger = await live.enterprise(OTHER)
    path = f"/v1/identifiers?prefix={owner.prefix}"
    refused(await live.ask("GET", path, key=stranger.key), 403, "not-permitted")
    refused(await live.ask("GET", path), 401, "not-authenticated")
    for prefix in ("88.118.999", "%00"):
        path = f"/v1/identifiers?prefix={prefix}"
        refused(await live.ask("GET", path, key=owner.key), 404, "prefix-not-found")
    path = f"/v1/identifiers?prefix={owner.prefix}&after=%00"
    refused(await live.ask("GET", path, key=owner.key), 422, "invalid-input", "after-text")
    refused(await live.ask("GET", "/v1/identifiers", key=owner.key), 422, "invalid-input")


async def test_a_list_of_a_thousand(live: Live, owner: Enterprise) -> None:
    items = [
        {"handle": f"{owner.prefix}/SN{n:06d}", "values": [LAMP | {"data": f"第{n}盏灯"}]}
        for n in range(1000)
    ]
    first = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert (first.status, first.body["totals"]) == (200, {"created": 1000})
    assert [result["handle"] for result in first.body["results"]] == [i["handle"] for i in items]
    assert len({result["batch"] for result in first.body["results"]}) == 1
    again = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert again.body["totals"] == {"unchanged": 1000}
    replies = await asyncio.gather(*(resolve(live, items[n]["handle"]) for n in range(0, 1000, 50)))
    assert [data(reply) for reply in replies] == [[f"第{n}盏灯"] for n in range(0, 1000, 50)]


async def test_lists_that_meet(live: Live, owner: Enterprise) -> None:
    """Overlapping lists in opposite orders: every identifier is created once, nobody fails."""
    items = [{"handle": f"{owner.prefix}/{n}", "values": [LAMP]} for n in range(200)]
    replies = await asyncio.gather(
        *(
            live.ask("POST", "/v1/identifiers", key=owner.key, json=part)
            for part in (items, items[::-1], items[50:], items[:150][::-1])
        )
    )
    assert [reply.status for reply in replies] == 4 * [200]
    assert sum(reply.body["totals"].get("created", 0) for reply in replies) == 200
    assert all(set(reply.body["totals"]) <= {"created", "unchanged"} for reply in replies)


async def test_a_list_revives_where_it_is_asked_to(live: Live, owner: Enterprise) -> None:
    await put(live, owner, "a", LAMP)
    target = url(live, "identifiers", f"{owner.prefix}/a")
    await live.ask("DELETE", "", url=target, key=owner.key)
    items = [{"handle": f"{owner.prefix}/a"}, {"handle": f"{owner.prefix}/b"}]
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert reply.body["totals"] == {"refused": 1, "created": 1}
    assert reply.body["results"][0]["problem"]["rule"] == "identifier-withdrawn"
    reply = await live.ask("POST", "/v1/identifiers?revive=true", key=owner.key, json=items)
    assert reply.body["totals"] == {"revived": 1, "unchanged": 1}


async def test_a_list_without_a_key(live: Live) -> None:
    reply = await live.ask("POST", "/v1/identifiers", json=[{"handle": "88.118.1/a"}])
    refused(reply, 401, "not-authenticated", "key-needed")


async def test_a_list_with_an_item_that_is_deep(live: Live, owner: Enterprise) -> None:
    deep = b'[{"handle": "88.118.1/a", "attributes": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}]"
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, data=deep)
    assert reply.status in (200, 422)
    if reply.status == 200:
        assert reply.body["totals"] == {"refused": 1}
