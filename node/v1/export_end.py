"""The last line of an export, which streams of registrations know too: so that an export can be
sent on as it is, and one that broke off is not taken for a whole one."""

from __future__ import annotations

import msgspec

from node.http.problem import Problem
from registry.errors import InvalidInput


class End(msgspec.Struct, frozen=True, tag_field="type", tag="export", omit_defaults=True):
    """How many identifiers an export has, and whether they are all; otherwise why not."""

    identifiers: int
    complete: bool
    problem: Problem | None = None


_decode = msgspec.json.Decoder(End).decode


def is_end(text: bytes) -> bool:
    """Whether a line is the last one of an export. Raises InvalidInput for one that says that it
    broke off."""
    if b'"export"' not in text:
        return False
    try:
        end = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if not end.complete:
        raise InvalidInput(
            "this export broke off: further identifiers are missing",
            field="complete",
            rule="export-incomplete",
        )
    return True
