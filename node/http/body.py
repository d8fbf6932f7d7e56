"""Request bodies: bounded, and decoded strictly into the types that describe them."""

from __future__ import annotations

import asyncio
import re
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from registry.errors import InvalidInput, TooLarge

MAX_BODY = 1024 * 1024  # bytes; lists of registrations may be longer
MAX_LIST_BODY = 16 * 1024 * 1024
SILENCE = 30.0  # seconds; aiohttp waits for ever, for the rest of a body it cannot parse too

T = TypeVar("T")

_MEMBER = re.compile(r"field `([^`]+)`")


# The client hung up or went silent, or what it sent breaks its own framing or compression.
BROKEN = (web.RequestPayloadError, HttpProcessingError, ConnectionError, TimeoutError)


class InvalidJson(InvalidInput):
    kind = "invalid-json"
    title = "The body is not the JSON that is asked for"


async def read(request: web.Request, limit: int = MAX_BODY) -> bytes:
    """The whole body. Raises TooLarge beyond the limit, without reading on, and InvalidInput for
    one that does not arrive whole."""
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    if request.content.is_eof() and request.content.total_bytes <= limit:
        # It is all here already, as most bodies are: no need to wait, which costs a task.
        try:
            return request.content.read_nowait()
        except BROKEN:
            raise _broken() from None
    body = bytearray()
    try:
        while chunk := await asyncio.wait_for(request.content.readany(), SILENCE):
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except BROKEN:
        raise _broken() from None
    return bytes(body)


def _broken() -> InvalidInput:
    return InvalidInput(
        "the body breaks off, or is not encoded as its headers say",
        field="body",
        rule="body-broken",
    )


def decode(body: bytes, kind: type[T], *, field: str | None = None) -> T:
    """Decode JSON. Raises InvalidJson naming the place and the rule."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        rule, place = _explain(str(error))
        raise InvalidJson(rule, field=_join(field, place), rule="json-type") from None
    except RecursionError:
        raise InvalidJson("the JSON is nested too deeply", field=field, rule="json-depth") from None
    except UnicodeDecodeError:
        raise InvalidJson("the JSON is not UTF-8", field=field, rule="json-utf8") from None
    except msgspec.DecodeError as error:
        raise InvalidJson(str(error), field=field, rule="json-syntax") from None


def convert(values: object, kind: type[T]) -> T:
    """Texts from a query string or a path to a struct of typed members."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        rule, place = _explain(str(error))
        raise InvalidInput(rule, field=place, rule="parameter") from None


def _explain(message: str) -> tuple[str, str | None]:
    """msgspec says «Expected … - at `$.values[0].index`»: the rule and the place."""
    text, _, place = message.partition(" - at `")
    member = _MEMBER.search(text)  # missing or unknown; the place is what should hold it
    path = place.rstrip("`").removeprefix("$").removeprefix(".")
    return text, _join(path, member[1] if member else None)


def _join(field: str | None, place: str | None) -> str | None:
    return ".".join(part for part in (field, place) if part) or None


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"a body here has at most {limit} bytes", field="body", rule="body-limit")
