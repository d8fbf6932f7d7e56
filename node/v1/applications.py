"""Application identities: with which programs of the field log in to the SNMS surface."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Number
from registry import errors
from registry.access.actor import Role, Scope
from registry.access.application import (
    MAX_SECRET,
    MAX_USERNAME,
    MIN_SECRET,
    Application,
    ApplicationExists,
    ApplicationNotFound,
    ApplicationWish,
    NewApplication,
)
from registry.access.key import ALL_SCOPES

TAG = "Applications"

Secret = Annotated[
    str,
    Meta(
        min_length=MIN_SECRET,
        max_length=MAX_SECRET,
        description="For a client that has its secret already; left out, a random one is made",
    ),
]


class ApplicationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identity to make. An enterprise's key makes them for its own enterprise; operators make
    any, their own too (role `operator`)."""

    username: Annotated[str, Meta(min_length=1, max_length=MAX_USERNAME)]
    role: Role = Role.ENTERPRISE
    enterprise_id: Number | None = None
    scopes: Annotated[tuple[Scope, ...], Meta(max_length=2)] = ALL_SCOPES
    secret: Secret | None = None


class ApplicationList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enterprise_id: Number | None = None


async def created(call: Call) -> Reply:
    body = call.body
    own = call.actor.enterprise_id if body.role is Role.ENTERPRISE else None
    wish = ApplicationWish(
        username=body.username,
        role=body.role,
        enterprise_id=body.enterprise_id if body.enterprise_id is not None else own,
        scopes=body.scopes,
        secret=body.secret,
    )
    return Reply(await call.wiring.applications.create(call.actor, wish, call.once))


async def listed(call: Call) -> Reply:
    wanted = call.query.enterprise_id
    enterprise_id = wanted if wanted is not None else call.actor.enterprise_id
    return Reply(await call.wiring.applications.list(call.actor, enterprise_id))


async def revoked(call: Call) -> Reply:
    return Reply(await call.wiring.applications.revoke(call.actor, call.number))


OPERATIONS = (
    Operation(
        name="createApplication",
        tag=TAG,
        summary="Make an application identity",
        description="Its user name and secret log in to the SNMS surface. The secret is shown "
        "this once.",
        method="POST",
        path="/v1/applications",
        handler=created,
        body=ApplicationRequest,
        answer=NewApplication,
        status=201,
        errors=(errors.EnterpriseNotFound, ApplicationExists),
        once=True,
    ),
    Operation(
        name="listApplications",
        tag=TAG,
        summary="List application identities",
        description="Without an enterprise: one's own enterprise's, or for operators those that "
        "belong to no enterprise.",
        method="GET",
        path="/v1/applications",
        handler=listed,
        query=ApplicationList,
        answer=list[Application],
    ),
    Operation(
        name="revokeApplication",
        tag=TAG,
        summary="Revoke an application identity and its tokens",
        method="DELETE",
        path="/v1/applications/{application_id:number}",
        handler=revoked,
        answer=Application,
        errors=(ApplicationNotFound,),
    ),
)
