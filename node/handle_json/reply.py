"""Answers in the dialect of the Handle JSON API.

{"responseCode": 1, "handle": "88.118.8/P000007", "values": [...]}
{"responseCode": 301, "message": "That prefix doesn't live here", "handle": "20.500.123/X"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from node.handle_json.code import refusal_of
from node.handle_json.target import HANDLE
from node.http import problem
from node.http.edge import REQUEST_ID
from node.http.problem import Problem
from node.wiring import WIRING
from registry import errors
from registry.errors import BiaoshiError
from resolver.wire.code import ResponseCode

JSON = "application/json;charset=utf-8"
JAVASCRIPT = "application/javascript;charset=utf-8"
ALLOWED_HEADERS = "X-Requested-With,Authorization,Origin,Accept,Content-Type,If-None-Match"
MAX_CALLBACK = 128
MAX_ECHO = 255

PREFIX_ELSEWHERE = "That prefix doesn't live here"

# Codes that say it all; clients are used to these answers without a message.
_PLAIN = {
    ResponseCode.HANDLE_NOT_FOUND,
    ResponseCode.HANDLE_ALREADY_EXISTS,
    ResponseCode.VALUES_NOT_FOUND,
}


def render(
    request: web.Request,
    content: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    callback: str = "",
) -> web.Response:
    """An answer with this content, its members in the order given; indented with `pretty`, and as
    a call of `callback` where one is given."""
    body = msgspec.json.encode(content)
    if request.query.get("pretty", "false").lower() not in ("false", "0", "no"):
        body = msgspec.json.format(body, indent=2)
    content_type = JSON
    if callback:
        body, content_type = _called(callback, body), JAVASCRIPT
    return web.Response(
        body=body,
        status=status,
        headers={"Content-Type": content_type, **common_headers(request), **(headers or {})},
    )


def done(request: web.Request, handle: str, status: int) -> web.Response:
    """The answer to a change that was made."""
    return render(request, {"responseCode": ResponseCode.SUCCESS, "handle": handle}, status=status)


def common_headers(request: web.Request) -> dict[str, str]:
    """What every answer says: pages of any origin may read it, though never with a visitor's
    stored credentials."""
    headers = {"Vary": "Authorization, Origin", "X-Content-Type-Options": "nosniff"}
    origin = request.headers.get("Origin")
    if origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = "Content-Length, ETag"
    return headers


def options(methods: str) -> Handler:
    """Tells what is allowed at a path, also to pages of other origins."""

    async def told(request: web.Request) -> web.Response:
        headers = {"Allow": ", ".join([*methods.split(","), "OPTIONS"]), **common_headers(request)}
        if "Access-Control-Request-Method" in request.headers:
            headers["Access-Control-Allow-Methods"] = methods
            headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        return web.Response(headers=headers)

    return told


def refuse(error: BiaoshiError, request: web.Request) -> web.Response:
    """The answer to what went wrong."""
    status, code = refusal_of(error)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, errors.NotAuthenticated):
        if request.app[WIRING].clients.takes_credentials(request):
            headers["WWW-Authenticate"] = _challenge(error, request)
        else:
            status = HTTPStatus.FORBIDDEN  # credentials would not be taken here either
    if isinstance(error, errors.TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, errors.Unavailable):
        headers["Retry-After"] = "5"
    members = _members(code, _message(error, code, request), request)
    return render(request, members, status=status, headers=headers)


def plain(status: int, title: str, request: web.Request) -> web.Response:
    """A refusal that is HTTP's own: no such path, an unknown method, a crash."""
    message = title
    if status == HTTPStatus.NOT_FOUND:
        message = f"Unknown HTTP API endpoint {request.method} {_shown(request.path)}"
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        status, message = HTTPStatus.NOT_IMPLEMENTED, f"Unknown method {request.method}"
    code = (
        ResponseCode.ERROR
        if status == HTTPStatus.INTERNAL_SERVER_ERROR
        else ResponseCode.PROTOCOL_ERROR
    )
    members = {"responseCode": code, "message": message}
    return render(request, members, status=status, headers={"Cache-Control": "no-store"})


class _Astray(Problem, frozen=True, kw_only=True, omit_defaults=True):
    """A problem that Handle clients can read too."""

    response_code: ResponseCode = msgspec.field(name="responseCode")


def astray(status: int, title: str, request: web.Request) -> web.Response:
    """The refusal of a path that no surface has. A Handle client with a wrong base address looks
    for a response code in whatever it gets, and must not take this for a missing handle."""
    told = _Astray(
        type="about:blank",
        title=title,
        status=status,
        request_id=request[REQUEST_ID],
        response_code=ResponseCode.PROTOCOL_ERROR,
    )
    return problem.render(told)


def _members(code: ResponseCode, message: str, request: web.Request) -> dict[str, object]:
    members: dict[str, object] = {"responseCode": code}
    if message:
        members["message"] = message
    handle = request.get(HANDLE)
    # An answer to a malformed request is about the request, not about a handle.
    if handle and code is not ResponseCode.PROTOCOL_ERROR:
        members["handle"] = handle
    return members


def _message(error: BiaoshiError, code: ResponseCode, request: web.Request) -> str:
    """Why, where the code alone does not tell; naming the member of a value that is at fault."""
    if code in _PLAIN:
        return ""
    if code is ResponseCode.AUTHENTICATION_NEEDED and "Authorization" not in request.headers:
        return ""
    if isinstance(error, errors.PrefixNotFound):
        return PREFIX_ELSEWHERE
    if error.field and error.field.startswith(("values", "attributes")):
        return f"{error.field}: {error.detail}"
    return error.detail


def _challenge(error: BiaoshiError, request: web.Request) -> str:
    challenge = 'Basic realm="handle", charset="UTF-8"'
    if "Authorization" in request.headers:
        challenge += f', error="{error.detail}"'
    return challenge


def _called(callback: str, body: bytes) -> bytes:
    """A script that hands the body to a function. JavaScript had line ends that JSON has not."""
    name = re.sub(r"[^A-Za-z0-9_$]", "_", callback)
    text = body.decode().replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"{name}({text});".encode()


def _shown(path: str) -> str:
    """A path that came from outside, as far as it can be told back."""
    return path[:MAX_ECHO].encode("utf-8", "replace").decode()
