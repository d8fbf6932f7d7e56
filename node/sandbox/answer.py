"""The one envelope of every answer, and the translation of errors and bodies into and out of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from node.uplink.messages import Envelope, EnvelopeStatus, RefusalReason
from registry.errors import BiaoshiError, InvalidInput, NotAuthenticated, NotPermitted

T = TypeVar("T")


def success(data: object) -> web.Response:
    return _response(HTTPStatus.OK, EnvelopeStatus.SUCCESS, "success", data)


def refusal(error: BiaoshiError) -> web.Response:
    """A business refusal travels with HTTP status 200, as everywhere in this field."""
    reason = RefusalReason(field=error.field, rule=error.rule)
    if isinstance(error, NotAuthenticated):
        http, status = HTTPStatus.UNAUTHORIZED, EnvelopeStatus.NOT_AUTHENTICATED
    elif isinstance(error, NotPermitted):
        http, status = HTTPStatus.FORBIDDEN, EnvelopeStatus.NOT_PERMITTED
    else:
        http, status = HTTPStatus.OK, EnvelopeStatus.REFUSED
    return _response(http, status, error.detail, reason)


def failure(http: int, message: str) -> web.Response:
    """An answer with an HTTP error status that says nothing about the business."""
    status = EnvelopeStatus.INTERNAL_ERROR if http >= 500 else EnvelopeStatus.REFUSED
    return _response(http, status, message, None)


async def enveloped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, its errors translated into envelopes."""
    try:
        return await handler(request)
    except BiaoshiError as error:
        return refusal(error)
    except web.HTTPException as error:
        return failure(error.status, error.reason)


def decode(body: bytes, wanted: type[T]) -> T:
    """InvalidInput names the item that does not fit."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason, _, path = str(error).partition(" - at `")
        field = path.rstrip("`").removeprefix("$").removeprefix(".")
        raise InvalidInput(reason, field=field or None, rule="format") from error


def _response(http: int, status: EnvelopeStatus, message: str, data: object) -> web.Response:
    envelope = Envelope(status=status, message=message, data=msgspec.Raw(msgspec.json.encode(data)))
    return web.Response(
        status=http, body=msgspec.json.encode(envelope), content_type="application/json"
    )
