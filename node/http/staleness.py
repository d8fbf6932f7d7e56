"""How an answer says that it may be outdated."""

from __future__ import annotations

from collections.abc import Mapping

from resolver.query import Answer

# RFC 9211: served from a cache, which could not ask whether it is still so.
STALE: Mapping[str, str] = {"Cache-Status": "biaoshi; hit; ttl=-1; detail=database-away"}


def staleness(answer: Answer) -> Mapping[str, str]:
    return STALE if answer.stale else {}
