"""Code patterns: how an enterprise's next codes (the suffixes of its identifiers) look.

`registry.code.part` lists the fields. A pattern has exactly one serial or random field; with a
serial, codes are numbered 1 to `capacity` within a *scope*, which is the pattern with its date
fields filled in and its spelling evened out. All lines and patterns of a prefix that arrive at the
same scope share one counter, so they never hand out a code twice; a pattern that names the day
starts at 1 every day.

Scopes keep apart what one pattern can produce. Two *different* scopes can still meet in a code
(`A1{serial:01d}` and `A{serial:02d}`, or anything beside `{random:3}`), and so can codes that were
registered without a reservation. Whoever stores reservations must therefore let a unique key on
(prefix, comparison form of the code) have the last word and take the next serial, or draw again,
for each code refused. `may_meet` tells in advance whether two patterns can meet at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from registry.code.check_digit import CheckDigit
from registry.code.part import RANDOM_ALPHABET, Kind, Part, Rule, read_parts, refuse
from registry.errors import CodesExhausted
from registry.identifier import MAX_IDENTIFIER_BYTES, MAX_PREFIX_BYTES, fold_case

# Whatever the prefix, prefix/code stays within the limit of an identifier.
MAX_CODE_BYTES: Final = MAX_IDENTIFIER_BYTES - 1 - MAX_PREFIX_BYTES
_MAX_PATTERN_CHARACTERS: Final = 1024  # more than any valid pattern has

_NUMBERS: Final = frozenset({Kind.SERIAL, Kind.RANDOM})
_DIGITS: Final = frozenset("0123456789")
_RANDOM: Final = frozenset(RANDOM_ALPHABET)
_RANDOM_OF_BYTE: Final = (RANDOM_ALPHABET * 8).encode()  # 256 bytes: 8 to each character, no bias


@dataclass(frozen=True, slots=True)
class Pattern:
    """A valid code pattern. Dates are production days in Asia/Shanghai.

    The constructor raises InvalidPattern with a member of `registry.code.part.Rule`.
    """

    text: str
    parts: tuple[Part, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.text) > _MAX_PATTERN_CHARACTERS:
            refuse(Rule.TOO_LONG, f"A pattern has at most {_MAX_PATTERN_CHARACTERS} characters.")
        text = unicodedata.normalize("NFC", self.text)
        parts = read_parts(text)
        _check_number(parts)
        _check_check(parts)
        _check_weeks(parts)
        _check_size(parts)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "parts", parts)

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern. Raises InvalidPattern."""
        return cls(text)

    @property
    def is_serial(self) -> bool:
        """Whether codes are numbered; otherwise they are drawn at random."""
        return self._number.kind is Kind.SERIAL

    @property
    def is_dated(self) -> bool:
        """Whether a code depends on the day."""
        return any(part.kind is Kind.DATE for part in self.parts)

    @property
    def capacity(self) -> int:
        """How many codes one scope holds: serials 1 to this, or this many random texts."""
        if self.is_serial:
            return int(10**self._number.width) - 1
        return int(len(RANDOM_ALPHABET) ** self._number.width)

    def scope(self, on: date | None = None) -> str:
        """The key of the counter that codes of this day are numbered with.

        It is itself the text of a pattern, with literals in the comparison form of codes:
        `sn{yy}-{serial:4d}` gives `SN26-{serial:04d}`. Raises ValueError if a date is needed.
        """
        filled = (
            Part(Kind.LITERAL, fold_case(part.on(on)), part.width, 0)
            if part.kind in {Kind.LITERAL, Kind.DATE}
            else part
            for part in self.parts
        )
        return "".join(part.placeholder() for part in filled)

    def format(
        self, *, serial: int | None = None, token: str | None = None, on: date | None = None
    ) -> str:
        """The code of a serial number, or of a random text from `RANDOM_ALPHABET`.

        Raises CodesExhausted for a serial beyond `capacity`, ValueError for an argument that is
        missing or does not belong to this pattern.
        """
        if self.is_serial:
            if serial is None or token is not None:
                raise ValueError("This pattern takes a serial.")
            return next(self.expand(serial, 1, on))
        if token is None or serial is not None:
            raise ValueError("This pattern takes a token.")
        if len(token) != self._number.width or not _RANDOM.issuperset(token):
            raise ValueError("The token is not one of this pattern's random texts.")
        return self._encoder(on)(token)

    def expand(self, first: int, count: int, on: date | None = None) -> Iterator[str]:
        """The codes of `count` serials from `first`, in order, lazily.

        Raises, before the first code, CodesExhausted where they go beyond `capacity` and
        ValueError where `first` or `count` is below 1 or the pattern has no serial.
        """
        if not self.is_serial or first < 1 or count < 1:
            raise ValueError("Serials are whole numbers from 1, of a pattern that has a serial.")
        if first + count - 1 > self.capacity:
            raise CodesExhausted(
                f"The pattern {self.text} has {self.capacity} codes in this scope; serials "
                f"{first} to {first + count - 1} were asked for.",
                field="count",
                rule="capacity",
            )
        encode, width = self._encoder(on), self._number.width
        return (encode(f"{serial:0{width}d}") for serial in range(first, first + count))

    def draw(
        self, count: int, random_bytes: Callable[[int], bytes], on: date | None = None
    ) -> list[str]:
        """`count` different random codes. `random_bytes` is `secrets.token_bytes` or its equal.

        Two calls can give the same code: see the module's text. Raises CodesExhausted if more than
        half of all codes are wanted, for then they can be guessed; ValueError if the pattern is
        not a random one.
        """
        if self.is_serial or count < 1:
            raise ValueError("Only a pattern with a random field can be drawn from.")
        if count > self.capacity // 2:
            raise CodesExhausted(
                f"The pattern {self.text} has {self.capacity} random codes; {count} is more than "
                "half of them.",
                field="count",
                rule="capacity",
            )
        width = self._number.width
        tokens: dict[str, None] = {}  # a set that keeps the order of drawing
        while len(tokens) < count:
            tokens[random_bytes(width).translate(_RANDOM_OF_BYTE).decode()] = None
        encode = self._encoder(on)
        return [encode(token) for token in tokens]

    def match(
        self, code: str, on: date | None = None, *, case_sensitive: bool = False
    ) -> int | str | None:
        """The serial (or the random text) of a code of this pattern, None for any other code.

        Inverse of `format`. Without a date, digits that could be a date's fit every date field.
        """
        text = unicodedata.normalize("NFC", code)
        if not case_sensitive:
            text = fold_case(text)
        found = re.fullmatch(self._expression(on, case_sensitive), text)
        if not found:
            return None
        parts = found.groupdict()
        if self._check and parts["check"] != self._check.of(text[: found.start("check")]):
            return None
        if not self.is_serial:
            return parts["random"]
        return int(parts["serial"]) or None  # 0 is never handed out

    def may_meet(self, other: Pattern) -> bool:
        """Whether some code of this pattern could be a code of the other, on any days.

        False is certain; True may still be ruled out by check digits or the calendar.
        """
        mine, theirs = self._alphabets, other._alphabets
        return len(mine) == len(theirs) and all(
            not a.isdisjoint(b) for a, b in zip(mine, theirs, strict=True)
        )

    @property
    def _number(self) -> Part:
        return next(part for part in self.parts if part.kind in _NUMBERS)

    @property
    def _check(self) -> CheckDigit | None:
        return next((CheckDigit(p.value) for p in self.parts if p.kind is Kind.CHECK), None)

    @property
    def _alphabets(self) -> list[frozenset[str]]:
        """What may stand at each position of a code, in comparison form."""
        alphabets: list[frozenset[str]] = []
        for part in self.parts:
            if part.kind is Kind.LITERAL:
                alphabets += map(frozenset, fold_case(part.value))
            else:
                alphabets += [_alphabet(part)] * part.width
        return alphabets

    def _encoder(self, on: date | None) -> Callable[[str], str]:
        """The function from the number's text to the code, with all else computed once."""
        kinds = [part.kind for part in self.parts]
        number, check = kinds.index(self._number.kind), self._check
        end = kinds.index(Kind.CHECK) if check else len(kinds)
        head, middle, tail = (
            "".join(part.on(on) for part in parts)
            for parts in (self.parts[:number], self.parts[number + 1 : end], self.parts[end + 1 :])
        )
        if check is None:
            return lambda text: f"{head}{text}{middle}"
        digit, before, after = check.of_covered, check.covered(head), check.covered(middle)
        return lambda text: f"{head}{text}{middle}{digit(before + text + after)}{tail}"

    def _expression(self, on: date | None, case_sensitive: bool) -> str:
        """A regular expression whose groups are the number and the check digit."""
        expression = ""
        for part in self.parts:
            if part.kind is Kind.LITERAL or (part.kind is Kind.DATE and on):
                text = part.on(on)
                expression += re.escape(text if case_sensitive else fold_case(text))
            elif part.kind is Kind.DATE:
                expression += f"[0-9]{{{part.width}}}"
            else:
                characters = "".join(sorted(_alphabet(part)))
                expression += f"(?P<{part.kind.value}>[{characters}]{{{part.width}}})"
        return expression


