"""Query parameters of the Handle JSON API."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from registry.errors import InvalidInput
from registry.record.value import MAX_INDEX, MAX_TYPE_BYTES
from resolver.query import MAX_FILTERS

VARIOUS = "various"
_FLAGS = {"": True, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which values a request is about: those of these indexes or types."""

    indexes: frozenset[int]
    types: frozenset[str]

    @classmethod
    def of(cls, request: web.Request) -> Filter:
        """Raises InvalidInput."""
        types = frozenset(request.query.getall("type", []))
        _check_number("type", types)
        if any(len(type_) > MAX_TYPE_BYTES for type_ in types):
            raise refused("type", f"a type has at most {MAX_TYPE_BYTES} bytes")
        return cls(indexes(request), types)


def indexes(request: web.Request) -> frozenset[int]:
    """All of the repeatable `index`. Raises InvalidInput."""
    texts = frozenset(request.query.getall("index", []))
    _check_number("index", texts)
    return frozenset(_whole("index", text, MAX_INDEX) for text in texts)


def written_indexes(request: web.Request) -> frozenset[int] | None:
    """The indexes a PUT names; None for `index=various`, which leaves naming them to the body."""
    return None if VARIOUS in request.query.getall("index", []) else indexes(request)


def flag(request: web.Request, name: str, default: bool) -> bool:
    """True or false, the last one said. A name without a value means true. Raises InvalidInput."""
    if name not in request.query:
        return default
    try:
        return _FLAGS[request.query.getall(name)[-1].lower()]
    except KeyError:
        raise refused(name, f"{name} is true or false") from None


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """A whole number; below zero stands for the default, as the field's clients have it."""
    text = request.query.get(name)
    if text is None:
        return default
    return default if text.startswith("-") else _whole(name, text, most)


def refused(name: str, rule: str) -> InvalidInput:
    return InvalidInput(rule, field=name, rule="parameter")


def _whole(name: str, text: str, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most:
        return int(text)
    raise refused(name, f"{name} is a whole number up to {most}")


def _check_number(name: str, texts: frozenset[str]) -> None:
    if len(texts) > MAX_FILTERS:
        raise refused(name, f"{name} stands at most {MAX_FILTERS} times")
