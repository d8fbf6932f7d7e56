"""Related parties: which enterprises are the operator's own or affiliated."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Note
from registry import errors
from registry.enterprise.enterprise import Enterprise
from registry.enterprise.mark import Mark
from registry.enterprise.related_party import MarkWish

TAG = "Enterprises"


class MarkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether an enterprise is a related party, from which day on, and why."""

    related: bool
    reason: Note
    since: Annotated[date | None, Meta(description="Default: today, in China")] = None


async def marked(call: Call) -> Reply:
    body = call.body
    wish = MarkWish(related=body.related, reason=body.reason, since=body.since)
    return Reply(await call.wiring.related_parties.mark(call.actor, call.number, wish))


async def listed(call: Call) -> Reply:
    return Reply(await call.wiring.related_parties.marks(call.actor, call.number))


_PATH = "/v1/enterprises/{enterprise_id:number}/related-party"

OPERATIONS = (
    Operation(
        name="markRelatedParty",
        tag=TAG,
        summary="Mark an enterprise as a related party, or as none any more (operators)",
        description="A related party is the operator's own or affiliated with it. Reports show "
        "the counts without related parties beside those with them. Marks stay, each with its day "
        "and reason.",
        method="PUT",
        path=_PATH,
        handler=marked,
        body=MarkBody,
        answer=Enterprise,
        errors=(errors.EnterpriseNotFound, errors.WrongState),
    ),
    Operation(
        name="listRelatedPartyMarks",
        tag=TAG,
        summary="Show when an enterprise was marked as a related party, and why",
        method="GET",
        path=_PATH,
        handler=listed,
        answer=list[Mark],
        errors=(errors.EnterpriseNotFound,),
    ),
)
