"""Linksets (RFC 9264): where a record leads, for programs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from resolver.location import Location

CONTENT_TYPE = "application/linkset+json"

# Kinds that have a registered relation type (RFC 8288); others have one of this node's.
_RELATIONS = {"": "about", "manual": "help", "license": "license", "image": "icon"}


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    href: str
    type: str | None = None
    hreflang: tuple[str, ...] = ()
    context: tuple[str, ...] = ()


def linkset(base: str, path: str, found: Sequence[Location]) -> bytes:
    """The JSON document of one anchor. `path` is the identifier's, percent-encoded."""
    links: dict[str, list[Target]] = {}
    for one in found:
        relation = _RELATIONS.get(one.kind) or f"{base}/docs#link-{one.kind}"
        target = Target(
            one.href,
            hreflang=(one.language,) if one.language else (),
            context=(one.context,) if one.context else (),
        )
        links.setdefault(relation, []).append(target)
    links["describedby"] = [
        Target(f"{base}/v1/resolve/{path}", "application/json"),
        Target(f"{base}/{path}", "text/html", ("zh", "en")),
    ]
    return msgspec.json.encode({"linkset": [{"anchor": f"{base}/{path}", **links}]})
