"""Problem documents (RFC 9457): the one table from kinds of domain errors to HTTP statuses."""

from __future__ import annotations

import msgspec
from aiohttp import web

from registry import errors
from registry.errors import BiaoshiError

CONTENT_TYPE = "application/problem+json"
TYPE_BASE = "/docs/problems#"  # relative: a node has no fixed name

# The nearest class above an error decides.
STATUS: dict[type[BiaoshiError], int] = {
    errors.InvalidInput: 422,
    errors.InvalidIdentifier: 400,
    errors.InvalidAttribute: 422,
    errors.TooLarge: 413,
    errors.NotAuthenticated: 401,
    errors.NotPermitted: 403,
    errors.NotFound: 404,
    errors.IdentifierGone: 410,
    errors.Conflict: 409,
    errors.RevisionMismatch: 412,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.RemoteUnavailable: 502,
    errors.NationalNodeUnavailable: 502,
    errors.NationalNodeRefused: 502,
    BiaoshiError: 500,
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong. `field` names the input at fault, `rule` the rule it broke."""

    type: str
    title: str
    status: int
    detail: str = ""
    field: str | None = None
    rule: str | None = None
    request_id: str | None = None


def status_of(error: BiaoshiError | type[BiaoshiError]) -> int:
    kind = error if isinstance(error, type) else type(error)
    return next(STATUS[above] for above in kind.__mro__ if above in STATUS)


def problem_of(error: BiaoshiError, request_id: str | None = None) -> Problem:
    return Problem(
        type=TYPE_BASE + error.kind,
        title=error.title,
        status=status_of(error),
        detail=error.detail,
        field=error.field,
        rule=error.rule,
        request_id=request_id,
    )


def respond(error: BiaoshiError, request_id: str) -> web.Response:
    """The problem document of a domain error."""
    response = render(problem_of(error, request_id))
    if isinstance(error, errors.NotAuthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="biaoshi"'
    if isinstance(error, errors.TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, errors.Unavailable):
        response.headers["Retry-After"] = "5"
    return response


def render(problem: Problem) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(problem), status=problem.status, content_type=CONTENT_TYPE
    )


def plain(status: int, title: str, request_id: str, detail: str = "") -> web.Response:
    """A problem that is HTTP's own: no such path, method not allowed, a crash."""
    return render(
        Problem(
            type="about:blank", title=title, status=status, detail=detail, request_id=request_id
        )
    )
