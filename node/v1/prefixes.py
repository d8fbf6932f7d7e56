"""Prefixes: requests, reviews, routing, administrators."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Number, Page, Reason
from registry import errors
from registry.access.actor import Role
from registry.prefix.prefix import MAX_ADMINISTRATORS, Prefix, PrefixState, Routing
from registry.prefix.prefixes import PrefixWish
from registry.record.typed_data import Admin

TAG = "Prefixes"


class PrefixRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an enterprise asks for: without a code the next free number, without routing hosted
    by this node. Operators name the enterprise; a key stands for its own."""

    code: Annotated[str | None, Meta(description="Digits behind the node's prefix")] = None
    routing: Routing | None = None
    enterprise_id: Number | None = None


class RoutingChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The enterprise's own resolver; null brings the prefix back to this node."""

    routing: Routing | None


class Administrators(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Handle identities that administer the prefix's records over the Handle surfaces."""

    administrators: Annotated[list[Admin], Meta(max_length=MAX_ADMINISTRATORS)]


class PrefixList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enterprise_id: Number | None = None
    state: PrefixState | None = None
    after: Annotated[str, Meta(max_length=64, description="Continue behind this prefix")] = ""
    limit: Limit = 100


async def requested(call: Call) -> Reply:
    own = call.actor.enterprise_id
    enterprise_id = call.body.enterprise_id if call.body.enterprise_id is not None else own
    if enterprise_id is None:
        call.actor.require_operator()
        raise errors.InvalidInput(
            "name the enterprise", field="enterprise_id", rule="enterprise-needed"
        )
    wish = PrefixWish(enterprise_id=enterprise_id, code=call.body.code, routing=call.body.routing)
    prefix = await call.wiring.prefixes.request(call.actor, wish, call.once)
    return Reply(prefix, headers={"Location": f"/v1/prefixes/{prefix.prefix}"})


async def listed(call: Call) -> Reply:
    query = call.query
    own = call.actor.enterprise_id if call.actor.role is Role.ENTERPRISE else None
    items = await call.wiring.prefixes.list(
        call.actor,
        enterprise_id=query.enterprise_id if query.enterprise_id is not None else own,
        state=query.state,
        after=query.after,
        limit=query.limit,
    )
    return Reply(Page(items, items[-1].prefix if len(items) == query.limit else None))


async def shown(call: Call) -> Reply:
    return Reply(await call.wiring.prefixes.get(call.actor, call.path["prefix"]))


async def approved(call: Call) -> Reply:
    return _filed(call, await call.wiring.prefixes.approve(call.actor, call.path["prefix"]))


async def rejected(call: Call) -> Reply:
    prefix = call.path["prefix"]
    return Reply(await call.wiring.prefixes.reject(call.actor, prefix, call.body.note))


async def stopped(call: Call) -> Reply:
    prefix = call.path["prefix"]
    return _filed(call, await call.wiring.prefixes.stop(call.actor, prefix, call.body.note))


async def resumed(call: Call) -> Reply:
    return _filed(call, await call.wiring.prefixes.resume(call.actor, call.path["prefix"]))


async def deleted(call: Call) -> Reply:
    prefix = call.path["prefix"]
    return _filed(call, await call.wiring.prefixes.delete(call.actor, prefix, call.body.note))


async def routed(call: Call) -> Reply:
    prefix = call.path["prefix"]
    return _filed(call, await call.wiring.prefixes.route(call.actor, prefix, call.body.routing))


async def administered(call: Call) -> Reply:
    administrators = call.body.administrators
    return Reply(
        await call.wiring.prefixes.set_administrators(
            call.actor, call.path["prefix"], administrators
        )
    )


def _filed(call: Call, prefix: Prefix) -> Reply:
    """Answer with a prefix of which the national node is now owed a filing."""
    if call.wiring.uplink is not None:
        call.wiring.uplink.wake()
    return Reply(prefix)


_ONE = "/v1/prefixes/{prefix:segment}"
_STEP = (errors.PrefixNotFound, errors.WrongState)

OPERATIONS = (
    Operation(
        name="requestPrefix",
        tag=TAG,
        summary="Ask for a prefix",
        description="The enterprise must be verified. The prefix waits for the operator's review, "
        "is then filed with the national node, and becomes active with its approval.",
        method="POST",
        path="/v1/prefixes",
        handler=requested,
        body=PrefixRequest,
        answer=Prefix,
        status=201,
        errors=(
            errors.EnterpriseNotFound,
            errors.EnterpriseNotVerified,
            errors.EnterpriseSuspended,
            errors.InvalidRouting,
            errors.PrefixTaken,
        ),
        once=True,
    ),
    Operation(
        name="listPrefixes",
        tag=TAG,
        summary="List prefixes",
        description="An enterprise's key sees its own; an operator sees all.",
        method="GET",
        path="/v1/prefixes",
        handler=listed,
        query=PrefixList,
        answer=Page[Prefix],
    ),
    Operation(
        name="getPrefix",
        tag=TAG,
        summary="Show a prefix",
        method="GET",
        path=_ONE,
        handler=shown,
        answer=Prefix,
        errors=(errors.PrefixNotFound,),
    ),
    Operation(
        name="approvePrefix",
        tag=TAG,
        summary="Approve a prefix and file it with the national node (operators)",
        method="POST",
        path=f"{_ONE}/approve",
        handler=approved,
        answer=Prefix,
        errors=(*_STEP, errors.EnterpriseNotVerified, errors.EnterpriseSuspended),
    ),
    Operation(
        name="rejectPrefix",
        tag=TAG,
        summary="Refuse a prefix (operators)",
        method="POST",
        path=f"{_ONE}/reject",
        handler=rejected,
        body=Reason,
        answer=Prefix,
        errors=_STEP,
    ),
    Operation(
        name="stopPrefix",
        tag=TAG,
        summary="Stop registration under a prefix (operators)",
        method="POST",
        path=f"{_ONE}/stop",
        handler=stopped,
        body=Reason,
        answer=Prefix,
        errors=_STEP,
    ),
    Operation(
        name="resumePrefix",
        tag=TAG,
        summary="Take a stopped prefix into service again (operators)",
        method="POST",
        path=f"{_ONE}/resume",
        handler=resumed,
        answer=Prefix,
        errors=_STEP,
    ),
    Operation(
        name="deletePrefix",
        tag=TAG,
        summary="Give a prefix up (operators)",
        description="Its text is never allocated again.",
        method="POST",
        path=f"{_ONE}/delete",
        handler=deleted,
        body=Reason,
        answer=Prefix,
        errors=_STEP,
    ),
    Operation(
        name="routePrefix",
        tag=TAG,
        summary="Point a prefix to the enterprise's own resolver, or back",
        method="PUT",
        path=f"{_ONE}/routing",
        handler=routed,
        body=RoutingChange,
        answer=Prefix,
        errors=(errors.PrefixNotFound, errors.InvalidRouting),
    ),
    Operation(
        name="setPrefixAdministrators",
        tag=TAG,
        summary="Name the handle identities that administer a prefix",
        method="PUT",
        path=f"{_ONE}/administrators",
        handler=administered,
        body=Administrators,
        answer=Prefix,
        errors=(errors.PrefixNotFound,),
    ),
)
