"""Identifiers and prefixes: what is written, what it is compared as, and how it travels in URLs.

An identifier is `prefix/suffix`; the first slash ends the prefix. Text is kept as written, in
Unicode normal form C; the *canonical* form decides what counts as the same identifier. A value
that exists is a valid one: constructors refuse everything else with `InvalidIdentifier`, whose
`rule` is a member of `Rule` and whose `field` is `identifier`, `prefix` or `suffix`.

Printable means a graphic character in Unicode's sense (letters, marks, numbers, punctuation,
symbols, spaces). Refused with a reason of their own are therefore
- format characters (category Cf): bidirectional controls make one code look like another, and
  zero-width ones make two different codes look the same. Joined emoji go with them;
- private use, unassigned and surrogate code points: nobody can say what they look like. What is
  assigned follows the interpreter's Unicode tables, so a newer one can only accept more.
Spaces of any kind may stand inside, never at either end.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from itertools import pairwise
from typing import Final, NoReturn
from urllib.parse import quote, unquote_to_bytes

import msgspec

from registry.errors import InvalidIdentifier

MAX_IDENTIFIER_BYTES: Final = 255  # UTF-8, the slash included
MAX_PREFIX_BYTES: Final = 64  # UTF-8

# 255 bytes hold at most 127 characters that can be decomposed, into at most 4 each: nothing longer
# can shrink to a valid identifier, so it is refused before any work is spent on it.
_MAX_INPUT_CHARACTERS: Final = 4 * MAX_IDENTIFIER_BYTES

# What nearly every identifier looks like. A match needs no further look at its characters.
_PLAIN_PREFIX: Final = re.compile(r"[!-.0-~](?:[ -.0-~]*[!-.0-~])?")
_PLAIN_SUFFIX: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")

_SECONDARY: Final = re.compile(r"(?:86|88)\.[0-9]{3,5}")
_ENTERPRISE: Final = re.compile(r"[0-9]{2}\.[0-9]{3,5}\.[0-9]+")
_BARE: Final = re.compile(r"[0-9]+(?:\.[0-9A-Za-z_-]+)*")

_PREFIX_RECORDS: Final = "0.NA"  # the prefix under which a prefix itself is described

# Kept literal in URL paths: RFC 3986 unreserved (which `quote` adds) and what no client alters.
_URL_LITERAL: Final = ":@,"
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENTS: Final = frozenset({"", ".", ".."})


class System(StrEnum):
    """Identifier systems, in the spelling of the national node's routing tables."""

    VAA = "VAA"
    HANDLE = "Handle"
    OID = "OID"
    ECODE = "Ecode"
    GS1 = "GS1"
    DID = "DID:BID"


class Rule(StrEnum):
    """The rules an identifier can break. The values are stable: clients branch on them."""

    EMPTY = "empty"
    NO_SLASH = "no-slash"
    TOO_LONG = "too-long"
    PREFIX_EMPTY = "prefix-empty"
    PREFIX_SLASH = "prefix-slash"
    PREFIX_TOO_LONG = "prefix-too-long"
    PREFIX_SYNTAX = "prefix-syntax"
    SECONDARY_SYNTAX = "secondary-prefix-syntax"
    SUFFIX_EMPTY = "suffix-empty"
    EDGE_BLANK = "edge-blank"
    NUL = "nul"
    CONTROL = "control-character"
    LINE_SEPARATOR = "line-separator"
    FORMAT = "format-character"
    PRIVATE_USE = "private-use-character"
    UNASSIGNED = "unassigned-character"
    SURROGATE = "surrogate"
    BAD_ESCAPE = "bad-percent-escape"
    BAD_UTF8 = "bad-utf8"


_REFUSED_CATEGORIES: Final = {
    "Cc": (Rule.CONTROL, "a control character"),
    "Zl": (Rule.LINE_SEPARATOR, "a line separator"),
    "Zp": (Rule.LINE_SEPARATOR, "a paragraph separator"),
    "Cf": (Rule.FORMAT, "an invisible format character"),
    "Co": (Rule.PRIVATE_USE, "a private-use character"),
    "Cn": (Rule.UNASSIGNED, "a code point that Unicode has not assigned"),
    "Cs": (Rule.SURROGATE, "half of a surrogate pair"),
}


