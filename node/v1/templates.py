"""Data templates of a prefix, and grants to read their items."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Number, Page, in_utc
from registry import errors
from registry.template.definition import TemplateChange, TemplateWish
from registry.template.grants import GrantWish
from registry.template.store import Grant
from registry.template.template import MAX_VERSION, Template

TAG = "Templates"


class GrantRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which enterprise may read what is `granted`: of one template's records, or of all of the
    prefix's; until a time, or until it is revoked."""

    enterprise_id: Number
    template: Annotated[str, Meta(max_length=MAX_VERSION)] | None = None
    expires_at: datetime | None = None


class TemplateList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[str, Meta(max_length=MAX_VERSION, description="Continue behind this")] = ""
    limit: Limit = 100


class GrantList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[Number, Meta(description="Continue behind this grant")] = 0
    limit: Limit = 100


async def created(call: Call) -> Reply:
    prefix = call.path["prefix"]
    template = await call.wiring.templates.create(call.actor, prefix, call.body, call.once)
    place = f"/v1/prefixes/{prefix}/templates/{quote(template.version, safe='')}"
    return Reply(template, headers={"Location": place})


async def listed(call: Call) -> Reply:
    query = call.query
    items = await call.wiring.templates.list(
        call.actor, call.path["prefix"], query.after, query.limit
    )
    return Reply(Page(items, items[-1].version if len(items) == query.limit else None))


async def shown(call: Call) -> Reply:
    path = call.path
    return Reply(await call.wiring.templates.get(call.actor, path["prefix"], path["version"]))


async def amended(call: Call) -> Reply:
    path = call.path
    return Reply(
        await call.wiring.templates.amend(call.actor, path["prefix"], path["version"], call.body)
    )


async def deleted(call: Call) -> Reply:
    await call.wiring.templates.delete(call.actor, call.path["prefix"], call.path["version"])
    return Reply()


async def granted(call: Call) -> Reply:
    body = call.body
    expires_at = body.expires_at and in_utc(body.expires_at, "expires_at")
    wish = GrantWish(
        enterprise_id=body.enterprise_id, template=body.template, expires_at=expires_at
    )
    return Reply(await call.wiring.grants.create(call.actor, call.path["prefix"], wish, call.once))


async def grants(call: Call) -> Reply:
    query = call.query
    items = await call.wiring.grants.list(call.actor, call.path["prefix"], query.after, query.limit)
    return Reply(Page(items, str(items[-1].grant_id) if len(items) == query.limit else None))


async def revoked(call: Call) -> Reply:
    number = int(call.path["grant_id"])
    await call.wiring.grants.revoke(call.actor, call.path["prefix"], number)
    return Reply()


_ALL = "/v1/prefixes/{prefix:segment}/templates"
_ONE = "/v1/prefixes/{prefix:segment}/templates/{version:segment}"
_GRANTS = "/v1/prefixes/{prefix:segment}/grants"

OPERATIONS = (
    Operation(
        name="createTemplate",
        tag=TAG,
        summary="Define a data template of a prefix",
        description="Its version names it for ever. An item's `pattern` may hold {prefix}, "
        "{suffix} and {handle}, percent-encoded as {suffix:url}: records share it and store "
        "nothing of it.",
        method="POST",
        path=_ALL,
        handler=created,
        body=TemplateWish,
        answer=Template,
        status=201,
        errors=(errors.InvalidTemplate, errors.PrefixNotFound, errors.TemplateExists),
        once=True,
    ),
    Operation(
        name="listTemplates",
        tag=TAG,
        summary="List a prefix's data templates",
        method="GET",
        path=_ALL,
        handler=listed,
        query=TemplateList,
        answer=Page[Template],
        errors=(errors.PrefixNotFound,),
    ),
    Operation(
        name="getTemplate",
        tag=TAG,
        summary="Show a data template",
        method="GET",
        path=_ONE,
        handler=shown,
        answer=Template,
        errors=(errors.PrefixNotFound, errors.TemplateNotFound),
    ),
    Operation(
        name="amendTemplate",
        tag=TAG,
        summary="Add items to a data template, or change them",
        description="Items are matched by idIndex and idType; those that are not named stay, and "
        "so do the members that are left out. No item can be removed: set its state to 0. A new "
        "default or pattern shows at once in all records; new rules bind what is written from now "
        "on.",
        method="PUT",
        path=_ONE,
        handler=amended,
        body=TemplateChange,
        answer=Template,
        errors=(errors.InvalidTemplate, errors.PrefixNotFound, errors.TemplateNotFound),
    ),
    Operation(
        name="deleteTemplate",
        tag=TAG,
        summary="Delete a data template that no record has",
        method="DELETE",
        path=_ONE,
        handler=deleted,
        answer=None,
        status=204,
        errors=(errors.PrefixNotFound, errors.TemplateNotFound, errors.WrongState),
    ),
    Operation(
        name="grantItems",
        tag=TAG,
        summary="Let another enterprise read granted items",
        method="POST",
        path=_GRANTS,
        handler=granted,
        body=GrantRequest,
        answer=Grant,
        status=201,
        errors=(errors.PrefixNotFound, errors.UnknownTemplate, errors.EnterpriseNotFound),
        once=True,
    ),
    Operation(
        name="listGrants",
        tag=TAG,
        summary="List a prefix's grants, expired ones too",
        method="GET",
        path=_GRANTS,
        handler=grants,
        query=GrantList,
        answer=Page[Grant],
        errors=(errors.PrefixNotFound,),
    ),
    Operation(
        name="revokeGrant",
        tag=TAG,
        summary="Take a grant back",
        method="DELETE",
        path=f"{_GRANTS}/{{grant_id:number}}",
        handler=revoked,
        answer=None,
        status=204,
        errors=(errors.PrefixNotFound, errors.GrantNotFound),
    ),
)
