"""The parts of a code pattern, and reading them from its text.

    SN-{yyyy}{mm}-{serial:06d}{check:mod10}

| field | stands for |
|---|---|
| `{serial:08d}` | the serial number, zero-padded; the width is 1 to 18 digits |
| `{random:12}` | that many random characters (1 to 32), see `RANDOM_ALPHABET` |
| `{yyyy}` `{yy}` | year, month, day, day of the year (3 digits) |
| `{mm}` `{dd}` `{doy}` | |
| `{gggg}` `{gg}` `{ww}` | ISO 8601 week and the year the week belongs to |
| `{check:mod10}` | GS1 check digit over the digits before it |
| `{check:mod37_36}` | ISO 7064 check character over the digits and letters before it |
| `{{` `}}` | a brace |

Every field has a fixed width, so a code can be taken apart again by position.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from enum import Enum, StrEnum
from typing import Final, NoReturn

import msgspec

from registry.code.check_digit import CheckDigit
from registry.errors import InvalidPattern
from registry.identifier import first_unprintable

MAX_SERIAL_WIDTH: Final = 18  # what a PostgreSQL bigint holds
MAX_RANDOM_WIDTH: Final = 32

# 32 characters, 5 bits each, without 0 O, 1 I: nothing that is read for something else.
RANDOM_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

_FIELD: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SERIAL_WIDTH: Final = re.compile(r"0?([1-9][0-9]?)d?")
_RANDOM_WIDTH: Final = re.compile(r"([1-9][0-9]?)")

# Field name: its width, and its text on a day.
_DATE_FIELDS: Final[dict[str, tuple[int, Callable[[date], str]]]] = {
    "yyyy": (4, lambda day: f"{day.year:04d}"),
    "yy": (2, lambda day: f"{day.year % 100:02d}"),
    "mm": (2, lambda day: f"{day.month:02d}"),
    "dd": (2, lambda day: f"{day.day:02d}"),
    "doy": (3, lambda day: f"{day.timetuple().tm_yday:03d}"),
    "gggg": (4, lambda day: f"{day.isocalendar().year:04d}"),
    "gg": (2, lambda day: f"{day.isocalendar().year % 100:02d}"),
    "ww": (2, lambda day: f"{day.isocalendar().week:02d}"),
}


class Rule(StrEnum):
    """The rules a pattern can break. The values are stable: clients branch on them."""

    BRACE = "unbalanced-brace"
    UNKNOWN_FIELD = "unknown-field"
    WIDTH = "field-width"
    CHECK_NAME = "check-name"
    NO_NUMBER = "no-serial-or-random"
    SECOND_NUMBER = "second-serial-or-random"
    SECOND_CHECK = "second-check"
    CHECK_ORDER = "check-before-what-it-checks"
    CHECK_COVER = "check-does-not-cover"
    WEEK_YEAR = "week-without-its-year"
    TOO_LONG = "pattern-too-long"
    UNPRINTABLE = "unprintable-character"
    EDGE_BLANK = "edge-blank"
    COMBINING = "combining-mark-after-field"


class Kind(Enum):
    LITERAL = "literal"
    DATE = "date"
    SERIAL = "serial"
    RANDOM = "random"
    CHECK = "check"


class Part(msgspec.Struct, frozen=True):
    """A literal or a field. `position` counts the pattern's characters from 1."""

    kind: Kind
    value: str  # the literal itself, or the field's name, or the check's
    width: int  # characters in the code
    position: int

    def placeholder(self) -> str:
        """This part as pattern text, in one spelling whatever was written."""
        match self.kind:
            case Kind.LITERAL:
                return self.value.replace("{", "{{").replace("}", "}}")
            case Kind.SERIAL:
                return f"{{serial:0{self.width}d}}"
            case Kind.RANDOM:
                return f"{{random:{self.width}}}"
            case Kind.CHECK:
                return f"{{check:{self.value}}}"
            case Kind.DATE:
                return f"{{{self.value}}}"

    def on(self, day: date | None) -> str:
        """The text of a literal or date part on that day (Asia/Shanghai)."""
        if self.kind is Kind.LITERAL:
            return self.value
        if day is None:
            raise ValueError(f"The pattern's field {{{self.value}}} needs a date.")
        return _DATE_FIELDS[self.value][1](day)


def read_parts(text: str) -> tuple[Part, ...]:
    """Take a pattern's text apart; adjoining literals are joined.

    Raises InvalidPattern for what is wrong with a part by itself.
    """
    parts: list[Part] = []
    literal, literal_at, end = "", 1, 0
    for token in _FIELD.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in {"{{", "}}"}:
            literal += token[0][0]
            continue
        if literal:
            parts.append(_literal(literal, literal_at, parts))
        literal, literal_at = "", end + 1
        parts.append(_field(token[1], token.start() + 1))
    literal += text[end:]
    if literal:
        parts.append(_literal(literal, literal_at, parts))
    return tuple(parts)


def refuse(rule: Rule, detail: str) -> NoReturn:
    """Raises InvalidPattern."""
    raise InvalidPattern(detail, field="pattern", rule=rule)


def _literal(text: str, position: int, before: list[Part]) -> Part:
    unprintable = first_unprintable(text)
    if unprintable:
        index, _, kind = unprintable
        refuse(
            Rule.UNPRINTABLE,
            f"The literal at character {position} contains U+{ord(text[index]):04X}, {kind}.",
        )
    # A mark would merge with the character that the field ends in, and the code change its length.
    if before and unicodedata.category(text[0]).startswith("M"):
        refuse(Rule.COMBINING, f"At character {position} a combining mark follows a field.")
    return Part(Kind.LITERAL, text, len(text), position)


def _field(body: str | None, position: int) -> Part:
    if body is None:
        refuse(
            Rule.BRACE,
            f"The brace at character {position} has no partner; a brace itself is written twice.",
        )
    name, _, specification = body.partition(":")
    if body in _DATE_FIELDS:
        return Part(Kind.DATE, name, _DATE_FIELDS[name][0], position)
    if name == "serial":
        width = _width(_SERIAL_WIDTH, specification, MAX_SERIAL_WIDTH, "{serial:08d}", position)
        return Part(Kind.SERIAL, name, width, position)
    if name == "random":
        width = _width(_RANDOM_WIDTH, specification, MAX_RANDOM_WIDTH, "{random:12}", position)
        return Part(Kind.RANDOM, name, width, position)
    if name == "check":
        return _check(specification, position)
    refuse(
        Rule.UNKNOWN_FIELD,
        f"At character {position}: there is no field {{{body}}}. Known are serial, random, check, "
        f"{', '.join(_DATE_FIELDS)}.",
    )


def _width(syntax: re.Pattern[str], text: str, most: int, example: str, position: int) -> int:
    width = syntax.fullmatch(text)
    if not width or int(width[1]) > most:
        refuse(
            Rule.WIDTH,
            f"The field at character {position} needs a width from 1 to {most}, as in {example}.",
        )
    return int(width[1])


def _check(name: str, position: int) -> Part:
    if name not in list(CheckDigit):
        refuse(
            Rule.CHECK_NAME,
            f"The check digit at character {position} is one of {', '.join(CheckDigit)}.",
        )
    return Part(Kind.CHECK, name, 1, position)
