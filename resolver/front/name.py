"""Which names below the zone stand for which identifiers.

    88.118.1/SN1      sn1.1.118.88.<zone>
    88.118.1/灯.1     su0qubhh._b32.1.118.88.<zone>

The prefix is reversed, so that what belongs to one enterprise ends alike. Before it stands the
suffix: as one label, octet by octet; or, marked by the label `_b32`, its UTF-8 in base32hex
(RFC 4648 §7) without padding, cut so that all labels but the first have 63 characters. Every suffix
has the second form where it fits into a name's 255 octets; the first is short and readable, and has
room for 63 octets.

The DNS doesn't distinguish the case of ASCII letters, and resolvers may change it on the way. So
doesn't the comparison form of suffixes, unless the database says so: then the first form is for
suffixes without letters alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

import dns.exception
import dns.name

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier, Prefix

MARK = b"_b32"
MAX_LABEL = 63
_PREFIX_LABELS = (re.compile(rb"[0-9]+"), re.compile(rb"[0-9]{3,5}"), re.compile(rb"[0-9]{2}"))
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,63}")
_BLOCK = 8  # characters of base32 that stand for 5 octets


@dataclass(frozen=True, slots=True)
class Place:
    """What may stand at a name. `prefix` is the one it stands under, None above all prefixes.
    `on_the_way` says that longer names may end in this one: it may be there without a record."""

    prefix: str | None = None
    identifier: Identifier | None = None
    on_the_way: bool = False


def place_of(labels: Sequence[bytes], *, case_sensitive: bool) -> Place | None:
    """What stands at the name of these labels below the zone; None where nothing can."""
    ending = labels[-len(_PREFIX_LABELS) :]
    patterns = _PREFIX_LABELS[-len(ending) :]
    if not all(pattern.fullmatch(label) for pattern, label in zip(patterns, ending, strict=True)):
        return None
    if len(ending) < len(_PREFIX_LABELS):
        return Place(on_the_way=True)
    before = labels[: -len(_PREFIX_LABELS)]
    try:
        prefix = Prefix.strict(".".join(label.decode() for label in reversed(ending))).text
    except InvalidIdentifier:
        return None
    if not before:
        return Place(prefix, on_the_way=True)
    if before[-1].lower() == MARK:
        return _encoded(prefix, before[:-1])
    if len(before) > 1 or (case_sensitive and before[0].lower() != before[0].upper()):
        return None
    return _placed(prefix, before[0])


def name_of(
    identifier: Identifier, zone: dns.name.Name, *, case_sensitive: bool
) -> dns.name.Name | None:
    """The shorter name of an identifier; None where it fits into none or its prefix is not of the
    form that this node allocates."""
    ending = [label.encode() for label in reversed(identifier.prefix.split("."))]
    plain = _is_plain(identifier.suffix, case_sensitive)
    before = [identifier.suffix.lower().encode()] if plain else _pieces(identifier.suffix)
    try:
        Prefix.strict(identifier.prefix)
        return dns.name.Name([*before, *ending, *zone.labels])
    except (InvalidIdentifier, dns.name.LabelTooLong, dns.name.NameTooLong):
        return None


def _is_plain(suffix: str, case_sensitive: bool) -> bool:
    """Whether the readable form is one that every tool can write."""
    if case_sensitive and suffix.lower() != suffix.upper():
        return False
    return bool(_PLAIN.fullmatch(suffix)) and suffix.lower().encode() != MARK


def _pieces(suffix: str) -> list[bytes]:
    text = base64.b32hexencode(suffix.encode()).rstrip(b"=").lower()
    first = len(text) % MAX_LABEL or MAX_LABEL
    rest = [text[at : at + MAX_LABEL] for at in range(first, len(text), MAX_LABEL)]
    return [text[:first], *rest, MARK]


def _encoded(prefix: str, pieces: Sequence[bytes]) -> Place | None:
    if any(len(piece) != MAX_LABEL for piece in pieces[1:]):
        return None
    # Names of longer suffixes end in labels that are full.
    on_the_way = not pieces or len(pieces[0]) == MAX_LABEL
    octets = _decoded(b"".join(pieces))
    return _placed(prefix, octets, on_the_way=on_the_way)


def _decoded(text: bytes) -> bytes:
    """What the text is the encoding of; nothing where it is none's."""
    try:
        octets = base64.b32hexdecode(text.upper() + b"=" * (-len(text) % _BLOCK))
    except binascii.Error:
        return b""
    # Bits behind the last octet must be zero, or one suffix would have several names.
    again = base64.b32hexencode(octets).rstrip(b"=")
    return octets if again == text.upper() else b""


def _placed(prefix: str, octets: bytes, *, on_the_way: bool = False) -> Place | None:
    try:
        identifier = Identifier(prefix, octets.decode()) if octets else None
    except (InvalidIdentifier, UnicodeDecodeError):
        identifier = None
    return Place(prefix, identifier, on_the_way) if identifier or on_the_way else None
