"""Imports: counted apart, with their own times, and nothing here is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.access.actor import Actor, anonymous
from registry.database import Database
from registry.errors import InvalidInput, NotAuthenticated, NotPermitted
from registry.identifier import Identifier
from registry.importing.imports import Arrival, Imports, Source, check_node, check_time
from registry.leaf.leaf import Batch
from registry.record.archive import Form
from registry.record.bulk import Tally
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.template.templates import Templates
from tests.registry.record.conftest import values_of
from tests.registry.template.conftest import wish

THEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def leaves() -> list[str]:
    """The suffixes that the certified log is owed."""
    return []


@pytest.fixture
def form(form: Form, leaves: list[str]) -> Form:
    def make(batch: Batch, suffixes: Sequence[str]) -> bytes:
        leaves.extend(suffixes)
        return bytes(64 * len(suffixes))

    return replace(form, leaves=make)


@pytest.fixture
def imports(database: Database, form: Form) -> Imports:
    return Imports(database, form)


@pytest.fixture
def source(operator: Actor) -> Source:
    return Source(operator, "88.300")


@pytest.fixture
def methods(database: Database) -> Callable[[], Any]:
    """What the batches say was created, by method."""

    async def read() -> dict[int, int]:
        async with database.connection() as connection:
            rows = await connection.fetch(
                "SELECT method, sum(created)::integer AS created FROM batch GROUP BY method"
            )
        return {row["method"]: row["created"] for row in rows}

    return read


def arrival(number: int, handle: str, at: datetime = THEN, **more: Any) -> Arrival:
    values = values_of(more.get("values", {1: f"https://old/{number}"}))
    identifier = Identifier.parse(handle)
    return Arrival(number, Registration(identifier, values, more.get("template_id")), at)


def outcomes(tally: Tally) -> tuple[int, int, list[tuple[int, str | None]]]:
    rules = [(refusal.number, refusal.error.rule) for refusal in tally.refusals]
    return tally.created, tally.unchanged, rules


async def test_imported_is_not_new(
    imports: Imports, source: Source, lamps: Any, methods: Any, leaves: list[str],
    registrar: Registrar, catalogue: Catalogue, trail: Any,
) -> None:  # fmt: skip
    brought = [arrival(n, f"{lamps.prefix}/old-{n}", THEN + timedelta(days=n)) for n in range(30)]
    assert outcomes(await imports.bring(source, brought)) == (30, 0, [])
    own = Registration(Identifier(lamps.prefix, "new"), values_of({1: "x"}))
    await registrar.create(lamps.actor, [own], Method.SINGLE)
    assert await methods() == {Method.IMPORT: 30, Method.SINGLE: 1}
    assert leaves == ["NEW"]
    view = await catalogue.view(lamps.actor, brought[7].registration.identifier)
    assert view is not None
    assert view.registered_at == THEN + timedelta(days=7)
    origin = await catalogue.origin(view.row.batch_id)
    assert origin is not None
    assert origin.node == "88.300"
    first = (await catalogue.history(lamps.actor, brought[7].registration.identifier))[0]
    assert (first.action, first.at) == ("registered", THEN + timedelta(days=7))
    assert (first.imported_from, first.imported_at) == ("88.300", origin.imported_at)
    (entry,) = [one for one in await trail() if one.action == "identifiers.imported"]
    assert (entry.actor, entry.subject) == (source.actor.name, lamps.prefix)
    assert (entry.detail["imported"], entry.detail["from"]) == (30, "88.300")


async def test_sent_again_nothing_changes(
    imports: Imports, source: Source, lamps: Any, methods: Any
) -> None:
    brought = [arrival(n, f"{lamps.prefix}/{n}") for n in range(5)]
    assert outcomes(await imports.bring(source, brought)) == (5, 0, [])
    again = [*brought[:4], arrival(4, f"{lamps.prefix}/4", values={1: "other"})]
    assert outcomes(await imports.bring(source, again)) == (0, 4, [(4, "identifier-exists")])
    other_time = [arrival(0, f"{lamps.prefix}/0", THEN + timedelta(seconds=1))]
    assert outcomes(await imports.bring(source, other_time)) == (0, 0, [(0, "other-time")])
    assert await methods() == {Method.IMPORT: 5}


async def test_what_is_here_is_left_alone(
    imports: Imports, source: Source, lamps: Any, registrar: Registrar, catalogue: Catalogue,
    methods: Any,
) -> None:  # fmt: skip
    for suffix in ("here", "gone"):
        own = Registration(Identifier(lamps.prefix, suffix), values_of({1: "x"}))
        await registrar.create(lamps.actor, [own], Method.SINGLE)
    await registrar.withdraw(lamps.actor, Identifier(lamps.prefix, "gone"))
    brought = [
        arrival(1, f"{lamps.prefix}/HERE", values={1: "x"}),
        arrival(2, f"{lamps.prefix}/gone", values={1: "x"}),
        arrival(3, f"{lamps.prefix}/twice", values={1: "a"}),
        arrival(4, f"{lamps.prefix}/TWICE", values={1: "a"}),
        arrival(5, f"{lamps.prefix}/twice", values={1: "b"}),
        arrival(6, "88.9.9/elsewhere"),
    ]
    told = outcomes(await imports.bring(source, brought))
    assert told == (1, 1, [
        (1, "registered-here"), (2, "identifier-withdrawn"), (5, "identifier-exists"),
        (6, "prefix-not-found"),
    ])  # fmt: skip
    assert await catalogue.view(lamps.actor, Identifier(lamps.prefix, "gone")) is None
    assert await methods() == {Method.SINGLE: 2, Method.IMPORT: 1}


async def test_an_imported_tombstone_is_not_revived(
    imports: Imports, source: Source, lamps: Any, registrar: Registrar
) -> None:
    brought = [arrival(1, f"{lamps.prefix}/a")]
    await imports.bring(source, brought)
    await registrar.withdraw(lamps.actor, Identifier(lamps.prefix, "a"))
    told = outcomes(await imports.bring(source, brought))
    assert told == (0, 0, [(1, "identifier-withdrawn")])


async def test_with_a_template(
    imports: Imports, source: Source, lamps: Any, database: Database, once: Any, form: Form,
    catalogue: Catalogue,
) -> None:  # fmt: skip
    templates = Templates(database, once, form.shelf)
    item = {"idType": "PAGE", "pattern": "https://e/{suffix}"}
    await templates.create(lamps.actor, lamps.prefix, wish(item))
    prepared = await templates.prepared(source.actor, lamps.prefix, "v1")
    brought = [arrival(1, f"{lamps.prefix}/a", values={}, template_id=prepared.template_id)]
    for expected in ((1, 0, []), (0, 1, [])):
        assert outcomes(await imports.bring(source, brought)) == expected
    view = await catalogue.view(lamps.actor, Identifier(lamps.prefix, "a"))
    assert view is not None
    # What the template gives is as old as the registration.
    assert {value.timestamp for value in view.listed} == {"2024-05-06T07:08:09Z"}
    found = await catalogue.find(Identifier(lamps.prefix, "a"))
    assert "2024-05-06T07:08:09Z" in catalogue.public_text(found)


async def test_a_dry_run_writes_nothing(
    imports: Imports, source: Source, lamps: Any, methods: Any
) -> None:
    brought = [arrival(1, f"{lamps.prefix}/a"), arrival(2, "88.9.9/b")]
    told = outcomes(await imports.bring(source, brought, dry_run=True))
    assert told == (1, 0, [(2, "prefix-not-found")])
    assert await methods() == {}


async def test_operators_only(imports: Imports, source: Source, lamps: Any) -> None:
    for actor, error in ((lamps.actor, NotPermitted), (anonymous(), NotAuthenticated)):
        with pytest.raises(error):
            await imports.bring(replace(source, actor=actor), [arrival(1, f"{lamps.prefix}/a")])


def test_names_and_times() -> None:
    check_node("88.300")
    for name in ("", " a", "a\n", "x" * 129):
        with pytest.raises(InvalidInput):
            check_node(name)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    check_time(now, now)
    for moment in (now + timedelta(microseconds=1), datetime(1999, 12, 31, tzinfo=UTC)):
        with pytest.raises(InvalidInput):
            check_time(moment, now)
