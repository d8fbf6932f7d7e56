"""A GTIN and the identifiers that its Digital Links mean.

`/01/09506000134352/21/A7` is item A7 of product 09506000134352. Its enterprise says under which
prefix the product's identifier stands and how its items' suffixes are made of the link's parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import unquote

import msgspec
from msgspec import Meta

from registry.errors import Conflict, InvalidInput, NotFound
from registry.identifier import Identifier

# Application identifiers of GS1, by the names that patterns use for them.
PARTS: Mapping[str, str] = {"01": "gtin", "22": "variant", "10": "batch", "21": "serial"}
MAX_PATTERN = 200
_PLACE = re.compile(r"\{([^{}]*)\}")


class GtinNotFound(NotFound):
    kind = "gtin-not-found"
    title = "No such GTIN"


class GtinTaken(Conflict):
    kind = "gtin-taken"
    title = "The GTIN is registered under another prefix"


Pattern = Annotated[str, Meta(min_length=1, max_length=MAX_PATTERN)]


class GtinWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which identifiers a GTIN means. In the pattern of items {serial} stands for the link's serial
    number, {batch} and {variant} for those, {gtin} for the 14 digits."""

    prefix: Annotated[str, Meta(min_length=1, max_length=64)]
    product: Annotated[
        Pattern, Meta(description="Suffix of the product's own identifier; may hold {gtin}")
    ] = "{gtin}"
    item: Annotated[
        Pattern | None, Meta(description="Suffixes of its items, such as {gtin}.{serial}")
    ] = "{gtin}.{serial}"

    def check(self) -> None:
        """Raise InvalidInput or InvalidIdentifier unless both patterns make identifiers."""
        _check("product", self.product, {"gtin"})
        if self.item is not None:
            _check("item", self.item, set(PARTS.values()))
            if "{serial}" not in self.item:
                raise InvalidInput(
                    "items differ by their serial number: the pattern holds {serial}",
                    field="item",
                    rule="gtin-serial",
                )
        sample = dict.fromkeys(PARTS.values(), "1") | {"gtin": "0" * 14}
        for pattern in (self.product, self.item or "x"):
            Identifier(self.prefix, _filled(pattern, sample))


class Gtin(msgspec.Struct, frozen=True, kw_only=True):
    """A registered GTIN, in 14 digits."""

    gtin: str
    prefix: str
    product: str
    item: str | None
    registered_at: datetime
    registered_by: str

    def identifier(self, parts: Mapping[str, str]) -> Identifier:
        """What a link with these parts means. Raises GtinNotFound where nothing is said of such
        links, InvalidIdentifier where what they make is none."""
        pattern = self.item if "serial" in parts else self.product
        names = set(_PLACE.findall(pattern or ""))
        if pattern is None or not names <= parts.keys():
            raise GtinNotFound(
                f"links of {self.gtin} name no identifier with just these parts",
                field="handle",
                rule="gtin-parts",
            )
        return Identifier(self.prefix, _filled(pattern, parts))


def parts_of(text: str) -> dict[str, str]:
    """The parts of a GS1 key in canonical form (14 digits, then /ai/value …) by name."""
    gtin, *rest = text.split("/")
    values = {PARTS[ai]: unquote(value) for ai, value in zip(rest[::2], rest[1::2], strict=True)}
    return {"gtin": gtin, **values}


def _check(field: str, pattern: str, known: set[str]) -> None:
    names = set(_PLACE.findall(pattern))
    if not names <= known or "{" in _PLACE.sub("", pattern) or "}" in _PLACE.sub("", pattern):
        places = ", ".join(f"{{{name}}}" for name in sorted(known))
        raise InvalidInput(f"what may be filled in is {places}", field=field, rule="gtin-pattern")


def _filled(pattern: str, parts: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: parts[place[1]], pattern)
