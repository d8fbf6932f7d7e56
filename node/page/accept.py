"""What a client would rather have (RFC 9110 §12.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_RANGES = 50
# Forms of a record by what is asked for; of equally welcome ones the first is taken.
FORMS = ("application/json", "text/html", "application/linkset+json")

_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def ranges(header: str) -> list[tuple[str, float]]:
    """The members of an Accept or Accept-Language header with their quality, 1 where none stands.
    Other parameters make no difference here."""
    found = []
    for member in header.split(",")[:MAX_RANGES]:
        name, *parameters = (part.strip() for part in member.lower().split(";"))
        matches = (_QUALITY.fullmatch(parameter.replace(" ", "")) for parameter in parameters)
        quality = next((float(match[1]) for match in matches if match), 1.0)
        if name:
            found.append((name, quality))
    return found


def best_type(header: str, offers: Sequence[str]) -> str | None:
    """The offer that is most welcome, the first of equal ones; None where none is. Without a
    header everything is."""
    wanted = ranges(header) or [("*/*", 1.0)]

    def quality(offer: str) -> float:
        """That of the most specific range that names the type."""
        for name in (offer, offer.partition("/")[0] + "/*", "*/*"):
            named = [q for wanted_name, q in wanted if wanted_name == name]
            if named:
                return max(named)
        return 0.0

    best = max(offers, key=quality)
    return best if quality(best) > 0 else None


def best_language(header: str, offers: Sequence[str]) -> str:
    """The offer that is most welcome, the first where none is asked for. zh-Hant-TW is content
    with zh."""
    for name, quality in sorted(ranges(header), key=lambda range_: -range_[1]):
        for offer in offers:
            if quality > 0 and (name == offer or name.startswith(f"{offer}-")):
                return offer
    return offers[0]


def languages(header: str) -> list[str]:
    """The languages of a header, most welcome first."""
    ordered = sorted(ranges(header), key=lambda range_: -range_[1])
    return [name for name, quality in ordered if quality > 0 and name != "*"]