class Prefix(msgspec.Struct, frozen=True):
    """A prefix of any node: 1 to 64 bytes of printable text without a slash, in NFC.

    21.T14999, 0.NA and 88.118.8L exist in the field; `strict` is for those this node allocates.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text:
            _refuse("prefix", Rule.PREFIX_EMPTY, "The prefix is empty.")
        if len(self.text) <= MAX_PREFIX_BYTES and _PLAIN_PREFIX.fullmatch(self.text):
            return
        msgspec.structs.force_setattr(self, "text", _checked_prefix(self.text))

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Any prefix. Raises InvalidIdentifier."""
        return cls(text)

    @classmethod
    def strict(cls, text: str) -> Prefix:
        """A prefix this node may allocate: `country.industry.enterprise` in ASCII digits, of
        2, 3 to 5 and 1 or more; leading zeros are significant. Raises InvalidIdentifier."""
        prefix = cls(text)
        if not _ENTERPRISE.fullmatch(prefix.text):
            _refuse(
                "prefix",
                Rule.PREFIX_SYNTAX,
                "An enterprise prefix is 2 digits, a dot, 3 to 5 digits, a dot and digits.",
            )
        return prefix

    @classmethod
    def secondary(cls, text: str) -> Prefix:
        """A secondary node's own prefix: 86 or 88, a dot, 3 to 5 digits.
        Raises InvalidIdentifier."""
        prefix = cls(text)
        if not _SECONDARY.fullmatch(prefix.text):
            _refuse(
                "prefix",
                Rule.SECONDARY_SYNTAX,
                "A secondary node's prefix is 86 or 88, a dot and 3 to 5 digits.",
            )
        return prefix

    def is_under(self, secondary: Prefix | str) -> bool:
        """Whether this prefix was derived from `secondary`: 88.608.5288 is, from 88.608; no
        prefix is under itself."""
        above = secondary if isinstance(secondary, Prefix) else Prefix(secondary)
        return self.canonical.startswith(above.canonical + ".")

    @property
    def canonical(self) -> str:
        """The form in which prefixes are compared; they never distinguish ASCII case."""
        return fold_case(self.text)

    @property
    def record(self) -> Identifier:
        """The identifier under which the prefix itself is described: 0.NA/<prefix>."""
        return Identifier(_PREFIX_RECORDS, self.text)

    def __str__(self) -> str:
        return self.text


class Identifier(msgspec.Struct, frozen=True):
    """`prefix/suffix`, as written and in NFC, at most 255 bytes of UTF-8.

    `==` compares spellings; whether two spellings name the same thing is for `canonical`.
    """

    prefix: str
    suffix: str

    def __post_init__(self) -> None:
        prefix, suffix = self.prefix, self.suffix
        if (
            len(prefix) <= MAX_PREFIX_BYTES
            and len(prefix) + len(suffix) < MAX_IDENTIFIER_BYTES
            and _PLAIN_PREFIX.fullmatch(prefix)
            and _PLAIN_SUFFIX.fullmatch(suffix)
        ):
            return
        prefix, suffix = _checked_parts(prefix, suffix)
        msgspec.structs.force_setattr(self, "prefix", prefix)
        msgspec.structs.force_setattr(self, "suffix", suffix)

    @classmethod
    def parse(cls, text: str) -> Identifier:
        """Read `prefix/suffix`. Raises InvalidIdentifier.

        Nothing is trimmed or guessed: other spellings (`hdl:`, URLs) are for `registry.spelling`.
        """
        prefix, slash, suffix = text.partition("/")
        if not slash:
            if not text:
                _refuse("identifier", Rule.EMPTY, "The identifier is empty.")
            _refuse("identifier", Rule.NO_SLASH, "An identifier is a prefix, a slash and a suffix.")
        return cls(prefix, suffix)

    @property
    def text(self) -> str:
        """The identifier as written."""
        return f"{self.prefix}/{self.suffix}"

    @property
    def canonical_prefix(self) -> str:
        """The prefix as compared; prefixes never distinguish ASCII case."""
        return fold_case(self.prefix)

    def canonical_suffix(self, case_sensitive: bool = False) -> str:
        """The suffix as compared. `case_sensitive` is the database's setting.

        Under 0.NA the suffix is a prefix, which no setting makes case-sensitive.
        """
        if case_sensitive and self.canonical_prefix != _PREFIX_RECORDS:
            return self.suffix
        return fold_case(self.suffix)

    def canonical(self, case_sensitive: bool = False) -> str:
        """The form that decides what is the same identifier; tags, hashes and counts use it."""
        return f"{self.canonical_prefix}/{self.canonical_suffix(case_sensitive)}"

    @property
    def system(self) -> System:
        """VAA for 86 and 88 and for what has the shape of its prefixes, Handle for the rest.

        10, 20 and 21 belong to the Handle system, though 20.500.12345 has VAA's shape too.
        """
        country = self.prefix.partition(".")[0]
        if country in {"86", "88"}:
            return System.VAA
        if country in {"10", "20", "21"} or not _ENTERPRISE.fullmatch(self.prefix):
            return System.HANDLE
        return System.VAA

    def __str__(self) -> str:
        return self.text


def fold_case(text: str) -> str:
    """ASCII letters in upper case, all others untouched, in NFC.

    Normalised again, because upper-casing can create a composable pair: i + U+0307 has no
    composed form, I + U+0307 has one (U+0130).
    """
    if text.isascii():
        return text.upper()
    # bytes.upper changes ASCII letters alone.
    return unicodedata.normalize("NFC", text.encode().upper().decode())


