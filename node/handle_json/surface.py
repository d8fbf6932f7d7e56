"""The paths of the Handle JSON API and the surface they make."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from node.handle_json import reply
from node.handle_json.change import delete, put
from node.handle_json.listing import listed
from node.handle_json.resolution import NAME, resolved
from node.handle_json.reverse_lookup import looked_up
from node.handle_json.target import target
from node.http.edge import Surface, problem_surface
from registry.errors import InvalidIdentifier

SURFACE = Surface(NAME, ("/api", "/hrls"), reply.refuse, reply.plain)
# All other paths: problem documents.
SITE = replace(problem_surface("site", "/"), plain=reply.astray)

# Any text at all, line ends too: what is no handle is told so.
_ONE = r"/api/handles/{handle:[\s\S]+}"
_ALL = r"/api/handles{slash:/?}"
_LOOKUP = r"/hrls/handles{slash:/?}"
_METHODS = "GET,POST,HEAD,PUT,DELETE"


def routes() -> list[web.RouteDef]:
    return [
        web.route("GET", _ONE, resolved, name="getHandle"),
        web.route("HEAD", _ONE, resolved, name="headHandle"),
        web.route("POST", _ONE, resolved, name="postHandle"),
        web.route("PUT", _ONE, put, name="putHandle"),
        web.route("DELETE", _ONE, delete, name="deleteHandle"),
        web.route("OPTIONS", _ONE, reply.options(_METHODS), name="optionsOfHandle"),
        web.route("GET", _ALL, listed, name="listHandles"),
        web.route("HEAD", _ALL, listed, name="headHandles"),
        web.route("POST", _ALL, listed, name="postHandles"),
        web.route("PUT", _ALL, _nameless, name="putNoHandle"),
        web.route("DELETE", _ALL, _nameless, name="deleteNoHandle"),
        web.route("OPTIONS", _ALL, reply.options(_METHODS), name="optionsOfHandles"),
        web.route("GET", _LOOKUP, looked_up, name="lookUpHandles"),
        web.route("OPTIONS", _LOOKUP, reply.options("GET"), name="optionsOfLookup"),
    ]


async def _nameless(request: web.Request) -> web.Response:
    target(request)
    raise InvalidIdentifier("Empty handle invalid", field="handle", rule="empty")
