"""The body of a PUT: `{"values": [...]}`, a bare list of values, or one value."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from aiohttp import hdrs, web

from node.http import body as bodies
from registry.errors import InvalidInput
from registry.identifier import Identifier
from registry.record.archive import Form
from registry.record.value import ValueIn


@dataclass(frozen=True, slots=True)
class Content:
    """Values to write, and the handle that the body itself names, if it does."""

    values: tuple[ValueIn, ...]
    handle: str | None = None

    def check_handle(self, identifier: Identifier, form: Form) -> None:
        """Raise InvalidInput where the body is for another handle than the path."""
        if self.handle is None:
            return
        if form.canonical(self.handle) != identifier.canonical(form.case_sensitive):
            raise InvalidInput(
                "the handle in the body is not the one in the path",
                field="handle",
                rule="handle-mismatch",
            )


async def read(request: web.Request) -> Content:
    """Raises InvalidInput or TooLarge. Members that no one knows are passed over, as the field's
    servers do."""
    _check_media_type(request)
    body: object = bodies.decode(await bodies.read(request), object)
    if isinstance(body, list):
        return Content(_values(body))
    if not isinstance(body, dict):
        raise _shapeless()
    if "values" not in body:
        if not {"index", "type", "data"} & body.keys():
            raise _shapeless()
        return Content(_values([body]))
    handle = body.get("handle")
    if not isinstance(body["values"], list) or not (handle is None or isinstance(handle, str)):
        raise _shapeless()
    return Content(_values(body["values"]), handle)


def _check_media_type(request: web.Request) -> None:
    """JSON, or unsaid."""
    kind = request.content_type
    if hdrs.CONTENT_TYPE in request.headers and kind != "application/json":
        raise InvalidInput(
            f"Unsupported media type {kind}: send application/json",
            field="Content-Type",
            rule="media-type",
        )


def _values(items: list[object]) -> tuple[ValueIn, ...]:
    return tuple(_value(item, position) for position, item in enumerate(items))


def _value(item: object, position: int) -> ValueIn:
    try:
        return msgspec.convert(_with_text(item), ValueIn, strict=False)
    except msgspec.ValidationError as error:
        rule, _, place = str(error).partition(" - at `$")
        raise InvalidInput(
            rule, field=f"values[{position}]{place.rstrip('`')}", rule="json-type"
        ) from None


def _with_text(item: object) -> object:
    """A value whose data are a bare number or truth value means its text."""
    if isinstance(item, dict) and isinstance(item.get("data"), bool | int | float):
        return item | {"data": msgspec.json.encode(item["data"]).decode()}
    return item


def _shapeless() -> InvalidInput:
    return InvalidInput(
        "a body is an object with a list of `values`, a list of values, or one value",
        field="body",
        rule="body-shape",
    )
