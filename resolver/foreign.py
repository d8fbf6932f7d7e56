"""Values of other nodes: in their own words, but within what every surface here can tell.

One place for all ways they come: over HTTP, over the wire, out of what was kept of an answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from registry.errors import RemoteUnavailable
from registry.record.value import (
    MAX_RECORD_BYTES,
    MAX_REFERENCES,
    MAX_TYPE_BYTES,
    MAX_VALUES,
    Data,
    Value,
)

MAX_U32 = 2**32 - 1  # what the wire has room for
MAX_TIME_CHARACTERS = 64
MAX_FORMAT_CHARACTERS = 32
MAX_HANDLE_BYTES = 2048


def public_values(values: Sequence[Value]) -> list[Value]:
    """Those that anyone may read. Raises RemoteUnavailable where any value is out of bounds: a node
    that says what cannot be is not believed in the rest."""
    check_count(len(values))
    for position, value in enumerate(values):
        problem = _problem(value)
        if problem is not None:
            raise RemoteUnavailable(
                f"its values are not handle values: values[{position}].{problem}"
            )
    return [value for value in values if _public(value)]


def check_count(count: int) -> None:
    if count > MAX_VALUES:
        raise RemoteUnavailable(f"its record has more than {MAX_VALUES} values")


def _public(value: Value) -> bool:
    """What has no permissions that can be read is nobody's to read."""
    return len(value.permissions) == 4 and set(value.permissions) <= {"0", "1"} and value.public


def _problem(value: Value) -> str | None:
    """Which member breaks which rule."""
    if not 0 <= value.index <= MAX_U32:
        return f"index: 0 to {MAX_U32}"
    if not 0 < _octets(value.type) <= MAX_TYPE_BYTES:
        return f"type: 1 to {MAX_TYPE_BYTES} bytes"
    if isinstance(value.ttl, int) and not 0 <= value.ttl <= MAX_U32:
        return f"ttl: 0 to {MAX_U32}"
    if isinstance(value.ttl, str) and len(value.ttl) > MAX_TIME_CHARACTERS:
        return f"ttl: at most {MAX_TIME_CHARACTERS} characters"
    if len(value.timestamp) > MAX_TIME_CHARACTERS:
        return f"timestamp: at most {MAX_TIME_CHARACTERS} characters"
    return _problem_of_references(value) or _problem_of_data(value.data)


def _problem_of_references(value: Value) -> str | None:
    if len(value.references) > MAX_REFERENCES:
        return f"references: at most {MAX_REFERENCES}"
    for one in value.references:
        if not 0 <= one.index <= MAX_U32 or _octets(one.handle) > MAX_HANDLE_BYTES:
            return f"references: indexes to {MAX_U32}, handles to {MAX_HANDLE_BYTES} bytes"
    return None


def _problem_of_data(data: Data) -> str | None:
    if len(data.format) > MAX_FORMAT_CHARACTERS:
        return f"data.format: at most {MAX_FORMAT_CHARACTERS} characters"
    if data.format not in ("string", "base64", "hex"):
        return None
    if not isinstance(data.value, str):
        return f"data.value: a text, as its format {data.format} is"
    if _octets(data.value) > MAX_RECORD_BYTES:
        return f"data.value: too large, at most {MAX_RECORD_BYTES} bytes"
    try:
        if data.format == "base64":
            base64.b64decode(data.value, validate=True)
        elif data.format == "hex":
            bytes.fromhex(data.value)
    except (ValueError, binascii.Error):
        return f"data.value: no {data.format}"
    return None


def _octets(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
