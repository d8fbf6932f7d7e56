"""The resolver over a real registry, and services elsewhere on real sockets of loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import aiohttp
import pytest

from registry.database import Database
from registry.identifier import Identifier
from registry.public.lookups import Lookups
from registry.record.archive import Form
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.record.value import DataIn, ValueIn, normalise
from resolver.cache import Cache
from resolver.records import Records
from tests.registry.conftest import (
    Holder,
    active_prefix,
    catalogue,
    database,
    enterprises,
    form,
    keyring,
    lamps,
    make_subject,
    national,
    now,
    once,
    operator,
    prefixes,
    registrar,
    sealing,
    verified_enterprise,
)

# Fixtures of the registry's tests that these tests use too.
__all__ = [
    "active_prefix",
    "catalogue",
    "database",
    "enterprises",
    "form",
    "keyring",
    "lamps",
    "make_subject",
    "national",
    "once",
    "operator",
    "prefixes",
    "registrar",
    "sealing",
    "verified_enterprise",
]

Register: TypeAlias = Callable[..., Awaitable[Identifier]]


@pytest.fixture
def register(registrar: Registrar, lamps: Holder) -> Register:
    """Registers an identifier of the enterprise `lamps` with values given as
    (index, type, data) or (index, type, data, permissions)."""

    async def registered(suffix: str, *values: tuple[object, ...]) -> Identifier:
        identifier = Identifier(lamps.prefix, suffix)
        given = [
            ValueIn(index, type_, DataIn(data), permissions=rest[0] if rest else None)
            for index, type_, data, *rest in values
        ]
        registration = Registration(identifier, normalise(given, now=now()))
        [verdict] = await registrar.create(lamps.actor, [registration], Method.SINGLE)
        assert verdict.error is None, verdict.error
        return identifier

    return registered


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def cache() -> Cache:
    return Cache(1 << 20)


@pytest.fixture
def records(database: Database, form: Form, cache: Cache) -> Records:
    """Without background work: every look is a query of its own, and nothing is held."""
    return Records(Lookups(database, form), cache)
