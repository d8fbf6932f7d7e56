"""The JSON form of everything in here: canonical, so that the same content has the same bytes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from award.facts.file import from_written
from award.money import Rate, Yuan
from registry.errors import InvalidInput

T = TypeVar("T")


class InvalidForm(InvalidInput):
    kind = "invalid-award-json"
    title = "Not the JSON that was expected"


def encode(value: object) -> bytes:
    """Keys sorted, no blanks, sums of money as texts: for signatures and digests."""
    return msgspec.json.encode(value, enc_hook=_plain, order="sorted")


def decode(content: bytes, kind: type[T], name: str) -> T:
    """Raises InvalidForm naming what it was and where it is wrong."""
    try:
        return msgspec.json.decode(content, type=kind, dec_hook=from_written)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidForm(f"{name}：{error}", field=name, rule="json") from None


def builtins(value: object) -> Any:
    """As JSON would hold it, for printing."""
    return msgspec.to_builtins(value, enc_hook=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Yuan | Rate):
        return str(Decimal(value))
    raise NotImplementedError(type(value))
