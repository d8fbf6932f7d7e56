"""/{prefix}/{suffix} and Digital Links, as people and programs ask for them."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import jsonschema
import msgspec
import pytest
from yarl import URL

from metrics.journal.entry import Outcome as Entry
from metrics.journal.entry import records_of
from node.settings import Settings
from registry.record.value import Data, Value, encode
from resolver.query import Answer, Outcome, Query, Source
from tests.node.live import OTHER, Enterprise, Live, Reply
from tests.node.page.test_parts import BROWSER, SCHEMA

GTIN = "09506000134352"
VALUES = [
    {"index": 1, "type": "URL", "data": "https://example.com/lamp"},
    {"index": 2, "type": "URL.MANUAL.en", "data": "https://example.com/manual"},
    {"index": 3, "type": "NAME", "data": "吸顶灯 <b>&"},
    {"index": 4, "type": "NOTE", "data": "geheim", "permissions": "1100"},
]


async def put(live: Live, owner: Enterprise, suffix: str, values: Any = None) -> str:
    handle = f"{owner.prefix}/{suffix}"
    path = f"/v1/identifiers/{quote(handle)}"
    reply = await live.ask("PUT", path, key=owner.key, json={"values": values or VALUES})
    assert reply.status == 201, reply.body
    return handle


async def get(live: Live, path: str, accept: str = "", **headers: str) -> Reply:
    url = URL(live.url + path, encoded=True)
    given = {"Accept": accept} if accept else {}
    options = {"url": url, "headers": given | headers, "allow_redirects": False}
    return await live.ask("GET", "", **options)


async def test_programs_get_what_v1_answers(live: Live, owner: Enterprise) -> None:
    handle = await put(live, owner, "SN1")
    for accept in ("", "*/*", "application/json"):
        reply = await get(live, f"/{handle}", accept)
        assert reply.body == (await get(live, f"/v1/resolve/{handle}")).body
        assert "Accept" in reply.headers["Vary"]
    again = await get(live, f"/{handle}", **{"If-None-Match": reply.headers["ETag"]})
    assert again.status == 304


async def test_browsers_get_a_page(live: Live, owner: Enterprise) -> None:
    handle = await put(live, owner, "灯 1")
    path = f"/{owner.prefix}/{quote('灯 1')}"
    chinese = await get(live, path, BROWSER)
    english = await get(live, path, BROWSER, **{"Accept-Language": "en-GB"})
    assert (chinese.status, english.status) == (200, 200)
    assert '<html lang="zh-CN">' in chinese.body
    assert "本节点登记" in chinese.body
    assert "Registered at this node" in english.body
    for page in (chinese.body, english.body):
        assert handle in page
        assert "吸顶灯 &lt;b&gt;&amp;" in page
        assert 'href="https://example.com/lamp"' in page
        assert "geheim" not in page
        assert "<script" not in page
    assert chinese.headers["ETag"] != english.headers["ETag"]
    assert "default-src 'none'" in chinese.headers["Content-Security-Policy"]
    other = await get(live, f"{path}?hl=en", BROWSER)
    assert other.body == english.body


async def test_pages_of_what_is_not_there(live: Live, owner: Enterprise) -> None:
    gone = await put(live, owner, "GONE")
    await live.ask("DELETE", f"/v1/identifiers/{gone}", key=owner.key)
    cases = {
        f"/{owner.prefix}/NEVER": (404, "查无此标识"),
        f"/{gone}": (410, "标识已注销"),
        f"/{owner.prefix}/%FF": (400, "标识格式不正确"),
        f"/{owner.prefix}/a%0Ab": (400, "标识格式不正确"),
    }
    for path, (status, words) in cases.items():
        page = await get(live, path, BROWSER)
        assert page.status == status
        assert words in page.body
        document = await get(live, path, "application/json")
        assert document.status == status
        assert document.body["status"] == status
    wild = await get(live, f"/{owner.prefix}/%3Cscript%3E", BROWSER)
    assert "<script" not in wild.body


async def test_a_linkset(live: Live, owner: Enterprise) -> None:
    handle = await put(live, owner, "SN1")
    asked = await get(live, f"/{handle}", "application/linkset+json")
    assert asked.headers["Content-Type"] == "application/linkset+json"
    by_name = await get(live, f"/{handle}?linkType=linkset", BROWSER)
    assert by_name.body == asked.body
    jsonschema.Draft202012Validator(SCHEMA).validate(asked.body)
    (context,) = asked.body["linkset"]
    assert context["anchor"] == f"{live.url}/{handle}"
    assert context["help"] == [{"href": "https://example.com/manual", "hreflang": ["en"]}]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("redirect", "lamp"),
        ("type=URL", "lamp"),
        ("type=manual", "manual"),
        ("type=URL.MANUAL&lang=zh", "manual"),
        ("type=manual&context=repair", "manual"),
        ("type=warranty", None),
    ],
)
async def test_redirects(live: Live, owner: Enterprise, query: str, where: str | None) -> None:
    handle = await put(live, owner, "SN1")
    reply = await get(live, f"/{handle}?{query}", BROWSER)
    if where is None:
        assert reply.status == 404
    else:
        assert reply.status == 302
        assert reply.headers["Location"] == f"https://example.com/{where}"
        assert reply.headers["Cache-Control"] == "private, must-revalidate"


PLACES = """<locations chooseby="locatt,country">
  <location id="0" href="https://example.com/world"/>
  <location id="1" href="https://example.com/china" country="cn"/>
