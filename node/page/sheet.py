"""The HTML page of a record, or of why there is none."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import NamedTuple

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from node.page.words import WORDS
from registry.record.value import Value
from resolver.choice import all_locations
from resolver.location import choose, is_web
from resolver.query import Answer

BEIJING = timezone(timedelta(hours=8))
MAX_TEXT = 2000  # characters of a value that are shown


class Row(NamedTuple):
    """A value as it is shown."""

    type: str
    text: str
    href: str | None
    at: str
    day: str


def record(
    answer: Answer, path: str, values: Sequence[Value], language: str, wanted: Sequence[str]
) -> bytes:
    """`path` is the identifier's, percent-encoded; `wanted` are the reader's languages."""
    main = choose(all_locations(values), "", wanted, "")
    return _rendered(
        language,
        handle=answer.handle,
        path=path,
        source=answer.source.value,
        via=", ".join(answer.via[-1:]),
        stale=answer.stale,
        main=main.href if main else None,
        rows=[_row(value, language) for value in values],
        problem=None,
    )


def problem(kind: str, handle: str, language: str) -> bytes:
    """Why there is no record: `absent`, `withdrawn`, `failed` or `invalid`."""
    return _rendered(language, handle=handle, path="", problem=kind)


def policy() -> str:
    """The Content-Security-Policy: nothing but our own style and the codes."""
    style = _template("record.css").render()
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


def _row(value: Value, language: str) -> Row:
    data = value.data
    if data.format == "string" and isinstance(data.value, str):
        text = data.value
    elif data.format in ("base64", "hex"):
        text = str(data.value)
    else:
        text = f"{WORDS[language]['structured']}: {msgspec.json.encode(data.value).decode()}"
    href = text if is_web(text) else None
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    return Row(value.type, shown, href, value.timestamp, _day(value.timestamp, language))


def _day(timestamp: str, language: str) -> str:
    """A stored time as readers of a language know it: Beijing's, or UTC. Other nodes' times may be
    of any form, and are shown as they are."""
    zone, called = (BEIJING, "（北京时间）") if language == "zh" else (UTC, " UTC")
    try:
        at = datetime.fromisoformat(timestamp)
        if at.tzinfo is None:
            return timestamp
        at = at.astimezone(zone)
    except (ValueError, OverflowError):
        return timestamp
    return f"{at:%Y-%m-%d %H:%M:%S}{called}"


def _rendered(language: str, **context: object) -> bytes:
    words = WORDS[language]
    text = _template("record.html").render(language=language, words=words, **context)
    return text.encode("utf-8", "replace")


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("node.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template(name)
