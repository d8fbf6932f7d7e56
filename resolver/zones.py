"""Identifiers whose resolvers are found through the DNS: OIDs (ORS, ITU-T X.672) and GTINs (GS1 ONS
2.0). Both name what they lead to in NAPTR records.

1.2.156.1 → 1.156.2.1.<OID zone>. Of the GTIN-14 the check digit is left out, the first digit stays
first and the others are reversed: 00614141322602 → 0.0.6.2.2.3.1.4.1.4.1.6.0.<ONS zone>.
"""

from __future__ import annotations

import re

from registry.errors import PrefixNotFound
from registry.identifier import System
from registry.record.value import MAX_TYPE_BYTES, Data, Value, encode
from registry.spelling import Recognised
from resolver.dns import Dns, Naptr
from resolver.query import Answer, Outcome, Source

MAX_URI = 2048  # characters
# The only patterns taken: others would let a zone's owner have this node compute what it likes.
_WHOLE = re.compile(r"\^?\(?\.\*\)?\$?")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,31}:[!-~]+")
_LABEL = re.compile(r"[^A-Za-z0-9_-]+")


class Zones:
    """Answers from the zones that the settings name."""

    def __init__(self, dns: Dns, *, oid: str | None, ons: str | None) -> None:
        self._dns = dns
        self._oid = oid
        self._ons = ons

    def has(self, system: System) -> bool:
        """Whether identifiers of this system are resolved here."""
        return {System.OID: self._oid, System.GS1: self._ons}.get(system) is not None

    async def resolve(self, recognised: Recognised) -> Answer:
        """Raises PrefixNotFound for a system that has no zone here, RemoteUnavailable where the
        DNS does not answer."""
        name = self.name(recognised)
        if name is None:
            raise PrefixNotFound(
                f"{recognised.system} identifiers are not resolved by this node",
                field="handle",
                rule="system-not-resolved",
            )
        values = _values(await self._dns.naptr(name), recognised.text)
        outcome = Outcome.FOUND if values else Outcome.NOT_FOUND
        via = (f"dns:{name}",)
        return Answer(outcome, Source.RECURSIVE, recognised.text, encode(values), via=via)

    def name(self, recognised: Recognised) -> str | None:
        """Under which the DNS is asked for it; None for a system that has no zone here."""
        if recognised.system is System.OID and self._oid:
            return ".".join(reversed(recognised.text.split("."))) + f".{self._oid}"
        if recognised.system is System.GS1 and self._ons:
            indicator, digits = recognised.text[0], recognised.text[1:13]
            return ".".join((indicator, *reversed(digits), self._ons))
        return None


def _values(records: list[Naptr], text: str) -> list[Value]:
    """A URL for each record that ends in one, the first to be tried first."""
    values: list[Value] = []
    for record in records:
        uri = _uri(record, text)
        if uri is not None:
            type_ = _type(record.service)
            values.append(
                Value(index=len(values) + 1, type=type_, data=Data("string", uri), ttl=record.ttl)
            )
    return values


def _type(service: str) -> str:
    """URL, with the record's service as its subtype."""
    label = _LABEL.sub("_", service).strip("_")[: MAX_TYPE_BYTES - 4]
    return f"URL.{label}" if label else "URL"


def _uri(record: Naptr, text: str) -> str | None:
    """What the record's substitution makes of the identifier, if that is a URI."""
    if record.flags != "U" or len(record.regexp) < 3:
        return None
    parts = record.regexp[1:].split(record.regexp[0])
    if len(parts) != 3 or not _WHOLE.fullmatch(parts[0]):
        return None
    uri = parts[1].replace("\\1", text)
    return uri if len(uri) <= MAX_URI and _URI.fullmatch(uri) else None
