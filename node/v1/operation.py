"""Operations of the v1 surface. The table of them makes the routes and the OpenAPI document, so
neither can say what the other doesn't."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from node.http import body as bodies
from node.http.authentication import authenticate
from node.wiring import WIRING, Wiring
from registry.access.actor import Actor
from registry.access.once import Once
from registry.errors import BiaoshiError, InvalidInput
from registry.identifier import from_url_path

IDEMPOTENCY_KEY = "Idempotency-Key"
JSON = "application/json"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Call:
    """A request after everything about it has been checked."""

    request: web.Request
    wiring: Wiring
    actor: Actor
    path: Mapping[str, str]  # path parameters, percent-decoded
    query: Any  # of the operation's query type
    body: Any  # of the operation's body type
    once: Once | None

    @property
    def number(self) -> int:
        """The one path parameter that is a number; the route lets nothing else through."""
        return int(next(iter(self.path.values())))

    def knows(self, etag: str) -> bool:
        """Whether If-None-Match names the tag. Proxies that compress make it a weak one, W/"3"."""
        known = self.request.headers.get("If-None-Match", "")
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return etag in tags or "*" in tags


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer. `body` is of the operation's answer type."""

    body: Any = None
    status: int | None = None  # None: the operation's usual one
    headers: Mapping[str, str] = field(default_factory=dict)


Streamer = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path.

    `path` has parameters in braces: `{enterprise_id:number}` is a number, `{prefix:segment}` one
    segment, `{handle:handle}` an identifier, which ends the path and may contain slashes, encoded
    or not.
    `body_schema` describes the body to readers where it is decoded in steps.
    """

    name: str  # operationId, and the route's name in metrics
    tag: str
    summary: str
    method: str
    path: str
    handler: Callable[[Call], Awaitable[Reply | web.StreamResponse]]
    answer: Any
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)  # further success statuses and meaning
    description: str = ""
    query: type[msgspec.Struct] | None = None
    body: Any = None
    body_schema: Any = None
    body_limit: int = bodies.MAX_BODY
    body_media: str = JSON  # a body of any other media type is read by the handler
    answer_media: str = JSON  # of an answer that the handler writes itself
    # Media types of bodies that are not read whole: who answers requests with one.
    streams: Mapping[str, Streamer] = field(default_factory=dict)
    errors: tuple[type[BiaoshiError], ...] = ()
    needs_key: bool = True
    once: bool = False  # whether it takes an Idempotency-Key
    conditional: bool = False  # whether it takes If-Match

    def route(self) -> web.RouteDef:
        return web.route(self.method, _route_path(self.path), self._handle, name=self.name)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        wiring = request.app[WIRING]
        actor = await authenticate(request, wiring)
        if self.needs_key:
            actor.require_known()  # before a byte of the body is read
        if streamer := self.streams.get(request.content_type):
            return await streamer(self._call(request, wiring, actor, b""))
        content = await bodies.read(request, self.body_limit) if self._decoded else b""
        reply = await self.handler(self._call(request, wiring, actor, content))
        if isinstance(reply, web.StreamResponse):
            return reply
        return web.Response(
            body=b"" if reply.body is None else msgspec.json.encode(reply.body),
            status=reply.status or self.status,
            content_type=None if reply.body is None else JSON,
            headers=reply.headers,
        )

    @property
    def _decoded(self) -> bool:
        """Whether there is a body that is read here."""
        return self.body is not None and self.body_media == JSON

    def _call(self, request: web.Request, wiring: Wiring, actor: Actor, content: bytes) -> Call:
        if self.body_media not in (JSON, request.content_type):
            raise InvalidInput(
                f"the body is {self.body_media}", field="Content-Type", rule="content-type"
            )
        decoded = self._decoded and request.content_type not in self.streams
        return Call(
            request=request,
            wiring=wiring,
            actor=actor,
            path=self._path(request),
            query=self._query(request),
            body=bodies.decode(content, self.body) if decoded else None,
            once=self._once(request, actor, content),
        )

    def _path(self, request: web.Request) -> Mapping[str, str]:
        """Path parameters as text. A handle, which ends its path, is read off the path as it was
        sent, since decoding and encoding it again loses which of its slashes and percent signs
        were its own."""
        found = dict(request.match_info)
        if "handle" in found:
            before = self.path.partition("{handle")[0].count("/")
            # Not `request.raw_path`: that is a whole URL where a client writes one (RFC 9112 §3.2).
            found["handle"] = from_url_path(request.rel_url.raw_path.split("/", before)[before])
        return found

    def _query(self, request: web.Request) -> Any:
        if self.query is None:
            return None
        return bodies.convert(_parameters(request, self.query), self.query)

    def _once(self, request: web.Request, actor: Actor, content: bytes) -> Once | None:
        key = request.headers.get(IDEMPOTENCY_KEY)
        if key is None or not self.once:
            return None
        clients = request.app[WIRING].clients
        name = actor.name if not actor.anonymous else f"anonymous:{clients.address(request)}"
        path = request.raw_path.encode("utf-8", "surrogateescape")
        return Once.of(name, key, self.method.encode(), path, content)


# A handle's slash may come encoded or not; a segment's may not come at all. Numbers are those of
# the database's identity columns, so that nothing longer reaches it.
_KINDS = {"number": r"[0-9]{1,9}", "segment": r"[^/]+", "handle": r"[\s\S]+"}


def _route_path(path: str) -> str:
    """`{name:kind}` with the kind's expression, as aiohttp wants it."""
    for kind, expression in _KINDS.items():
        path = path.replace(f":{kind}}}", f":{expression}}}")
    return path


@cache
def _defaults(kind: type[msgspec.Struct]) -> dict[str, object]:
    return {item.encode_name: item.default for item in msgspec.structs.fields(kind)}


def _parameters(request: web.Request, kind: type[msgspec.Struct]) -> dict[str, object]:
    """Query parameters by name; those that may be repeated as lists. Names that the type does not
    have are refused when it is converted to."""
    defaults = _defaults(kind)
    found: dict[str, object] = {}
    for name in dict.fromkeys(request.query):
        values = request.query.getall(name)
        default = defaults.get(name)
        if default == ():
            found[name] = values
        elif len(values) > 1:
            raise InvalidInput(f"{name} stands twice", field=name, rule="parameter-twice")
        elif default is None and values[0].lower() == "null":
            # The lax conversion would take this text for "not given".
            raise InvalidInput("null is no value here", field=name, rule="parameter")
        else:
            found[name] = values[0]
    return found