def _alphabet(part: Part) -> frozenset[str]:
    """What the characters of a field may be."""
    if part.kind is Kind.RANDOM:
        return _RANDOM
    return CheckDigit(part.value).characters if part.kind is Kind.CHECK else _DIGITS


def _check_number(parts: tuple[Part, ...]) -> None:
    numbers = [part for part in parts if part.kind in _NUMBERS]
    if not numbers:
        refuse(Rule.NO_NUMBER, "A pattern needs a field {serial:08d} or {random:12}.")
    if len(numbers) > 1:
        refuse(
            Rule.SECOND_NUMBER,
            f"At character {numbers[1].position} stands a second serial or random field.",
        )


def _check_check(parts: tuple[Part, ...]) -> None:
    at = [index for index, part in enumerate(parts) if part.kind is Kind.CHECK]
    if not at:
        return
    if len(at) > 1:
        refuse(
            Rule.SECOND_CHECK,
            f"At character {parts[at[1]].position} stands a second check digit.",
        )
    check = parts[at[0]]
    late = next((p for p in parts[at[0] + 1 :] if p.kind is not Kind.LITERAL), None)
    if late:
        refuse(
            Rule.CHECK_ORDER,
            f"The check digit at character {check.position} stands before the field at character "
            f"{late.position}, which it is to check.",
        )
    if check.value == CheckDigit.MOD10 and any(part.kind is Kind.RANDOM for part in parts):
        refuse(
            Rule.CHECK_COVER,
            f"The check digit at character {check.position} covers digits alone, a random field "
            "has letters too: use {check:mod37_36}.",
        )


