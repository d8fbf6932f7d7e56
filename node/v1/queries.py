"""Queries (标识数据服务): which identifiers a prefix has, by whatever is asked of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Moment, Page, moment_of
from registry import errors
from registry.query.question import Question, State
from registry.query.store import Entry
from registry.template.template import MAX_VERSION

TAG = "Identifiers"

Suffix = Annotated[str, Meta(max_length=255)]


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which of a prefix's identifiers; all that is given must hold."""

    first: Annotated[Suffix, Meta(description="From this suffix on, itself included")] = (
        msgspec.field(name="from", default="")
    )
    last: Annotated[Suffix | None, Meta(description="Up to this suffix, itself included")] = (
        msgspec.field(name="to", default=None)
    )
    starts_with: Annotated[Suffix, Meta(description="Suffixes that begin with this text")] = ""
    template: Annotated[
        Annotated[str, Meta(max_length=MAX_VERSION)] | None,
        Meta(description="Records with this data template, by its version"),
    ] = None
    registered_from: Annotated[
        Moment | None, Meta(description="Registered at this time or later")
    ] = None
    registered_until: Annotated[Moment | None, Meta(description="Registered before this time")] = (
        None
    )

    def question(self, prefix: str, state: State) -> Question:
        """Raises InvalidInput for a time that is none."""
        since, until = self.registered_from, self.registered_until
        return Question(
            prefix=prefix,
            first=self.first,
            last=self.last,
            starts_with=self.starts_with,
            template=self.template,
            since=moment_of(since, "registered_from") if since else None,
            until=moment_of(until, "registered_until") if until else None,
            state=state,
        )


class IdentifierList(Which, frozen=True, forbid_unknown_fields=True, kw_only=True):
    prefix: Annotated[str, Meta(min_length=1, max_length=64)]
    state: Annotated[State, Meta(description="Live ones, withdrawn ones, or all")] = State.LIVE
    after: Annotated[Suffix, Meta(description="Continue behind this suffix")] = ""
    limit: Limit = 100


class Listed(msgspec.Struct, frozen=True):
    """An identifier in a list. `template` is a version; a withdrawn one has none."""

    handle: str
    revision: int
    state: State
    registered_at: datetime
    batch: int
    template: str | None


async def listed(call: Call) -> Reply:
    query = call.query
    question = query.question(query.prefix, query.state)
    part = await call.wiring.queries.page(call.actor, question, query.after, query.limit)
    return Reply(Page([_listed(query.prefix, entry) for entry in part.entries], part.next))


def _listed(prefix: str, entry: Entry) -> Listed:
    return Listed(
        handle=f"{prefix}/{entry.spelling}",
        revision=entry.revision,
        state=State.LIVE if entry.live else State.WITHDRAWN,
        registered_at=entry.registered_at,
        batch=entry.batch_id,
        template=entry.template,
    )


OPERATIONS = (
    Operation(
        name="listIdentifiers",
        tag=TAG,
        summary="List a prefix's identifiers",
        description="For the prefix's enterprise and operators. Suffixes are compared as "
        "identifiers are, and come in that order. A page looks at a bounded part of the prefix: it "
        "may have fewer items than asked for, or none, and still a `next` to go on with.",
        method="GET",
        path="/v1/identifiers",
        handler=listed,
        query=IdentifierList,
        answer=Page[Listed],
        errors=(errors.PrefixNotFound, errors.UnknownTemplate),
    ),
)
