"""The envelope of every answer, and the one table from kinds of domain errors to SNMS status.

{"message": "success", "status": 1, "data": true}
{"message": "标识已存在", "status": -2, "data": null}

The HTTP status is 200 for whatever the node has decided; where it could not decide, 500 or 503, so
that proxies and monitors see it.
"""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus

import msgspec
from aiohttp import web

from node.snms import chinese
from registry import errors
from registry.access.application import WrongCredentials
from registry.errors import BiaoshiError

SUCCESS_MESSAGE = "success"


class Status(IntEnum):
    SUCCESS = 1
    NOT_LOGGED_IN = -1
    FAILURE = -2  # for a reason that the message tells
    NO_PERMISSION = -3
    INTERNAL = -4


# The nearest class above an error decides. No permission is about who asks; a suspended enterprise
# or a stopped prefix is a reason.
STATUS: dict[type[BiaoshiError], Status] = {
    errors.InvalidInput: Status.FAILURE,
    errors.NotAuthenticated: Status.NOT_LOGGED_IN,
    WrongCredentials: Status.FAILURE,
    errors.NotPermitted: Status.NO_PERMISSION,
    errors.EnterpriseNotVerified: Status.FAILURE,
    errors.EnterpriseSuspended: Status.FAILURE,
    errors.PrefixNotActive: Status.FAILURE,
    errors.PrefixElsewhere: Status.FAILURE,
    errors.NotFound: Status.FAILURE,
    errors.Conflict: Status.FAILURE,
    errors.TooManyRequests: Status.FAILURE,
    errors.Unavailable: Status.INTERNAL,
    errors.RemoteUnavailable: Status.FAILURE,
    errors.NationalNodeUnavailable: Status.FAILURE,
    errors.NationalNodeRefused: Status.FAILURE,
    BiaoshiError: Status.INTERNAL,
}


class Envelope(msgspec.Struct, frozen=True):
    message: str
    status: Status
    data: object = None


def status_of(error: BiaoshiError | type[BiaoshiError]) -> Status:
    kind = error if isinstance(error, type) else type(error)
    return next(STATUS[above] for above in kind.__mro__ if above in STATUS)


def success(data: object) -> web.Response:
    return _render(Envelope(SUCCESS_MESSAGE, Status.SUCCESS, data))


def refuse(error: BiaoshiError, _: web.Request) -> web.Response:
    """The answer to what the domain refuses."""
    status, code = status_of(error), HTTPStatus.OK
    message = chinese.message(error)
    if status is Status.INTERNAL:
        away = isinstance(error, errors.Unavailable)
        code = HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.INTERNAL_SERVER_ERROR
        message = chinese.BUSY
    response = _render(Envelope(message, status), code)
    if isinstance(error, errors.TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    elif code is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


def plain(status: int, _title: str, _: web.Request) -> web.Response:
    """A refusal that is HTTP's own: no such path, an unknown method, a crash."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _render(Envelope(chinese.BUSY, Status.INTERNAL), status)
    return _render(Envelope(chinese.HTTP.get(status, chinese.BAD_REQUEST), Status.FAILURE), status)


def _render(envelope: Envelope, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(envelope),
        status=status,
        headers={"Content-Type": "application/json;charset=UTF-8", "Cache-Control": "no-store"},
    )
