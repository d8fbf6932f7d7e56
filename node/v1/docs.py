"""What readers get: /openapi.json, /docs, and /docs/problems, where the types of problem documents
point to. No page needs a script or anything from another host."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from inspect import cleandoc
from typing import Any

import msgspec
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from node.http.problem import status_of
from node.v1.openapi import document, problems
from node.v1.operation import JSON, Operation
from node.v1.outline import Outline
from registry.errors import BiaoshiError

CHINESE = {
    "Enterprises": "企业",
    "Prefixes": "前缀",
    "Keys": "密钥",
    "Applications": "应用标识身份",
    "Codes": "编码",
    "Templates": "数据模板",
    "GTINs": "商品条码",
    "Identifiers": "标识",
    "Jobs": "任务",
    "Bureau": "主管部门",
    "Resolution": "解析",
    "Counts": "统计",
    "Operation": "运行",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A text made once and served as long as the process lives."""

    body: bytes
    content_type: str
    policy: str  # Content-Security-Policy

    def respond(self, request: web.Request) -> web.Response:
        """The page, or 304 where the reader has it."""
        tag = hashlib.sha256(self.body).hexdigest()[:32]
        headers = {
            "ETag": f'"{tag}"',
            "Cache-Control": "no-cache",
            "Content-Security-Policy": self.policy,
            "X-Content-Type-Options": "nosniff",
        }
        known = request.if_none_match or ()
        if any(seen.value in (tag, "*") for seen in known):
            return web.Response(status=304, headers=headers)
        return web.Response(
            body=self.body, content_type=self.content_type, charset="utf-8", headers=headers
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem on its page."""

    name: str
    title: str
    status: int
    description: str
    depth: int  # below BiaoshiError
    operations: list[str]  # that say they refuse with it


class Docs:
    """Pages about a table of operations, each made when it is first asked for: all kinds of
    problems have been imported by then."""

    def __init__(self, operations: Sequence[Operation], *, version: str) -> None:
        self._operations = operations
        self._version = version

    async def show_openapi(self, request: web.Request) -> web.Response:
        return self.openapi.respond(request)

    async def show_manual(self, request: web.Request) -> web.Response:
        return self.manual.respond(request)

    async def show_problems(self, request: web.Request) -> web.Response:
        return self.problems.respond(request)

    @cached_property
    def openapi(self) -> Page:
        body = msgspec.json.encode(self._document)
        return Page(body, JSON, "default-src 'none'; frame-ancestors 'none'")

    @cached_property
    def manual(self) -> Page:
        tags = Outline(self._document).tags()
        return self._page("docs.html", info=self._document["info"], tags=tags)

    @cached_property
    def problems(self) -> Page:
        return self._page("problems.html", kinds=list(_kinds(self._operations)))

    @cached_property
    def _document(self) -> dict[str, Any]:
        return document(self._operations, version=self._version)

    def _page(self, template: str, **members: Any) -> Page:
        css = files("node.v1").joinpath("docs.css").read_text("utf-8")
        digest = b64encode(hashlib.sha256(css.encode()).digest()).decode()
        text = (
            _environment()
            .get_template(template)
            .render(css=css, chinese=CHINESE, version=self._version, **members)
        )
        policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        return Page(text.encode(), "text/html", policy)


def routes(operations: Sequence[Operation], *, version: str) -> list[web.RouteDef]:
    docs = Docs(operations, version=version)
    return [
        web.get("/openapi.json", docs.show_openapi, name="openapi"),
        web.get("/docs", docs.show_manual, name="docs"),
        web.get("/docs/problems", docs.show_problems, name="problems"),
    ]


def prose(text: str) -> Markup:
    """Docstrings as HTML: paragraphs, lists, drawings as they are, and code between backticks."""
    blocks = (escape(block) for block in text.split("\n\n") if block.strip())
    return Markup("\n").join(_block(block) for block in blocks)


def _chinese(text: str) -> Markup:
    return Markup('<span class="zh" lang="zh">{}</span>').format(text)


def _block(block: Markup) -> Markup:
    if "──" in block:
        return Markup("<pre>{}</pre>").format(block)
    parts = block.split("`")
    if len(parts) % 2 == 0:  # a lone backtick is only a backtick
        return Markup("<p>{}</p>").format(block)
    marked = (
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )
    return Markup("<p>{}</p>").format(Markup("").join(marked))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("node.v1", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": prose, "zh": _chinese}
    return environment


def _kinds(operations: Sequence[Operation]) -> Iterator[Kind]:
    refused: dict[type[BiaoshiError], list[str]] = {}
    for operation in operations:
        for error in problems(operation):
            refused.setdefault(error, []).append(operation.name)
    for error, depth in _below(BiaoshiError, 0):
        yield Kind(
            name=error.kind,
            title=error.title,
            status=status_of(error),
            description=cleandoc(error.__doc__ or ""),
            depth=depth,
            operations=refused.get(error, []),
        )


def _below(error: type[BiaoshiError], depth: int) -> Iterator[tuple[type[BiaoshiError], int]]:
    """All subclasses, each after the one above it."""
    for below in error.__subclasses__():
        yield below, depth
        yield from _below(below, depth + 1)
