"""Short ways to write records down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from registry.access.actor import Actor
from registry.database import Database
from registry.identifier import Identifier
from registry.record.registrar import Registrar
from registry.record.registration import Outcome, Registration
from registry.record.typed_data import Admin
from registry.record.value import DataIn, Value, ValueIn, normalise

Record: TypeAlias = Callable[..., Registration]
Values: TypeAlias = Callable[..., tuple[Value, ...]]
Counts: TypeAlias = Callable[[], Awaitable[tuple[int, int]]]


@pytest.fixture
def values() -> Values:
    """Normalised values from `index=data` or `index=(type, data[, permissions])`."""
    return values_of


@pytest.fixture
def record() -> Record:
    """A registration: its handle, then values as `values` takes them."""

    def make(handle: str, spelled: dict[int, Any] | None = None) -> Registration:
        return Registration(Identifier.parse(handle), values_of(spelled or {1: "https://e/1"}))

    return make


@pytest.fixture
def counts(database: Database) -> Counts:
    """How many identifiers there are or were, and how many the batches say."""

    async def read() -> tuple[int, int]:
        async with database.connection() as connection:
            row = await connection.fetchrow(
                """SELECT (SELECT count(*) FROM identifier),
                          (SELECT coalesce(sum(created), 0) FROM batch)"""
            )
        assert row is not None
        return row[0], row[1]

    return read


@pytest.fixture
def store_record(registrar: Registrar, record: Record) -> Callable[..., Awaitable[None]]:
    """Put a record there, by whoever may."""

    async def put(actor: Actor, handle: str, spelled: dict[int, Any]) -> None:
        verdict = await registrar.put(actor, record(handle, spelled))
        assert verdict.outcome in (Outcome.CREATED, Outcome.AMENDED, Outcome.REVIVED)

    return put


def values_of(spelled: dict[int, Any]) -> tuple[Value, ...]:
    return normalise(
        [_value_in(index, value) for index, value in spelled.items()], now=datetime.now(UTC)
    )


def _value_in(index: int, spelled: Any) -> ValueIn:
    if isinstance(spelled, str):
        return ValueIn(index, "URL", spelled)
    type_, data, *permissions = spelled
    if isinstance(data, Admin):
        plain = {"handle": data.handle, "index": data.index, "permissions": data.permissions}
        data = DataIn(plain, "admin")
    elif isinstance(data, list):
        data = DataIn([{"handle": handle, "index": n} for n, handle in data], "vlist")
    return ValueIn(index, type_, data, permissions=permissions[0] if permissions else None)
