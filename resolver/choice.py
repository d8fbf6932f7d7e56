"""The type 10320/loc: several places in XML, and how one of them is chosen for a client.

    <locations chooseby="locatt,country,weighted">
      <location href="https://cn.example/x" country="cn" weight="1" />
      <location href="https://example/x" />
    </locations>

Each method of `chooseby` narrows what the one before has left, and none narrows it to nothing:
`locatt` takes those with the attribute that the client names (?locatt=id:2), `country` those for
the client's country, else those for no country in particular, `weighted` one by chance. A weight
is 1 where none stands, and 0 is taken where nothing else is left. Without `chooseby` it is these
three; where more than one is left, the first is meant.

Whoever writes a record is a stranger to us: there is no document type, so no entity, and what is
read is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.parsers import expat

from registry.record.value import Value
from resolver.location import Location, is_web, locations

TYPE = "10320/LOC"
DEFAULT = ("locatt", "country", "weighted")
MAX_OCTETS = 65_536
MAX_CANDIDATES = 100
MAX_DEPTH = 8
MAX_WEIGHT = 1e9

Chance = Callable[[], float]  # from 0 up to, but not, 1


class NoLocations(ValueError):
    """A text that is not of this type."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """`attributes` are all of the element's, with names in lower case."""

    href: str
    attributes: Mapping[str, str]

    @property
    def country(self) -> str:
        return self.attributes.get("country", "").strip().lower()

    @property
    def weight(self) -> float:
        """1 for what is no number."""
        try:
            weight = float(self.attributes.get("weight", "1"))
        except ValueError:
            return 1.0
        return max(0.0, min(weight, MAX_WEIGHT)) if math.isfinite(weight) else 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a client. `attributes` are name and value, names in lower case; `country` is
    empty where it is not known."""

    attributes: Sequence[tuple[str, str]] = ()
    country: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The places of one value, and the methods to choose by."""

    candidates: tuple[Candidate, ...]
    methods: tuple[str, ...]

    def of(self, wanted: Wanted, chance: Chance) -> Candidate | None:
        """The one that is meant; None where there is none at all."""
        left = self.candidates
        for method in self.methods:
            narrowed = _narrowed(method, left, wanted, chance)
            left = narrowed or left
        return left[0] if left else None

    def locations(self) -> list[Location]:
        """All of them, the heaviest first."""
        ordered = sorted(self.candidates, key=lambda one: -one.weight)
        return [Location(one.href, "", "", "") for one in ordered]


def choice_of(values: Iterable[Value]) -> Choice | None:
    """Of the first value of this type that can be read and leads anywhere."""
    for value in values:
        if value.type.upper() != TYPE or value.data.format != "string":
            continue
        try:
            choice = read(str(value.data.value))
        except NoLocations:
            continue
        if choice.candidates:
            return choice
    return None


def read(text: str) -> Choice:
    """Raises NoLocations. What no browser may be sent to is left out."""
    octets = text.encode("utf-8", "replace")
    if len(octets) > MAX_OCTETS:
        raise NoLocations(f"more than {MAX_OCTETS} bytes")
    reader = _Reader()
    try:
        reader.parser.Parse(octets, True)
    except expat.ExpatError as error:
        raise NoLocations(f"not XML: {expat.errors.messages[error.code]}") from None
    return Choice(tuple(reader.candidates), reader.methods)


class _Reader:
    """What an XML parser is to do with what it finds."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.methods: tuple[str, ...] = DEFAULT
        self._depth = 0
        self.parser = expat.ParserCreate("utf-8")
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end

    def _doctype(self, *_: object) -> None:
        raise NoLocations("a document type is not taken")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NoLocations(f"more than {MAX_DEPTH} elements within each other")
        told = {key.lower(): value for key, value in attributes.items()}
        if self._depth == 1:
            if name.lower() != "locations":
                raise NoLocations("the element is not called locations")
            if "chooseby" in told:
                self.methods = _methods(told["chooseby"])
        elif self._depth == 2 and name.lower() == "location":
            self._take(told)

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _take(self, attributes: dict[str, str]) -> None:
        href = attributes.get("href", "").strip()
        if not is_web(href):
            return
        if len(self.candidates) >= MAX_CANDIDATES:
            raise NoLocations(f"more than {MAX_CANDIDATES} places")
        self.candidates.append(Candidate(href, attributes))


def _methods(text: str) -> tuple[str, ...]:
    """Those known here, each once, in their order."""
    named = [name.strip().lower() for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in named if name in DEFAULT))


def _narrowed(
    method: str, left: tuple[Candidate, ...], wanted: Wanted, chance: Chance
) -> tuple[Candidate, ...]:
    match method:
        case "locatt":
            return _with_attributes(left, wanted)
        case "country":
            return _for_country(left, wanted.country.lower())
        case _:
            return _by_weight(left, chance)


def _with_attributes(left: tuple[Candidate, ...], wanted: Wanted) -> tuple[Candidate, ...]:
    """One attribute after the other; what none has does not count."""
    for name, value in wanted.attributes:
        left = tuple(one for one in left if one.attributes.get(name) == value) or left
    return left


def _for_country(left: tuple[Candidate, ...], country: str) -> tuple[Candidate, ...]:
    if not country:
        return left
    own = tuple(one for one in left if one.country == country)
    return own or tuple(one for one in left if not one.country)


def _by_weight(left: tuple[Candidate, ...], chance: Chance) -> tuple[Candidate, ...]:
    heavy = tuple(one for one in left if one.weight > 0)
    if not heavy:
        return left
    point = chance() * sum(one.weight for one in heavy)
    for one in heavy:
        point -= one.weight
        if point < 0:
            return (one,)
    return heavy[-1:]


def all_locations(values: Sequence[Value]) -> list[Location]:
    """Where a record leads: by its URLs, then by its choice of places, each once."""
    found = locations(values)
    choice = choice_of(values)
    known = {one.href for one in found}
    return found + [one for one in choice.locations() if one.href not in known] if choice else found
