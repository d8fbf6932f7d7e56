"""Locations: where a record's URL values lead, for whom, and which of them is meant.

A value of type URL is a location. Labels behind it say of what kind it is, in which language and in
which context: `URL.MANUAL.en`, `URL.MANUAL.zh-CN.x-repair`, `URL.en`. A label of two letters, with
a region if need be, is a language; one that begins with x- is a context; the rest is the kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from registry.record.value import Value

_LANGUAGE = re.compile(r"[A-Za-z]{2}(-[A-Za-z]{2,4})?")
_PLAIN = re.compile(r"[!-~]+")  # nothing that could end a header's line


class Location(NamedTuple):
    """Where a value leads. Kind, language and context are in lower case and empty where none is
    said."""

    href: str
    kind: str
    language: str
    context: str


def locations(values: Iterable[Value]) -> list[Location]:
    """Those of the values that lead to web pages, in their order."""
    found = []
    for value in values:
        name, *labels = value.type.split(".")
        href = value.data.value if value.data.format == "string" else None
        if name.upper() == "URL" and isinstance(href, str) and is_web(href):
            found.append(_labelled(href, labels))
    return found


def is_web(text: str) -> bool:
    """Whether a browser may be sent there: an http or https URL with a host, in ASCII."""
    if not _PLAIN.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _labelled(href: str, labels: Sequence[str]) -> Location:
    kind, language, context = [], "", ""
    for label in labels:
        if label.lower().startswith("x-"):
            context = label[2:].lower()
        elif _LANGUAGE.fullmatch(label):
            language = label.lower()
        else:
            kind.append(label.lower())
    return Location(href, ".".join(kind), language, context)


def choose(
    found: Iterable[Location], kind: str, wanted: Sequence[str], context: str
) -> Location | None:
    """The location of a kind that fits best: by context, then by language, those wanted most
    coming first; what says nothing of either fits more than what says another. None where there is
    none of the kind."""
    fitting = [one for one in found if one.kind == kind.lower()]
    if not fitting:
        return None

    def distance(one: Location) -> tuple[int, int]:
        off = 0 if one.context == context.lower() else 1 if not one.context else 2
        return off, _rank(one.language, wanted)

    return min(fitting, key=distance)


def _rank(language: str, wanted: Sequence[str]) -> int:
    """How far a language is from those wanted."""
    for place, name in enumerate(wanted):
        if language == name:
            return 2 * place
        if language and (name.startswith(f"{language}-") or language.startswith(f"{name}-")):
            return 2 * place + 1
    return 2 * len(wanted) + (0 if not language else 1)