def _check_weeks(parts: tuple[Part, ...]) -> None:
    """1 January can lie in week 53 of the year before: yyyy with ww would name a wrong week."""
    dates = {part.value: part for part in parts if part.kind is Kind.DATE}
    year, week_year = dates.keys() & {"yyyy", "yy"}, dates.keys() & {"gggg", "gg"}
    if "ww" in dates and year and not week_year:
        refuse(
            Rule.WEEK_YEAR,
            f"The week at character {dates['ww'].position} belongs to the year {{gggg}} or {{gg}}, "
            "which around New Year is not that of the calendar.",
        )


def _check_size(parts: tuple[Part, ...]) -> None:
    size = sum(len(p.value.encode()) if p.kind is Kind.LITERAL else p.width for p in parts)
    if size > MAX_CODE_BYTES:
        refuse(
            Rule.TOO_LONG,
            f"Codes of this pattern have {size} bytes, and more than {MAX_CODE_BYTES} do not fit "
            "behind every prefix.",
        )
    first, last = parts[0], parts[-1]
    if first.kind is Kind.LITERAL and first.value[0].isspace():
        refuse(Rule.EDGE_BLANK, "At character 1 the pattern begins with a blank.")
    if last.kind is Kind.LITERAL and last.value[-1].isspace():
        refuse(Rule.EDGE_BLANK, f"The literal at character {last.position} ends in a blank.")
