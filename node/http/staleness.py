"""How an answer says that it may be outdated, or lacks what others would have said."""

from __future__ import annotations

from collections.abc import Mapping

from resolver.query import Answer

# RFC 9211: served from a cache, which could not ask whether it is still so.
STALE: Mapping[str, str] = {"Cache-Status": "biaoshi; hit; ttl=-1; detail=database-away"}


MISSING = "Biaoshi-Missing"  # who did not answer


def staleness(answer: Answer) -> Mapping[str, str]:
    told = STALE if answer.stale else {}
    return {**told, MISSING: ", ".join(answer.missing)} if answer.missing else told
