"""What comes in: bodies and query parameters, checked in the API's own words. Members that nobody
knows are passed over, as the field's servers do."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from node.http import body as bodies
from node.snms import chinese
from node.snms.misformed import Misformed
from registry.database import storable

MAX_HANDLE = 255  # characters, as all of these
MAX_TYPE = 128
MAX_VALUE = 255
MAX_VERSION = 128
MAX_PREFIX = 64
MAX_BATCH = 2000

T = TypeVar("T")


async def read(request: web.Request, kind: type[T]) -> T:
    """The body. Raises Misformed, InvalidJson or TooLarge."""
    return convert(bodies.decode(await bodies.read(request), object), kind)


async def read_batch(request: web.Request) -> list[Any]:
    """The items of a batch, each still to be looked at. Raises Misformed for more than 2000."""
    content = await bodies.read(request, bodies.MAX_LIST_BODY)
    items = bodies.decode(content, object)
    if not isinstance(items, list):
        raise Misformed(chinese.wrong_type(""), field="body", rule="type")
    if len(items) > MAX_BATCH:
        raise Misformed(chinese.too_many(MAX_BATCH), field="body", rule="batch-limit")
    return items


def convert(content: object, kind: type[T]) -> T:
    """Numbers may come as text, as clients of the field send them. Raises Misformed."""
    try:
        return msgspec.convert(content, kind, strict=False)
    except msgspec.ValidationError as error:
        place = str(error).partition(" - at `")[2].rstrip("`").removeprefix("$").removeprefix(".")
        raise Misformed(chinese.wrong_type(place), field=place, rule="type") from None


def given(value: T | None, name: str) -> T:
    """A value that must be there. Raises Misformed."""
    if value is None:
        raise Misformed(chinese.missing(name), field=name, rule="required")
    return value


def text(value: str | None, name: str, most: int, *, empty: bool = False) -> str:
    """A text that must be there. Raises Misformed."""
    value = given(value, name)
    if not value and not empty:
        raise Misformed(chinese.missing(name), field=name, rule="required")
    if len(value) > most:
        raise Misformed(chinese.too_long(name, most), field=name, rule="length")
    if not storable(value):
        raise Misformed(chinese.unreadable(name), field=name, rule="text")
    return value


def parameter(request: web.Request, name: str, most: int) -> str:
    """A query parameter that must be there. Raises Misformed."""
    return text(request.query.get(name), name, most)


def optional(request: web.Request, name: str, most: int) -> str | None:
    """A query parameter; left empty it counts as left out. Raises Misformed."""
    return parameter(request, name, most) if request.query.get(name) else None


def flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() in ("true", "1")
