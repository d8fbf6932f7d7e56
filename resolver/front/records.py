"""What a record's values are as resource records.

| type | of which values | what it says |
|---|---|---|
| URI (RFC 7553) | 10320/loc, URL and its subtypes | priority by position, weight, the URL |
| NAPTR (RFC 3403) | the same | flag U, service HDL+<type of the value>, `!^.*$!<URL>!` |
| TXT (RFC 1464) | all | `type=data` |

A URL of more than a NAPTR's text can hold is told by URI alone. Records that a DNS message has no
room for are not there: it is all of a type or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import dns.name
import dns.rdata
import dns.rrset
import msgspec
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.ANY.URI import URI
from dns.rdtypes.IN.NAPTR import NAPTR

from registry.record.value import DEFAULT_TTL, Value
from resolver.choice import TYPE, choice_of

MAX_STRING: Final = 255  # octets of one text in a record
MAX_ROOM: Final = 60_000  # octets of all records of one answer
SERVICE: Final = "HDL+"
_ORDER = 100  # of all: what comes first is told by the preference
_ONLY, _THOUSAND = 1, 1000  # weights
_OVERHEAD = 12  # octets of a record besides its data: a pointer to its name, type, class, ttl, size
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:[!-~]+")
_DELIMITERS = "!|~^@,;"
# The library leaves these without types.
_uri: Callable[..., dns.rdata.Rdata] = URI
_naptr: Callable[..., dns.rdata.Rdata] = NAPTR


class _Place(NamedTuple):
    priority: int
    weight: int
    type: str
    url: str


def rrset_of(
    name: dns.name.Name, kind: RdataType, values: Sequence[Value], *, longest: int
) -> dns.rrset.RRset | None:
    """The records of a type, None where the values make none. They may be kept as long as the
    shortest of the values' ttl, and `longest` at most, seconds."""
    made = list(MAKERS[kind](values))
    room = sum(len(rdata.to_wire() or b"") + _OVERHEAD for rdata in made)
    if not made or room > MAX_ROOM:
        return None
    ttl = min((_seconds(value) for value in values), default=longest)
    return dns.rrset.from_rdata_list(name, min(ttl, longest), made)


def _uris(values: Sequence[Value]) -> Iterable[dns.rdata.Rdata]:
    for place in _places(values):
        yield _uri(IN, RdataType.URI, place.priority, place.weight, place.url.encode())


def _naptrs(values: Sequence[Value]) -> Iterable[dns.rdata.Rdata]:
    ordered = sorted(_places(values), key=lambda place: (place.priority, -place.weight))
    for preference, place in enumerate(ordered, 1):
        service = f"{SERVICE}{place.type}".encode()
        regexp = _substitution(place.url).encode()
        if max(len(service), len(regexp)) <= MAX_STRING:
            yield _naptr(
                IN, RdataType.NAPTR, _ORDER, preference, b"U", service, regexp, dns.name.root
            )


def _txts(values: Sequence[Value]) -> Iterable[dns.rdata.Rdata]:
    for value in values:
        data = value.data.value
        text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
        octets = f"{_attribute(value.type)}={text}".encode()
        pieces = [octets[at : at + MAX_STRING] for at in range(0, len(octets), MAX_STRING)]
        yield TXT(IN, RdataType.TXT, pieces)


MAKERS: Mapping[RdataType, Callable[[Sequence[Value]], Iterable[dns.rdata.Rdata]]] = {
    RdataType.NAPTR: _naptrs,
    RdataType.URI: _uris,
    RdataType.TXT: _txts,
}


def _places(values: Sequence[Value]) -> Iterable[_Place]:
    """Where a record leads: one of the places of its 10320/loc value, if it has one, by weight;
    then its URLs, one after the other."""
    choice = choice_of(values)
    candidates = choice.candidates if choice else ()
    heaviest = max((one.weight for one in candidates), default=0.0)
    for one in candidates:
        yield _Place(1, _weight(one.weight, heaviest), TYPE, one.href)
    for number, (type_, url) in enumerate(_urls(values), 2 if candidates else 1):
        yield _Place(number, _ONLY, type_, url)


def _weight(weight: float, heaviest: float) -> int:
    """As a whole number of thousandths of the heaviest; 0 is for those that have none (RFC 7553
    §5.2), unless all have none."""
    if heaviest == 0:
        return _ONLY
    return max(1, round(_THOUSAND * weight / heaviest)) if weight else 0


def _urls(values: Sequence[Value]) -> Iterable[tuple[str, str]]:
    """Type and URL of the values that have one, in the order of their indexes."""
    for value in values:
        url = value.data.value if value.data.format == "string" else None
        located = value.type.upper().partition(".")[0] == "URL"
        if located and isinstance(url, str) and _URL.fullmatch(url):
            yield value.type, url


def _substitution(url: str) -> str:
    """The whole text becomes the URL. What delimits is a character that the URL lacks."""
    sign = next((one for one in _DELIMITERS if one not in url), _DELIMITERS[0])
    escaped = url.replace("\\", "\\\\").replace(sign, f"\\{sign}")
    return f"{sign}^.*${sign}{escaped}{sign}"


def _attribute(type_: str) -> str:
    """A type before its equals sign, with those within it quoted (RFC 1464 §2)."""
    return type_.replace("`", "``").replace("=", "`=")


def _seconds(value: Value) -> int:
    """How long a value may be kept. One that says until when is not kept at all."""
    if value.ttl is None:
        return DEFAULT_TTL
    return value.ttl if isinstance(value.ttl, int) else 0