</locations>"""
CHOICE = [*VALUES, {"index": 5, "type": "10320/loc", "data": PLACES}]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings, trusted_proxies=("127.0.0.1",), country_header="X-Country"
    )


@pytest.mark.parametrize(
    ("query", "country", "where"),
    [
        ("redirect", "", "world"),
        ("redirect", "CN", "china"),
        ("redirect", "fr", "world"),
        ("redirect", "no country", "world"),
        ("locatt=id:1", "", "china"),
        ("locatt=ID:1&locatt=country:cn", "fr", "china"),
        ("locatt=id:9", "", "world"),
        ("type=URL", "CN", "lamp"),
        ("type=manual", "CN", "manual"),
        ("locatt=id", "", None),
        ("&".join(["locatt=id:1"] * 6), "", None),
    ],
)
async def test_a_choice_of_places(
    live: Live, owner: Enterprise, query: str, country: str, where: str | None
) -> None:
    handle = await put(live, owner, "SN1", CHOICE)
    reply = await get(live, f"/{handle}?{query}", BROWSER, **{"X-Country": country})
    if where is None:
        assert reply.status == 422
    else:
        assert (reply.status, reply.headers["Location"]) == (302, f"https://example.com/{where}")
        await noted(live, 1)


async def noted(live: Live, count: int) -> None:
    """As many resolutions are in the journal, each found."""
    journal = live.node.wiring.recorder.journal
    async with asyncio.timeout(30):
        while journal.position < count:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    records = records_of(journal.stretch(0, journal.position).records)
    assert [Entry(record["outcome"]) for record in records] == [Entry.FOUND] * count


async def test_a_choice_of_places_among_the_links(live: Live, owner: Enterprise) -> None:
    handle = await put(live, owner, "SN1", CHOICE)
    asked = await get(live, f"/{handle}", "application/linkset+json")
    (context,) = asked.body["linkset"]
    hrefs = [one["href"].removeprefix("https://example.com/") for one in context["about"]]
    assert hrefs == ["lamp", "world", "china"]


class Foreign:
    """A link that has another node's record for everything."""

    async def resolve(self, query: Query) -> Answer:
        values = encode([Value(index=1, type="10320/loc", data=Data("string", PLACES))])
        text = query.identifier.text
        return Answer(Outcome.FOUND, Source.RECURSIVE, text, values, via=("https://b",))


async def test_a_choice_of_places_in_another_nodes_record(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.node.wiring.chain, "_links", (Foreign(),))
    reply = await get(live, "/86.1000.1/DEMO?redirect", BROWSER, **{"X-Country": "CN"})
    assert (reply.status, reply.headers["Location"]) == (302, "https://example.com/china")


