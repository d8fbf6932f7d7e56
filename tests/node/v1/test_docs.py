import base64
import hashlib
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from aiohttp import web

from node.http.problem import TYPE_BASE, status_of
from node.v1 import docs
from node.v1.surface import OPERATIONS
from registry.errors import BiaoshiError


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def values(self, name):
        return [given[name] for _, given in self.found if name in given]


def subclasses(kind):
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


@pytest.fixture
async def client(aiohttp_client):
    app = web.Application()
    app.add_routes(docs.routes(OPERATIONS, version="1.2.3"))
    return await aiohttp_client(app)


async def page(client, path):
    response = await client.get(path)
    assert response.status == 200
    return await response.text()


async def test_the_openapi_document_is_served_as_json(client):
    response = await client.get("/openapi.json")
    assert response.content_type == "application/json"
    assert (await response.json())["info"]["version"] == "1.2.3"


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/problems"])
async def test_who_has_the_page_is_told_so(client, path):
    first = await client.get(path)
    again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    other = await client.get(path, headers={"If-None-Match": '"other"'})
    assert (other.status, await other.read()) == (200, await first.read())


async def test_the_manual_shows_every_operation(client):
    text = await page(client, "/docs")
    ids = Elements(text).values("id")
    for operation in OPERATIONS:
        assert operation.name in ids
        assert operation.summary in unescape(text)


async def test_every_kind_of_problem_has_an_anchor_where_its_type_points(client):
    path, _, _ = TYPE_BASE.partition("#")
    text = await page(client, path)
    articles = dict(re.findall(r'<article [^>]*id="([^"]+)">(.*?)</article>', text, re.S))
    for error in subclasses(BiaoshiError):
        assert error.title in unescape(articles[error.kind])
        assert f">{status_of(error)}<" in articles[error.kind]


@pytest.mark.parametrize("path", ["/docs", "/docs/problems"])
async def test_ids_are_unique_and_links_lead_somewhere(client, path):
    ids = {}
    for at in ("/docs", "/docs/problems"):
        found = Elements(await page(client, at)).values("id")
        assert len(set(found)) == len(found)
        ids[at] = set(found)
    for link in Elements(await page(client, path)).values("href"):
        to, _, anchor = link.partition("#")
        assert to in ("", "/docs", "/docs/problems", "/openapi.json")
        assert not anchor or anchor in ids[to or path]


@pytest.mark.parametrize("path", ["/docs", "/docs/problems"])
async def test_pages_need_no_script_and_no_other_host(client, path):
    response = await client.get(path)
    text = await response.text()
    tags = {tag for tag, _ in Elements(text).found}
    assert not tags & {"script", "link", "img", "iframe", "form"}
    assert not Elements(text).values("src")
    css = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    assert "url(" not in css
    assert "@import" not in css
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in response.headers["Content-Security-Policy"]


async def test_texts_are_escaped(aiohttp_client):
    hostile = "<script>alert('x')</script> & `<b>`"
    operation = replace(OPERATIONS[0], summary=hostile, description=hostile)
    app = web.Application()
    app.add_routes(docs.routes([operation], version="<i>"))
    client = await aiohttp_client(app)
    text = await page(client, "/docs")
    assert "<script" not in text
    assert "<b>" not in text
    assert "<i>" not in text
    assert "&lt;script&gt;" in text
    assert "<code>&lt;b&gt;</code>" in text


def test_prose_keeps_drawings_and_lone_backticks():
    assert docs.prose("one `two`\n\nthree") == "<p>one <code>two</code></p>\n<p>three</p>"
    assert docs.prose("a ── b\n  └──") == "<pre>a ── b\n  └──</pre>"
    assert docs.prose("a ` b") == "<p>a ` b</p>"
    assert docs.prose("") == ""


def test_every_tag_has_a_chinese_name():
    assert {operation.tag for operation in OPERATIONS} <= set(docs.CHINESE)
