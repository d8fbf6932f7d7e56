"""Who may do what to a record.

The prefix's enterprise always, by its API keys. Besides, the handle identities that the prefix's
administrators or the record's own HS_ADMIN values name, directly or through HS_VLIST groups, with
the rights that each HS_ADMIN grants. An operator may withdraw records, not write them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from registry.access.actor import Actor, Role, Scope
from registry.errors import NotAuthenticated, NotPermitted, NotPrefixOwner
from registry.prefix.prefix import Holding
from registry.record.archive import Archive
from registry.record.typed_data import Admin, Reference, Right
from registry.record.value import Value

EVERYTHING = Right(0xFFF)
OPERATOR = Right.DELETE_HANDLE | Right.LIST_HANDLES
MAX_GROUP_DEPTH = 3
MAX_GROUPS = 64


async def rights(
    actor: Actor, holding: Holding, values: Iterable[Value], archive: Archive
) -> Right:
    """What the actor may do to a record of the holding with these values."""
    if actor.role is Role.OPERATOR:
        return OPERATOR
    if actor.role is Role.ENTERPRISE:
        owner = actor.enterprise_id == holding.enterprise_id
        return EVERYTHING if owner and Scope.REGISTER in actor.scopes else Right(0)
    if actor.identity is None:
        return Right(0)
    granted = Right(0)
    for admin in (*holding.administrators, *_admins(values)):
        if admin.rights & ~granted and await _holds(actor.identity, admin, archive):
            granted |= admin.rights
    return granted


async def require(
    needed: Right, actor: Actor, holding: Holding, values: Iterable[Value], archive: Archive
) -> None:
    """Raise unless the actor has some right here and every one needed.

    Some right, because even a change that changes nothing tells what is stored.
    """
    if actor.anonymous:
        raise NotAuthenticated("this needs a key", rule="key-needed")
    granted = await rights(actor, holding, values, archive)
    missing = needed & ~granted
    if granted and not missing:
        return
    if actor.role is Role.ENTERPRISE and actor.enterprise_id == holding.enterprise_id:
        raise NotPermitted("this key lacks the scope `register`", rule="scope-register")
    if actor.identity is None:
        raise NotPrefixOwner(
            f"the prefix {holding.prefix} is not this key's", field="handle", rule="prefix-owner"
        )
    names = ", ".join(str(right.name).lower() for right in Right if right & missing)
    raise NotPermitted(f"this needs the right to {names or 'change it'}", rule="admin-rights")


def needed_for(before: Sequence[Value], after: Sequence[Value]) -> Right:
    """The rights that turning one list of values into another takes."""
    needed = Right(0)
    for was, becomes in _steps(before, after):
        admin = any(value and value.type.upper() == "HS_ADMIN" for value in (was, becomes))
        needed |= _step_right(was, becomes, admin)
    return needed


def check_writable(before: Sequence[Value], after: Sequence[Value]) -> None:
    """Raise NotPermitted for a changed value that not even administrators may write."""
    for was, _ in _steps(before, after):
        if was and was.permissions[1] == "0":
            raise NotPermitted(
                f"the value with index {was.index} may not be changed by administrators",
                field="values",
                rule="value-read-only",
            )


def readable(values: Iterable[Value]) -> tuple[Value, ...]:
    """What administrators may read."""
    return tuple(value for value in values if value.public or value.permissions[0] == "1")


def _steps(
    before: Sequence[Value], after: Sequence[Value]
) -> Iterator[tuple[Value | None, Value | None]]:
    """Each value that differs, as it was and as it becomes, ascending by index."""
    old = {value.index: value for value in before}
    new = {value.index: value for value in after}
    for index in sorted(old.keys() | new.keys()):
        was, becomes = old.get(index), new.get(index)
        if not (was and becomes and was.same_content(becomes)):
            yield was, becomes


def _step_right(was: Value | None, becomes: Value | None, admin: bool) -> Right:
    if was is None:
        return Right.ADD_ADMIN if admin else Right.ADD_VALUE
    if becomes is None:
        return Right.REMOVE_ADMIN if admin else Right.REMOVE_VALUE
    return Right.MODIFY_ADMIN if admin else Right.MODIFY_VALUE


def _admins(values: Iterable[Value]) -> list[Admin]:
    return [
        msgspec.convert(value.data.value, Admin)
        for value in values
        if value.type.upper() == "HS_ADMIN" and value.data.format == "admin"
    ]


async def _holds(identity: Reference, admin: Admin, archive: Archive) -> bool:
    """Whether the identity is the one referred to, or a member of the group referred to.

    Level by level, so that the bounds cut off what is farthest. Only what is read from the
    database counts against MAX_GROUPS: a large group of identities costs nothing to look through.
    """
    handle = archive.canonical(identity.handle)
    sought = {(handle, 0), (handle, identity.index)}
    level = {(archive.canonical(admin.handle), admin.index)}
    seen: set[tuple[str, int]] = set()
    for _ in range(MAX_GROUP_DEPTH):
        if level & sought:
            return True
        groups = sorted(level - seen)[: MAX_GROUPS - len(seen)]
        seen.update(groups)
        level = {member for group in groups for member in await _members(*group, archive)}
    return not level.isdisjoint(sought)


async def _members(handle: str, index: int, archive: Archive) -> list[tuple[str, int]]:
    """What the groups at a reference refer to."""
    return [
        (archive.canonical(member.handle), member.index)
        for value in await archive.values(handle)
        if value.type.upper() == "HS_VLIST" and value.data.format == "vlist"
        if index in (0, value.index)
        for member in msgspec.convert(value.data.value, list[Reference])
    ]
