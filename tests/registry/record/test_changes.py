"""Changes by the thousand: the verdicts, rights and history of changes one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from registry.access.actor import Actor
from registry.database import Database
from registry.errors import IdentifierNotFound
from registry.identifier import Identifier
from registry.record.archive import Form
from registry.record.catalogue import Catalogue
from registry.record.changes import Amendment, Change, Changes, Withdrawal
from registry.record.registrar import Registrar
from registry.record.registration import Method, Outcome, Verdict
from tests.registry.conftest import ActivePrefix, Holder
from tests.registry.record.conftest import Record, values_of

AMENDED, UNCHANGED, WITHDRAWN, REFUSED = (
    Outcome.AMENDED,
    Outcome.UNCHANGED,
    Outcome.WITHDRAWN,
    Outcome.REFUSED,
)


@pytest.fixture
def changes(database: Database, form: Form) -> Changes:
    return Changes(database, form)


@pytest.fixture
async def shop(lamps: Holder, registrar: Registrar, record: Record) -> Holder:
    """A prefix with the identifiers A to E, each with the values 1 and 2."""
    wishes = [
        record(f"{lamps.prefix}/{name}", {1: f"https://e/{name}", 2: "two"}) for name in "ABCDE"
    ]
    await registrar.create(lamps.actor, wishes, Method.BATCH)
    return lamps


def amendment(
    holder: Holder, name: str, spelled: dict[int, Any], remove: Iterable[int] = ()
) -> Change:
    identifier = Identifier(holder.prefix, name)
    return Amendment(identifier, values_of(spelled), frozenset(remove))


def withdrawal(holder: Holder, name: str) -> Change:
    return Withdrawal(Identifier(holder.prefix, name))


def told(verdicts: list[Verdict]) -> list[str]:
    """Outcome and revision, or outcome and the rule that was broken."""
    return [
        f"{v.outcome} {v.revision}" if v.error is None else f"{v.outcome} {v.error.rule}"
        for v in verdicts
    ]


async def shown(catalogue: Catalogue, holder: Holder, name: str) -> dict[int, str] | None:
    view = await catalogue.view(holder.actor, Identifier(holder.prefix, name))
    return None if view is None else {value.index: value.data.value for value in view.listed}


class TestAmending:
    async def test_each_its_verdict_in_the_order_given(
        self, changes: Changes, shop: Holder, catalogue: Catalogue
    ) -> None:
        wanted = [
            amendment(shop, "e", {3: "three"}),
            amendment(shop, "A", {2: "zwei"}, {1}),
            amendment(shop, "B", {2: "two"}),
            amendment(shop, "missing", {1: "x"}),
            Amendment(Identifier("99.1.1", "A"), ()),
        ]
        assert told(await changes.make(shop.actor, wanted)) == [
            "amended 2",
            "amended 2",
            "unchanged 1",
            "refused not-found",
            "refused prefix-not-found",
        ]
        assert await shown(catalogue, shop, "A") == {2: "zwei"}
        assert await shown(catalogue, shop, "E") == {1: "https://e/E", 2: "two", 3: "three"}
        assert await shown(catalogue, shop, "B") == {1: "https://e/B", 2: "two"}

    async def test_sending_again_changes_nothing(self, changes: Changes, shop: Holder) -> None:
        wanted = [amendment(shop, name, {2: "zwei"}, {1}) for name in "ABC"]
        assert told(await changes.make(shop.actor, wanted)) == 3 * ["amended 2"]
        assert told(await changes.make(shop.actor, wanted)) == 3 * ["unchanged 2"]

    async def test_history_is_that_of_single_changes(
        self, changes: Changes, shop: Holder, catalogue: Catalogue, registrar: Registrar
    ) -> None:
        await changes.make(shop.actor, [amendment(shop, "A", {2: "zwei"}), withdrawal(shop, "B")])
        identifier = Identifier(shop.prefix, "C")
        await registrar.upsert(shop.actor, identifier, values_of({2: "zwei"}))
        await registrar.withdraw(shop.actor, Identifier(shop.prefix, "D"))

        async def events(name: str) -> list[Any]:
            history = await catalogue.history(shop.actor, Identifier(shop.prefix, name))
            return [
                (e.revision, e.action, e.actor, e.values and [v.data.value[-3:] for v in e.values])
                for e in history
            ]

        one, other = await events("A"), await events("C")
        assert one == [
            (1, "registered", None, ["e/A", "two"]),
            (2, "amended", shop.actor.name, ["e/A", "wei"]),
        ]
        assert [event[:3] for event in other] == [event[:3] for event in one]
        assert await events("B") == [
            (1, "registered", None, ["e/B", "two"]),
            (2, "withdrawn", shop.actor.name, None),
        ]
        assert (await events("D"))[1] == (await events("B"))[1]

    async def test_one_identifier_twice_is_changed_in_order(
        self, changes: Changes, shop: Holder, catalogue: Catalogue
    ) -> None:
        wanted = [
            amendment(shop, "A", {2: "first"}),
            amendment(shop, "B", {2: "b"}),
            amendment(shop, "a", {2: "second"}),
            amendment(shop, "A", {2: "second"}),
        ]
        assert told(await changes.make(shop.actor, wanted)) == [
            "amended 2",
            "amended 2",
            "amended 3",
            "unchanged 3",
        ]
        assert (await shown(catalogue, shop, "A") or {})[2] == "second"
        history = await catalogue.history(shop.actor, Identifier(shop.prefix, "A"))
        assert [event.revision for event in history] == [1, 2, 3]

    async def test_private_values_and_their_neighbours(
        self, changes: Changes, shop: Holder, catalogue: Catalogue, database: Database
    ) -> None:
        wanted = [amendment(shop, name, {7: ("X.COST", "12.80", "1100")}) for name in "AB"]
        assert told(await changes.make(shop.actor, wanted)) == 2 * ["amended 2"]
        assert (await shown(catalogue, shop, "A") or {})[7] == "12.80"
        async with database.connection() as connection:
            text = await connection.fetchval(
                "SELECT string_agg(i::text || r::text, '') FROM identifier i, revision r"
            )
        assert "12.80" not in text
        assert told(await changes.make(shop.actor, wanted)) == 2 * ["unchanged 2"]


class TestWithdrawing:
    async def test_and_again(self, changes: Changes, shop: Holder, catalogue: Catalogue) -> None:
        wanted = [withdrawal(shop, name) for name in ("C", "a", "missing")]
        assert told(await changes.make(shop.actor, wanted)) == [
            "withdrawn 2",
            "withdrawn 2",
            "refused not-found",
        ]
        assert told(await changes.make(shop.actor, wanted)) == [
            "unchanged 2",
            "unchanged 2",
            "refused not-found",
        ]
        assert await shown(catalogue, shop, "A") is None
        assert await shown(catalogue, shop, "B") is not None

    async def test_what_was_withdrawn_is_not_amended(self, changes: Changes, shop: Holder) -> None:
        await changes.make(shop.actor, [withdrawal(shop, "A")])
        (verdict,) = await changes.make(shop.actor, [amendment(shop, "A", {1: "x"})])
        assert isinstance(verdict.error, IdentifierNotFound)

    async def test_revived_it_goes_on_from_there(
        self, changes: Changes, shop: Holder, registrar: Registrar, record: Record
    ) -> None:
        await changes.make(shop.actor, [withdrawal(shop, "A")])
        wish = record(f"{shop.prefix}/A", {1: "new"})
        (revived,) = await registrar.create(shop.actor, [wish], Method.SINGLE, revive=True)
        assert (revived.outcome, revived.revision) == (Outcome.REVIVED, 3)
        assert told(await changes.make(shop.actor, [withdrawal(shop, "A")])) == ["withdrawn 4"]


class TestRights:
    async def test_a_foreign_enterprise_learns_nothing(
        self, changes: Changes, shop: Holder, active_prefix: ActivePrefix
    ) -> None:
        other = await active_prefix()
        wanted = [amendment(shop, "A", {1: "https://e/A"}), withdrawal(shop, "A")]
        assert told(await changes.make(other.actor, wanted)) == 2 * ["refused prefix-owner"]

    async def test_an_operator_withdraws_and_does_not_write(
        self, changes: Changes, shop: Holder, operator: Actor
    ) -> None:
        wanted = [amendment(shop, "A", {1: "x"}), withdrawal(shop, "A")]
        assert told(await changes.make(operator, wanted)) == ["refused prefix-owner", "withdrawn 2"]

    async def test_a_stopped_prefix(
        self, changes: Changes, shop: Holder, prefixes: Any, operator: Actor
    ) -> None:
        await prefixes.stop(operator, shop.prefix, "wanted")
        wanted = [amendment(shop, "A", {1: "x"}), withdrawal(shop, "A")]
        verdicts = await changes.make(shop.actor, wanted)
        assert [verdict.outcome for verdict in verdicts] == 2 * [REFUSED]


async def test_a_dry_run_gives_the_verdicts_and_changes_nothing(
    changes: Changes, shop: Holder, catalogue: Catalogue
) -> None:
    wanted = [amendment(shop, "A", {2: "zwei"}), withdrawal(shop, "B"), withdrawal(shop, "x")]
    said = told(await changes.make(shop.actor, wanted, dry_run=True))
    assert said == ["amended 2", "withdrawn 2", "refused not-found"]
    assert (await shown(catalogue, shop, "A") or {})[2] == "two"
    assert told(await changes.make(shop.actor, wanted)) == said


async def test_many_at_once_in_any_order(
    changes: Changes, lamps: Holder, registrar: Registrar, record: Record, database: Database
) -> None:
    """Overlapping sets in opposite orders: each record ends with a history without gaps."""
    names = [f"N{number:04d}" for number in range(300)]
    wishes = [record(f"{lamps.prefix}/{name}", {1: "start"}) for name in names]
    await registrar.create(lamps.actor, wishes, Method.BATCH)

    async def change(number: int) -> None:
        order = names if number % 2 else names[::-1]
        wanted = [amendment(lamps, name, {1: f"by {number}"}) for name in order]
        verdicts = await changes.make(lamps.actor, wanted)
        assert {verdict.outcome for verdict in verdicts} == {AMENDED}

    await asyncio.gather(*(change(number) for number in range(6)))
    async with database.connection() as connection:
        rows = await connection.fetch(
            """SELECT i.revision, count(*) AS changes, max(r.revision) AS last
                 FROM identifier i JOIN revision r USING (prefix_id, suffix)
                GROUP BY i.suffix, i.revision"""
        )
    assert [tuple(row) for row in rows] == 300 * [(7, 6, 7)]
