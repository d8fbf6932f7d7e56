"""API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Number, in_utc
from registry import errors
from registry.access.actor import Role, Scope
from registry.access.key import ALL_SCOPES, Key, KeyWish, NewKey

TAG = "Keys"


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to make. An enterprise's key makes keys for its own enterprise; operators make any."""

    label: Annotated[str, Meta(min_length=1, max_length=100)]
    role: Role = Role.ENTERPRISE
    enterprise_id: Number | None = None
    scopes: Annotated[tuple[Scope, ...], Meta(max_length=2)] = ALL_SCOPES
    expires_at: datetime | None = None


class KeyList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enterprise_id: Number | None = None


async def created(call: Call) -> Reply:
    body = call.body
    own = call.actor.enterprise_id if body.role is Role.ENTERPRISE else None
    wish = KeyWish(
        role=body.role,
        label=body.label,
        enterprise_id=body.enterprise_id if body.enterprise_id is not None else own,
        scopes=body.scopes,
        expires_at=in_utc(body.expires_at, "expires_at") if body.expires_at else None,
    )
    return Reply(await call.wiring.keyring.create(call.actor, wish, call.once))


async def listed(call: Call) -> Reply:
    wanted = call.query.enterprise_id
    enterprise_id = wanted if wanted is not None else call.actor.enterprise_id
    return Reply(await call.wiring.keyring.list(call.actor, enterprise_id))


async def revoked(call: Call) -> Reply:
    return Reply(await call.wiring.keyring.revoke(call.actor, call.path["key_id"]))


OPERATIONS = (
    Operation(
        name="createKey",
        tag=TAG,
        summary="Make a key",
        description="The key's text is shown this once.",
        method="POST",
        path="/v1/keys",
        handler=created,
        body=KeyRequest,
        answer=NewKey,
        status=201,
        errors=(errors.EnterpriseNotFound,),
        once=True,
    ),
    Operation(
        name="listKeys",
        tag=TAG,
        summary="List keys",
        description="Without an enterprise: one's own enterprise's, or for operators those that "
        "belong to no enterprise.",
        method="GET",
        path="/v1/keys",
        handler=listed,
        query=KeyList,
        answer=list[Key],
    ),
    Operation(
        name="revokeKey",
        tag=TAG,
        summary="Revoke a key",
        method="DELETE",
        path="/v1/keys/{key_id:segment}",
        handler=revoked,
        answer=Key,
        errors=(errors.KeyNotFound,),
    ),
)
