"""What people write, scan or paste, and the identifier they mean.

| written | means |
|---|---|
| `88.608.5288/abc` | that identifier |
| `hdl:88.608.5288/abc` | the same; what follows `hdl:` is text, not percent-encoded |
| `https://hdl.handle.net/88.608.5288/abc` | the same, percent-decoded; query and fragment dropped |
| `88.608.5288` | the prefix, described by the identifier `0.NA/88.608.5288` |
| `urn:oid:1.2.156`, `1.2.156` | an OID (ITU-T X.660) |
| `did:bid:ef…` | a BID |
| `https://…/01/{gtin}/10/{batch}/21/{serial}` | a GS1 Digital Link |
| 8, 12, 13 or 14 digits | a GTIN; its check digit must be right |
| `ecode:…`, or V, NSI and MD run together | an Ecode (GB/T 31866) |

One text can have the shape of two systems. Then an OID goes before a prefix (no prefix begins
with 0, 1 or 2 alone but 0.NA, which is no OID), a GTIN before an Ecode (`ecode:` in front decides
otherwise), and an Ecode before a prefix of digits alone.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NoReturn
from urllib.parse import quote

import msgspec
from stdnum import ean

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier, System, bare_prefix, from_url_path
from registry.identifier import Rule as IdentifierRule

# Hosts that serve handles at the root of their URLs.
HANDLE_PROXIES: Final = frozenset({"hdl.handle.net", "doi.org", "dx.doi.org"})

_MAX_CHARACTERS: Final = 2048  # a URL with every byte of an identifier encoded stays below

_URL: Final = re.compile(
    r"(?i:https?)://(?:[^/?#@]*@)?([^/?#:@]+)(?::[0-9]*)?(/[^?#]*)?(?:[?#].*)?"
)
_SCHEMES: Final = frozenset({"hdl", "urn", "did", "ecode", "http", "https"})
_OID: Final = re.compile(
    r"(?:[01]\.(?:[0-9]|[12][0-9]|3[0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))*"
)
_BID: Final = re.compile(r"(?i:did:bid:)((?:[A-Za-z0-9]{4}:)?[A-Za-z0-9]{22,42})")
_ECODE: Final = re.compile(
    r"1[0-9]{4}[0-9]{1,20}|2[0-9]{4}[0-9]{1,28}|3[0-9A-Za-z]{5}[0-9A-Za-z]{1,39}"
)
_GTIN: Final = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_GTIN_IN_PATH: Final = re.compile(r"(?:^|/)01/([^/]*)((?:/[^/]*)*)$")

# Application identifiers that may follow a GTIN in the path, in the order of GS1 Digital Link:
# consumer product variant, batch, serial number. Values: GS1 character set 82.
_QUALIFIERS: Final = ("22", "10", "21")
_QUALIFIER_VALUE: Final = re.compile(r"[!\"%-?A-Z_a-z]{1,20}")


class Rule(StrEnum):
    """The rules of spellings, beyond those of identifiers. The values are stable."""

    UNKNOWN = "unknown-spelling"
    UNKNOWN_URL = "unknown-url"
    OID = "oid-syntax"
    BID = "bid-syntax"
    ECODE = "ecode-syntax"
    GTIN_SYNTAX = "gtin-syntax"
    GTIN_CHECK_DIGIT = "gtin-check-digit"
    GTIN_QUALIFIER = "gtin-qualifier"


class Recognised(msgspec.Struct, frozen=True):
    """What a spelling means.

    `text` is canonical within `system`: `prefix/suffix` or a bare prefix as written (its case
    counts only where the database says so); an OID in dots; `did:bid:…`; an Ecode as V, NSI and
    MD; GS1: 14 digits, followed where the link had them by `/22/…`, `/10/…`, `/21/…` in this order,
    percent-encoded.
    `identifier` is what to look up where the system has identifiers of the form prefix/suffix.
    """

    system: System
    text: str
    identifier: Identifier | None = None


def recognise(text: str, proxies: frozenset[str] = HANDLE_PROXIES) -> Recognised:
    """Read what a person gave. Blanks around it are dropped.

    `proxies` are the lower-case hosts at whose URLs a handle follows the first slash; a node adds
    its own. Raises InvalidIdentifier with a member of this module's `Rule` or of the identifier's.
    """
    text = text.strip()
    if len(text) > _MAX_CHARACTERS:
        _refuse(Rule.UNKNOWN, "This is longer than any identifier.")
    url = _URL.fullmatch(text)
    if url:
        return _from_url(url[1].lower(), url[2] or "/", proxies)
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in _SCHEMES:
        return _from_scheme(scheme.lower(), rest, text)
    host, slash, path = text.partition("/")
    if slash and host.lower() in proxies:  # a URL pasted without its scheme
        return _from_url(host.lower(), "/" + re.split(r"[?#]", path)[0], proxies)
    return _handle(text) if slash else _slashless(text)


def gtin14(digits: str) -> str:
    """A GTIN-8, -12, -13 or -14 in its 14-digit form. Raises InvalidIdentifier."""
    if not _GTIN.fullmatch(digits):
        _refuse(Rule.GTIN_SYNTAX, "A GTIN has 8, 12, 13 or 14 digits.")
    if not ean.is_valid(digits):
        _refuse(
            Rule.GTIN_CHECK_DIGIT,
            "These digits have a GTIN's length, but the last is not its check digit. "
            "Write ecode: before an Ecode.",
        )
    return digits.zfill(14)


def _from_url(host: str, path: str, proxies: frozenset[str]) -> Recognised:
    if host in proxies and not path.startswith("/01/"):  # 01 is no prefix but GS1's key
        return _handle(from_url_path(path[1:]))
    link = _GTIN_IN_PATH.search(path)
    if not link:
        _refuse(
            Rule.UNKNOWN_URL,
            "This URL is neither a handle proxy's nor a GS1 Digital Link with /01/ and a GTIN.",
        )
    gtin = gtin14(from_url_path(link[1]))
    return Recognised(System.GS1, gtin + _canonical_qualifiers(link[2]))


def _canonical_qualifiers(path: str) -> str:
    """Key qualifiers of a GTIN (`/21/abc/10/7`) in the standard's order, re-encoded."""
    segments = path.removesuffix("/").split("/")[1:]
    found = dict(zip(segments[::2], segments[1::2], strict=False))
    if 2 * len(found) != len(segments) or not found.keys() <= set(_QUALIFIERS):
        _refuse(
            Rule.GTIN_QUALIFIER,
            "After the GTIN come variant (22), batch (10) and serial (21), each once at most "
            "and with a value.",
        )
    return "".join(f"/{ai}/{_qualifier_value(found[ai])}" for ai in _QUALIFIERS if ai in found)


