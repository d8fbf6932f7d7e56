"""The rules for the value of one item."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from registry.errors import InvalidAttribute, InvalidIdentifier
from registry.identifier import Identifier
from registry.template.template import ItemType, TemplateItem

MAX_NUMBER = 64  # characters

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


def check_text(item: TemplateItem, given: Any) -> str:
    """The text of a value, as it is stored. Raises InvalidAttribute: type, length or required."""
    if item.metadata.type is ItemType.STRING:
        text = _string(item, given)
    elif item.metadata.type is ItemType.NUMBER:
        text = _number(item, given)
    elif item.metadata.type is ItemType.DATE:
        text = _date(item, given)
    else:
        text = _reference(item, given)
    if not text and item.required:
        refuse(item.id_type, "required", f"{item.name} is required")
    if not item.metadata.min_length <= len(text) <= item.metadata.max_length:
        low, high = item.metadata.min_length, item.metadata.max_length
        refuse(item.id_type, "length", f"{item.name} has {low} to {high} characters")
    return text


def refuse(id_type: str, rule: str, detail: str) -> NoReturn:
    """Raise InvalidAttribute. An unknown type is told back no longer than a known one can be."""
    raise InvalidAttribute(detail, field=f"attributes.{_shown(id_type)}", rule=rule)


def _shown(id_type: str) -> str:
    return id_type[:128].encode("utf-8", "replace").decode()


def _string(item: TemplateItem, given: Any) -> str:
    if not isinstance(given, str):
        refuse(item.id_type, "type", f"{item.name} is a string")
    if "\0" in given or not _encodable(given):
        refuse(item.id_type, "type", f"{item.name} holds a NUL or half of a surrogate pair")
    return given


def _number(item: TemplateItem, given: Any) -> str:
    """A decimal number, as a JSON number or as text, which keeps its zeros."""
    text = given
    if isinstance(given, int | float) and not isinstance(given, bool):
        text = _plain(given)
    if not isinstance(text, str) or len(text) > MAX_NUMBER or not _NUMBER.fullmatch(text):
        refuse(item.id_type, "type", f"{item.name} is a decimal number, such as 12 or -0.5")
    return text


def _plain(number: int | float) -> str:
    """Without an exponent. One of hundreds of digits is refused before it is written out."""
    if abs(number) >= 10**MAX_NUMBER:
        return ""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def _date(item: TemplateItem, given: Any) -> str:
    try:
        if isinstance(given, str) and _DAY.fullmatch(given):
            date.fromisoformat(given)
            return given
        if isinstance(given, str) and _TIME.fullmatch(given):
            datetime.fromisoformat(given)
            return given
    except ValueError:
        pass
    refuse(
        item.id_type,
        "type",
        f"{item.name} is a day such as 2026-03-02, or a time such as 2026-03-02T08:30:00+08:00",
    )


def _reference(item: TemplateItem, given: Any) -> str:
    try:
        return Identifier.parse(given if isinstance(given, str) else "").text
    except InvalidIdentifier as error:
        refuse(item.id_type, "type", f"{item.name} is an identifier: {error.detail}")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