def bare_prefix(text: str) -> Prefix | None:
    """The prefix if `text` is one without a suffix (88.118.9, 0.NA), otherwise None.

    Dotted labels beginning with a number; an OID or a GTIN has that shape too, so ask
    `registry.spelling.recognise` where those are welcome.
    """
    if len(text) > MAX_PREFIX_BYTES or not _BARE.fullmatch(text):
        return None
    return Prefix(text)


def from_url_path(raw: str) -> str:
    """Decode the identifier's part of a request path, in which any byte may come encoded.

    `raw` is the path as received (never the query), bytes beyond ASCII either percent-encoded or
    as UTF-8; undecodable ones may be surrogate escapes. `+` is a plus sign. The result is text, to
    be given to `Identifier.parse`. Raises InvalidIdentifier.
    """
    bad = _BAD_ESCAPE.search(raw)
    if bad:
        _refuse(
            "identifier",
            Rule.BAD_ESCAPE,
            f"At character {bad.start() + 1} a % is not followed by two hexadecimal digits.",
        )
    try:
        text = unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode()
    except UnicodeError:
        _refuse("identifier", Rule.BAD_UTF8, "The percent-decoded bytes are not UTF-8.")
    if "\0" in text:
        _refuse("identifier", Rule.NUL, "The identifier contains a NUL byte.")
    return text


def to_url_path(identifier: Identifier | Prefix) -> str:
    """Encode for a URL path so that `from_url_path` gives the same text back.

    Browsers and clients remove `.` and `..` segments (even spelt %2E), proxies merge `//` and cut
    a trailing slash; none of them takes %2F for a separator. So a slash beside an empty or dot
    segment is encoded and all other slashes stay, as some proxies refuse %2F where it is not
    needed.
    """
    segments = str(identifier).split("/")
    path = quote(segments[0], safe=_URL_LITERAL)
    for left, right in pairwise(segments):
        slash = "%2F" if left in _DOT_SEGMENTS or right in _DOT_SEGMENTS else "/"
        path += slash + quote(right, safe=_URL_LITERAL)
    return path


def first_unprintable(text: str) -> tuple[int, Rule, str] | None:
    """Index, rule and name of the first character that no identifier may hold, None if all may."""
    if text.isprintable():  # stricter only about blanks, so True decides and False does not
        return None
    for index, character in enumerate(text):
        refused = _REFUSED_CATEGORIES.get(unicodedata.category(character))
        if refused:
            rule, kind = refused
            return index, Rule.NUL if character == "\0" else rule, kind
    return None


def _checked_prefix(text: str) -> str:
    """The prefix in NFC, or the reason why it is none."""
    if len(text) > _MAX_INPUT_CHARACTERS:
        _refuse("prefix", Rule.PREFIX_TOO_LONG, "The prefix is longer than 64 bytes.")
    _check_printable("prefix", text)
    text = unicodedata.normalize("NFC", text)
    if not text:
        _refuse("prefix", Rule.PREFIX_EMPTY, "The prefix is empty.")
    if "/" in text:
        _refuse("prefix", Rule.PREFIX_SLASH, "A prefix contains no slash.")
    if len(text.encode()) > MAX_PREFIX_BYTES:
        _refuse("prefix", Rule.PREFIX_TOO_LONG, "The prefix is longer than 64 bytes.")
    return text


def _checked_parts(prefix: str, suffix: str) -> tuple[str, str]:
    """Both parts in NFC, or the reason why they make no identifier.

    They can be normalised apart: a slash composes with nothing.
    """
    if len(prefix) + len(suffix) > _MAX_INPUT_CHARACTERS:
        _refuse("identifier", Rule.TOO_LONG, "The identifier is longer than 255 bytes.")
    prefix = _checked_prefix(prefix)
    if not suffix:
        _refuse("suffix", Rule.SUFFIX_EMPTY, "The suffix is empty.")
    _check_printable("suffix", suffix)
    suffix = unicodedata.normalize("NFC", suffix)
    if len(prefix.encode()) + 1 + len(suffix.encode()) > MAX_IDENTIFIER_BYTES:
        _refuse("identifier", Rule.TOO_LONG, "The identifier is longer than 255 bytes.")
    return prefix, suffix


def _check_printable(part: str, text: str) -> None:
    refused = first_unprintable(text)
    if refused:
        index, rule, kind = refused
        code_point = f"U+{ord(text[index]):04X}"
        _refuse(part, rule, f"Character {index + 1} of the {part}, {code_point}, is {kind}.")
    if text and (text[0].isspace() or text[-1].isspace()):
        _refuse(part, Rule.EDGE_BLANK, f"The {part} begins or ends with a blank.")


def _refuse(field: str, rule: Rule, detail: str) -> NoReturn:
    raise InvalidIdentifier(detail, field=field, rule=rule)
