"""Admission: whether a job may register under a prefix, asked when it is added and again for every
chunk, since enterprises are suspended and prefixes stopped while it runs."""

from __future__ import annotations

from registry.access.actor import Actor
from registry.database import Connection
from registry.errors import PrefixNotFound
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.record import permission
from registry.record.archive import Archive, Form
from registry.record.typed_data import Right


async def admit(tx: Connection, form: Form, actor: Actor, prefix: str) -> Holding:
    """The prefix. Raises what forbids the actor to register under it."""
    holding = (await prefixes.holdings(tx, [prefix])).get(prefix)
    if holding is None:
        raise PrefixNotFound(f"{prefix} is not a prefix of this node", field="prefix")
    await permission.require(Right.ADD_HANDLE, actor, holding, (), Archive(tx, form))
    holding.require_open()
    return holding