def _qualifier_value(raw: str) -> str:
    value = from_url_path(raw)
    if not _QUALIFIER_VALUE.fullmatch(value):
        _refuse(
            Rule.GTIN_QUALIFIER,
            "Variant, batch and serial have 1 to 20 characters of GS1's character set 82.",
        )
    return quote(value, safe="")


def _from_scheme(scheme: str, rest: str, text: str) -> Recognised:
    if scheme in {"http", "https"}:
        _refuse(Rule.UNKNOWN_URL, "This URL names no host.")
    if scheme == "hdl":
        return _handle(rest)
    if scheme == "ecode":
        return _ecode(rest)
    if scheme == "did":
        return _bid(text)
    return _urn(rest)


def _urn(rest: str) -> Recognised:
    namespace, _, name = rest.partition(":")
    if namespace.lower() != "oid":
        _refuse(Rule.UNKNOWN, "Of URNs, urn:oid: alone is known here.")
    if not _OID.fullmatch(name):
        _refuse(Rule.OID, "After urn:oid: comes an OID such as 1.2.156.10197.1.501.")
    return Recognised(System.OID, name)


def _bid(text: str) -> Recognised:
    bid = _BID.fullmatch(text)
    if not bid:
        _refuse(
            Rule.BID,
            "A BID is did:bid:, a code of 4 characters and a colon if any, and 22 to 42 letters "
            "and digits.",
        )
    return Recognised(System.DID, f"did:bid:{bid[1]}")


def _ecode(text: str) -> Recognised:
    if not _ECODE.fullmatch(text):
        _refuse(
            Rule.ECODE,
            "An Ecode is 1, 4 digits and up to 20 digits; or 2, 4 and up to 28; or 3, 5 and up to "
            "39 letters and digits.",
        )
    return Recognised(System.ECODE, text)


def _handle(text: str) -> Recognised:
    prefix = bare_prefix(text)
    if prefix:
        record = prefix.record
        system = Identifier(prefix.text, "-").system
        return Recognised(system, prefix.text, record)
    identifier = Identifier.parse(text)
    return Recognised(identifier.system, identifier.text, identifier)


def _slashless(text: str) -> Recognised:
    if _OID.fullmatch(text):
        return Recognised(System.OID, text)
    if _GTIN.fullmatch(text):
        return Recognised(System.GS1, gtin14(text))
    if _ECODE.fullmatch(text):
        return Recognised(System.ECODE, text)
    if not text:
        _refuse(IdentifierRule.EMPTY, "The identifier is empty.")
    if not bare_prefix(text):
        _refuse(
            Rule.UNKNOWN,
            "This is no identifier known here: prefix/suffix, an OID, a GTIN, an Ecode, a BID or "
            "a URL of one.",
        )
    return _handle(text)


def _refuse(rule: Rule | IdentifierRule, detail: str) -> NoReturn:
    raise InvalidIdentifier(detail, field="identifier", rule=rule)
