"""Enterprises: applications, verification, suspension."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.http.client import UNKNOWN
from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Note, Number, Page, Reason
from registry import errors
from registry.enterprise.enterprise import Enterprise, EnterpriseState
from registry.enterprise.enterprises import Application
from registry.enterprise.subject import Subject
from registry.errors import NotAuthenticated

APPLICATIONS = "applications"
HOUR = 3600
TAG = "Enterprises"


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a verification rests on: a reference to a file, a case number, a certificate."""

    evidence: Note


class EnterpriseList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: EnterpriseState | None = None
    after: Annotated[Number, Meta(description="Continue behind this enterprise")] = 0
    limit: Limit = 100


async def apply(call: Call) -> Reply:
    settings = call.wiring.settings
    if call.actor.anonymous:
        if not settings.open_applications:
            raise NotAuthenticated("this node takes applications with a key", rule="key-needed")
        client = call.wiring.clients.address(call.request) or UNKNOWN
        limit = settings.applications_per_hour
        await call.wiring.throttle.count(APPLICATIONS, client, limit=limit, window=HOUR)
    application = await call.wiring.enterprises.apply(call.actor, call.body, call.once)
    number = application.enterprise.enterprise_id
    return Reply(application, headers={"Location": f"/v1/enterprises/{number}"})


async def listed(call: Call) -> Reply:
    items = await call.wiring.enterprises.list(
        call.actor, state=call.query.state, after=call.query.after, limit=call.query.limit
    )
    full = len(items) == call.query.limit
    return Reply(Page(items, str(items[-1].enterprise_id) if full else None))


async def shown(call: Call) -> Reply:
    return Reply(await call.wiring.enterprises.get(call.actor, call.number))


async def amended(call: Call) -> Reply:
    return Reply(await call.wiring.enterprises.amend(call.actor, call.number, call.body))


async def verified(call: Call) -> Reply:
    return Reply(await call.wiring.enterprises.verify(call.actor, call.number, call.body.evidence))


async def rejected(call: Call) -> Reply:
    return Reply(await call.wiring.enterprises.reject(call.actor, call.number, call.body.note))


async def suspended(call: Call) -> Reply:
    return Reply(await call.wiring.enterprises.suspend(call.actor, call.number, call.body.note))


async def resumed(call: Call) -> Reply:
    return Reply(await call.wiring.enterprises.resume(call.actor, call.number))


_ONE = "/v1/enterprises/{enterprise_id:number}"
_STEP = (errors.EnterpriseNotFound, errors.WrongState)

OPERATIONS = (
    Operation(
        name="applyForEnterprise",
        tag=TAG,
        summary="Apply as an enterprise",
        description="Anyone may apply where the node allows it. The answer holds the enterprise's "
        "first key, which is shown this once. Nothing can be registered before an operator has "
        "verified the enterprise's identity.",
        method="POST",
        path="/v1/enterprises",
        handler=apply,
        body=Subject,
        answer=Application,
        status=201,
        errors=(errors.InvalidSubject, errors.EnterpriseExists, errors.TooManyRequests),
        needs_key=False,
        once=True,
    ),
    Operation(
        name="listEnterprises",
        tag=TAG,
        summary="List enterprises (operators)",
        method="GET",
        path="/v1/enterprises",
        handler=listed,
        query=EnterpriseList,
        answer=Page[Enterprise],
    ),
    Operation(
        name="getEnterprise",
        tag=TAG,
        summary="Show an enterprise",
        method="GET",
        path=_ONE,
        handler=shown,
        answer=Enterprise,
        errors=(errors.EnterpriseNotFound,),
    ),
    Operation(
        name="amendEnterprise",
        tag=TAG,
        summary="Replace the subject data",
        description="A change of name, credit code or legal person must be verified anew.",
        method="PUT",
        path=_ONE,
        handler=amended,
        body=Subject,
        answer=Enterprise,
        errors=(errors.InvalidSubject, errors.EnterpriseExists, *_STEP),
    ),
    Operation(
        name="verifyEnterprise",
        tag=TAG,
        summary="Record that the identity was verified (operators)",
        method="POST",
        path=f"{_ONE}/verify",
        handler=verified,
        body=Evidence,
        answer=Enterprise,
        errors=_STEP,
    ),
    Operation(
        name="rejectEnterprise",
        tag=TAG,
        summary="Refuse an application (operators)",
        method="POST",
        path=f"{_ONE}/reject",
        handler=rejected,
        body=Reason,
        answer=Enterprise,
        errors=_STEP,
    ),
    Operation(
        name="suspendEnterprise",
        tag=TAG,
        summary="Stop registration for an enterprise (operators)",
        description="Resolution of what it has registered goes on.",
        method="POST",
        path=f"{_ONE}/suspend",
        handler=suspended,
        body=Reason,
        answer=Enterprise,
        errors=_STEP,
    ),
    Operation(
        name="resumeEnterprise",
        tag=TAG,
        summary="Lift a suspension (operators)",
        method="POST",
        path=f"{_ONE}/resume",
        handler=resumed,
        answer=Enterprise,
        errors=_STEP,
    ),
)