async def test_a_country_that_anybody_can_claim(
    live: Live, owner: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await put(live, owner, "SN1", CHOICE)
    monkeypatch.setattr(live.node.wiring.clients, "_trusted", ())
    reply = await get(live, f"/{handle}?redirect", BROWSER, **{"X-Country": "CN"})
    assert reply.headers["Location"] == "https://example.com/world"


async def test_nobody_is_sent_to_a_script(live: Live, owner: Enterprise) -> None:
    values = [{"index": 1, "type": "URL", "data": "javascript:alert(1)"}]
    handle = await put(live, owner, "SN1", values)
    assert (await get(live, f"/{handle}?redirect", BROWSER)).status == 404
    page = await get(live, f"/{handle}", BROWSER)
    assert 'href="javascript' not in page.body


async def test_digital_links(live: Live, owner: Enterprise) -> None:
    wish = {"prefix": owner.prefix, "item": "{gtin}.{serial}"}
    made = await live.ask("PUT", f"/v1/gtins/{GTIN[1:]}", key=owner.key, json=wish)
    assert made.status == 200, made.body
    assert made.body["gtin"] == GTIN
    item = await put(live, owner, f"{GTIN}.A7/b")
    product = await put(live, owner, GTIN, [VALUES[2]])
    link = f"/01/{GTIN}/21/A7%2Fb"
    moved = await get(live, link, BROWSER)
    assert (moved.status, moved.headers["Location"]) == (302, "https://example.com/lamp")
    assert (await get(live, f"{link}?linkType=gs1:manual", BROWSER)).status == 302
    assert (await get(live, link, "application/json")).body["handle"] == item
    assert (await get(live, f"/01/{GTIN}/10/7/21/A7%2Fb")).body["handle"] == item
    links = await get(live, f"{link}?linkType=all")
    jsonschema.Draft202012Validator(SCHEMA).validate(links.body)
    # The product itself leads nowhere: its page is shown.
    page = await get(live, f"/01/{GTIN}", BROWSER)
    assert page.status == 200
    assert product in page.body
    assert (await get(live, f"/v1/resolve/{GTIN}")).body["handle"] == product
    for path, status in {
        "/01/09506000134353": 400,  # the check digit
        f"/01/{GTIN}/21/": 400,
        f"/01/{GTIN}/99/1": 400,
        "/01/00000000000000": 404,
        f"/01/{GTIN}/10/7": 200,
        f"/01/{GTIN}/21/unknown": 404,
    }.items():
        assert (await get(live, path)).status == status, path
    taken = await live.ask("DELETE", f"/v1/gtins/{GTIN}", key=owner.key)
    assert taken.status == 204
    assert (await get(live, link)).status == 404


async def test_who_may_register_a_gtin(live: Live, owner: Enterprise) -> None:
    other = await live.enterprise(OTHER)
    wish = {"prefix": owner.prefix}
    path = f"/v1/gtins/{GTIN}"
    assert (await live.ask("PUT", path, json=wish)).status == 401
    assert (await live.ask("PUT", path, key=other.key, json=wish)).status == 403
    assert (await live.ask("PUT", path, key=live.operator, json=wish)).status == 403
    assert (await live.ask("PUT", path, key=owner.key, json=wish)).status == 200
    mine = {"prefix": other.prefix}
    taken = await live.ask("PUT", path, key=other.key, json=mine)
    assert (taken.status, taken.body["rule"]) == (409, "gtin-taken")
    assert (await live.ask("DELETE", path, key=other.key)).status == 403
    listed = await live.ask("GET", f"/v1/gtins?prefix={owner.prefix}", key=owner.key)
    assert [item["gtin"] for item in listed.body["items"]] == [GTIN]
    wrongs = {
        "item": ["{gtin}", "{serial}{other}", "{serial", "{serial}\n"],
        "product": ["{serial}", "{}", " "],
    }
    for field, patterns in wrongs.items():
        for pattern in patterns:
            reply = await live.ask("PUT", path, key=owner.key, json=wish | {field: pattern})
            assert reply.status in (400, 422), pattern


@pytest.mark.parametrize("name", ["qr", "datamatrix"])
async def test_codes(live: Live, owner: Enterprise, name: str) -> None:
    svg = await get(live, f"/{name}/{owner.prefix}/SN1")
    assert svg.status == 200
    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert "<svg" in svg.body
    async with live.session.get(f"{live.url}/{name}/{owner.prefix}/SN1?format=png&scale=2") as png:
        assert png.content_type == "image/png"
        assert (await png.read()).startswith(b"\x89PNG")
    for query in ("scale=0", "scale=1000", "scale=x", "scale=00019999", f"format={'x' * 101}"):
        assert (await get(live, f"/{name}/{owner.prefix}/SN1?{query}")).status == 422
    assert (await get(live, f"/{name}/no-handle")).status == 400


async def test_images_are_no_resolutions_and_pages_are(live: Live, owner: Enterprise) -> None:
    handle = await put(live, owner, "SN1")
    journal = live.node.wiring.recorder.journal
    before = journal.position
    await get(live, f"/qr/{handle}")
    assert journal.position == before
    await get(live, f"/{handle}", BROWSER)
    await get(live, f"/{handle}?redirect", BROWSER)
    assert journal.position == before + 2
