"""Records that use a template: what is stored, what is shown, and how both change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.access.actor import Actor, anonymous
from registry.database import Database
from registry.errors import (
    BiaoshiError,
    IdentifierExists,
    InvalidAttribute,
    InvalidValue,
    RevisionMismatch,
    TooLarge,
    UnknownTemplate,
    ValueExists,
)
from registry.identifier import Identifier
from registry.record.archive import Form
from registry.record.catalogue import Catalogue
from registry.record.history import Event
from registry.record.registrar import Registrar
from registry.record.registration import Method, Outcome, Registration, Verdict
from registry.record.tag import Tag
from registry.record.typed_data import Reference
from registry.record.value import DataIn, Value, ValueIn, decode, normalise
from registry.template.compiled import Compiled
from registry.template.templates import Templates
from tests.registry.template.conftest import Define

URL = {"idType": "URL", "pattern": "https://e.cn/{suffix:url}"}
COLOUR = {"idType": "COLOUR", "default": "白"}
POWER = {"idType": "POWER", "required": True, "metadata": {"type": "number"}}
REPORT = {"idType": "REPORT", "visibility": "granted"}
COST = {"idType": "COST", "visibility": "private"}
GIVEN = {1001: "v1", 2000: "https://e.cn/A", 2001: "白"}


def raw(index: int, type_: str, text: str, **members: Any) -> Value:
    (value,) = normalise([ValueIn(index, type_, DataIn(text), **members)], now=datetime.now(UTC))
    return value


class Shop:
    """Short ways to register and look, for one enterprise."""

    def __init__(
        self, holder: Any, registrar: Registrar, catalogue: Catalogue, database: Database
    ) -> None:
        self.holder = holder
        self.registrar = registrar
        self.catalogue = catalogue
        self.database = database

    def identifier(self, suffix: str = "A") -> Identifier:
        return Identifier(self.holder.prefix, suffix)

    def registration(
        self, template: Compiled | None, values: Sequence[Value] = (), suffix: str = "A"
    ) -> Registration:
        number = None if template is None else template.template_id
        return Registration(self.identifier(suffix), tuple(values), number)

    async def create(
        self, template: Compiled | None, suffix: str = "A", revive: bool = False, **attributes: Any
    ) -> Verdict:
        values = () if template is None else template.values_of(attributes)
        registration = self.registration(template, values, suffix)
        (verdict,) = await self.registrar.create(
            self.holder.actor, [registration], Method.BATCH, revive=revive
        )
        return verdict

    async def put(
        self, template: Compiled | None, values: Sequence[Value] = (), **options: Any
    ) -> Verdict:
        registration = self.registration(template, values)
        return await self.registrar.put(self.holder.actor, registration, **options)

    async def upsert(self, values: Sequence[Value] = (), **options: Any) -> Verdict:
        identifier = options.pop("identifier", self.identifier())
        return await self.registrar.upsert(self.holder.actor, identifier, values, **options)

    async def shown(self, suffix: str = "A", actor: Actor | None = None) -> dict[int, Any]:
        view = await self.catalogue.view(actor or self.holder.actor, self.identifier(suffix))
        assert view is not None
        assert [v.index for v in view.listed] == sorted(v.index for v in view.listed)
        return {value.index: value.data.value for value in view.listed}

    async def values(self, suffix: str = "A") -> dict[int, Value]:
        view = await self.catalogue.view(self.holder.actor, self.identifier(suffix))
        assert view is not None
        return {value.index: value for value in view.listed}

    async def public(self, suffix: str = "A") -> dict[int, Any]:
        """As the resolver sends it to anyone."""
        found = await self.catalogue.find(self.identifier(suffix))
        values = decode(self.catalogue.public_text(found))
        assert all(value.public for value in values)
        return {value.index: value.data.value for value in values}

    async def tag(self, suffix: str = "A") -> str:
        found = await self.catalogue.find(self.identifier(suffix))
        assert found.row is not None
        return str(found.row.tag)

    async def row(self, suffix: str = "A") -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchrow(
                """SELECT public_values, private_values, template_id, revision
                     FROM identifier WHERE suffix = $1""",
                suffix.upper(),
            )

    async def history(self, actor: Actor | None = None) -> list[Event]:
        return await self.catalogue.history(actor or self.holder.actor, self.identifier())


@pytest.fixture
def shop(lamps: Any, registrar: Registrar, catalogue: Catalogue, database: Database) -> Shop:
    return Shop(lamps, registrar, catalogue, database)


class TestRegistering:
    async def test_what_the_template_gives_is_not_stored(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR)
        verdict = await shop.create(template)
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.CREATED, "1.1")
        row = await shop.row()
        assert (row["public_values"], row["private_values"]) == (None, None)
        assert row["template_id"] == template.template_id
        assert await shop.shown() == await shop.public() == GIVEN

    async def test_what_is_the_same_is_not_stored_either(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.create(template, COLOUR="白", URL="https://e.cn/A")
        assert (await shop.row())["public_values"] is None
        verdict = await shop.create(template)
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.UNCHANGED, "1.1")

    async def test_what_differs_is(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR, COST)
        await shop.create(template, COLOUR="黑", COST="9")
        row = await shop.row()
        (stored,) = decode(row["public_values"])
        assert (stored.data.value, stored.timestamp) == ("黑", "")
        assert row["private_values"] is not None
        assert await shop.public() == GIVEN | {2001: "黑"}
        assert await shop.shown() == GIVEN | {2001: "黑", 2002: "9"}

    async def test_only_private_values(self, shop: Shop, define: Define) -> None:
        await shop.create(await define(shop.holder, COST), COST="9")
        row = await shop.row()
        assert row["public_values"] is None
        assert row["private_values"] is not None
        assert await shop.public() == {1001: "v1"}
        assert await shop.shown() == {1001: "v1", 2000: "9"}

    async def test_values_are_as_old_as_the_registration(self, shop: Shop, define: Define) -> None:
        await shop.create(await define(shop.holder, URL, COLOUR), COLOUR="黑")
        found = await shop.catalogue.find(shop.identifier())
        assert found.registered_at is not None
        told = {value.timestamp for value in (await shop.values()).values()}
        assert told == {found.registered_at.strftime("%Y-%m-%dT%H:%M:%SZ")}

    async def test_the_spelling_is_the_registered_one(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL)
        await shop.create(template, "sn-ä/1")
        assert (await shop.public("SN-ä/1"))[2000] == "https://e.cn/sn-%C3%A4%2F1"
        assert (await shop.create(template, "SN-ä/1")).outcome is Outcome.UNCHANGED

    async def test_other_content_is_a_conflict(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR)
        second = await define(shop.holder, URL, COLOUR, version="v2")
        await shop.create(template)
        for verdict in (
            await shop.create(template, COLOUR="黑"),
            await shop.create(second),
            await shop.create(None),
        ):
            assert isinstance(verdict.error, IdentifierExists)
        await shop.create(None, "B")
        assert isinstance((await shop.create(template, "B")).error, IdentifierExists)

    async def test_another_prefixs_template(
        self, shop: Shop, define: Define, active_prefix: Any
    ) -> None:
        locks = await active_prefix()
        template = await define(locks, URL)
        verdict = await shop.create(template)
        assert isinstance(verdict.error, UnknownTemplate)
        with pytest.raises(UnknownTemplate):
            await shop.put(template)

    async def test_one_with_a_wrong_template_harms_no_neighbour(
        self, shop: Shop, define: Define
    ) -> None:
        template = await define(shop.holder, URL)
        wishes = [
            shop.registration(template, suffix="A"),
            Registration(shop.identifier("B"), (), 999_999),
            shop.registration(None, suffix="C"),
            shop.registration(template, [raw(1001, "TEMPLATE", "v1")], suffix="D"),
        ]
        verdicts = await shop.registrar.create(shop.holder.actor, wishes, Method.BATCH)
        outcomes = [verdict.outcome for verdict in verdicts]
        assert outcomes == [Outcome.CREATED, Outcome.REFUSED, Outcome.CREATED, Outcome.REFUSED]
        assert isinstance(verdicts[1].error, UnknownTemplate)
        assert isinstance(verdicts[3].error, InvalidValue)

    async def test_twenty_at_once_create_one(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL)
        verdicts = await asyncio.gather(*(shop.create(template) for _ in range(20)))
        outcomes = [verdict.outcome for verdict in verdicts]
        assert sorted(outcomes) == [Outcome.CREATED] + 19 * [Outcome.UNCHANGED]

    async def test_a_record_stays_within_the_limits_of_all(
        self, shop: Shop, define: Define
    ) -> None:
        template = await define(shop.holder, URL)
        large = [raw(n, "X", "x" * 60_000) for n in range(1, 4)]
        with pytest.raises(TooLarge):
            await shop.put(template, [*large, raw(4, "X", "x" * 60_000)])
        await shop.put(template, large)
        with pytest.raises(TooLarge):
            await shop.put(template, [raw(n, "X", "x") for n in range(1, 801)])


class Counted(Database):
    """A database that notes down what it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked: list[str] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._database.connection() as connection:
            with connection.query_logger(lambda record: self.asked.append(record.query)):
                yield connection


async def test_looking_a_record_up_is_one_round_trip(
    shop: Shop, define: Define, form: Form, amend: Any
) -> None:
    await shop.create(await define(shop.holder, URL, COLOUR), COLOUR="黑")
    counted = Counted(shop.database)
    catalogue = Catalogue(counted, form)
    for _ in range(3):
        await catalogue.find(shop.identifier())
    assert len(counted.asked) == 3
    await amend(shop.holder, {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn"})
    await catalogue.find(shop.identifier())
    await catalogue.find(shop.identifier())
    assert len(counted.asked) == 6  # once more for the new generation


class TestChangingTheTemplate:
    async def test_a_pattern_changes_what_records_show(
        self, shop: Shop, define: Define, amend: Any
    ) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.create(template)
        await shop.create(template, "B", COLOUR="黑")
        change = {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn/{handle:url}"}
        await amend(shop.holder, change)
        assert await shop.tag() == "1.2"
        new = f"https://f.cn/{shop.holder.prefix}%2F"
        assert (await shop.public())[2000] == f"{new}A"
        assert (await shop.public("B"))[2000] == f"{new}B"
        assert (await shop.row())["revision"] == 1

    async def test_another_process_sees_it_at_once(
        self, shop: Shop, define: Define, amend: Any, sealing: Any, database: Database
    ) -> None:
        elsewhere = Catalogue(database, Form(case_sensitive=False, sealing=sealing))
        await shop.create(await define(shop.holder, URL))
        first = await elsewhere.find(shop.identifier())
        await amend(shop.holder, {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn"})
        second = await elsewhere.find(shop.identifier())
        assert first.row is not None
        assert second.row is not None
        assert (str(first.row.tag), str(second.row.tag)) == ("1.1", "1.2")
        assert "https://f.cn" in elsewhere.public_text(second)

    async def test_a_new_default_shows_where_nothing_else_was_given(
        self, shop: Shop, define: Define, amend: Any
    ) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.create(template)
        await shop.create(template, "B", COLOUR="黑")
        await amend(shop.holder, {"idIndex": 2001, "idType": "COLOUR", "default": "黑"})
        assert [(await shop.shown(suffix))[2001] for suffix in "AB"] == ["黑", "黑"]
        # Now all three are the same content, stored or not.
        for suffix in "AB":
            assert (await shop.create(template, suffix)).outcome is Outcome.UNCHANGED
            verdict = await shop.create(template, suffix, COLOUR="黑")
            assert verdict.outcome is Outcome.UNCHANGED
            verdict = await shop.create(template, suffix, COLOUR="白")
            assert isinstance(verdict.error, IdentifierExists)

    async def test_new_rules_leave_what_is_registered(
        self, shop: Shop, define: Define, amend: Any, templates: Templates
    ) -> None:
        await shop.create(await define(shop.holder, URL, COLOUR), COLOUR="黑白相间")
        await amend(
            shop.holder,
            {"idIndex": 2001, "idType": "COLOUR", "default": None, "metadata": {"maxLength": 1}},
            {"idIndex": 2005, "idType": "NEW", "name": "新", "required": True},
        )
        shown = GIVEN | {2001: "黑白相间"}
        assert await shop.shown() == await shop.public() == shown
        # A change elsewhere in the record is not about the old value, nor about the missing one.
        verdict = await shop.upsert([raw(1, "URL", "https://x")])
        assert verdict.outcome is Outcome.AMENDED
        assert await shop.shown() == shown | {1: "https://x"}
        stricter = await templates.prepared(shop.holder.actor, shop.holder.prefix, "v1")
        with pytest.raises(InvalidAttribute):
            stricter.values_of({})

    async def test_a_disabled_item_gives_nothing_but_what_was_given_stays(
        self, shop: Shop, define: Define, amend: Any
    ) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.create(template)
        await shop.create(template, "B", COLOUR="黑")
        await amend(shop.holder, {"idIndex": 2001, "idType": "COLOUR", "state": 0})
        assert 2001 not in await shop.shown()
        assert (await shop.shown("B"))[2001] == "黑"
        await amend(shop.holder, {"idIndex": 2001, "idType": "COLOUR", "state": 1})
        assert (await shop.shown())[2001] == "白"

    async def test_closing_an_item_hides_what_is_stored_already(
        self, shop: Shop, define: Define, amend: Any, operator: Actor
    ) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.create(template, COLOUR="黑")
        await amend(shop.holder, {"idIndex": 2001, "idType": "COLOUR", "visibility": "private"})
        assert 2001 not in await shop.public()
        for actor in (anonymous(), operator):
            assert 2001 not in await shop.shown(actor=actor)
        assert all(value.index != 2001 for value in (await shop.history(operator))[0].values or ())
        assert (await shop.shown())[2001] == "黑"
        assert (await shop.values())[2001].permissions == "1100"

    async def test_opening_an_item_shows_what_is_stored_already(
        self, shop: Shop, define: Define, amend: Any
    ) -> None:
        await shop.create(await define(shop.holder, COST), COST="9")
        await amend(shop.holder, {"idIndex": 2000, "idType": "COST", "visibility": "public"})
        assert await shop.public() == {1001: "v1", 2000: "9"}


class TestPut:
    async def test_replacing_content_and_template(self, shop: Shop, define: Define) -> None:
        first = await define(shop.holder, URL, COLOUR)
        second = await define(shop.holder, COLOUR | {"default": "绿"}, version="v2")
        assert (await shop.put(first)).outcome is Outcome.CREATED
        verdict = await shop.put(second)
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.AMENDED, "2.1")
        assert await shop.shown() == {1001: "v2", 2000: "绿"}
        assert (await shop.put(second)).outcome is Outcome.UNCHANGED
        verdict = await shop.put(None, [raw(1, "URL", "x")])
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.AMENDED, "3")
        assert await shop.shown() == {1: "x"}
        row = await shop.row()
        assert row["template_id"] is None
        verdict = await shop.put(first, [raw(1, "URL", "x")])
        assert await shop.shown() == GIVEN | {1: "x"}

    async def test_unchanged_values_keep_their_time(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR, POWER)
        values = template.values_of({"COLOUR": "黑", "POWER": 1}, "2020-01-01T00:00:00Z")
        await shop.put(template, values)
        later = template.values_of({"COLOUR": "黑", "POWER": 2}, "2021-01-01T00:00:00Z")
        assert (await shop.put(template, later)).outcome is Outcome.AMENDED
        times = {index: value.timestamp for index, value in (await shop.values()).items()}
        assert (times[2001], times[2002]) == ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")

    async def test_the_state_that_was_read(
        self, shop: Shop, define: Define, amend: Any, templates: Templates
    ) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.put(template)
        black = template.values_of({"COLOUR": "黑"})
        for stale in (Tag(2), Tag(1, 2), Tag(2, 1), 2):
            with pytest.raises(RevisionMismatch):
                await shop.put(template, black, expected=stale)
        await amend(shop.holder, {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn"})
        with pytest.raises(RevisionMismatch) as refused:
            await shop.put(template, black, expected=Tag(1, 1))
        assert refused.value.rule == "revision"
        verdict = await shop.put(template, black, expected=Tag(1, 2))
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.AMENDED, "2.2")
        assert (await shop.put(template, expected=Tag(2))).outcome is Outcome.AMENDED

    async def test_one_of_two_editors_wins(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.put(template)
        results = await asyncio.gather(
            *(
                shop.put(template, template.values_of({"COLOUR": colour}), expected=Tag(1, 1))
                for colour in ("黑", "红")
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(result, RevisionMismatch) for result in results) == 1
        assert (await shop.tag()) == "2.1"

    async def test_a_client_that_knows_no_templates_sends_back_what_it_read(
        self, shop: Shop, define: Define
    ) -> None:
        template = await define(shop.holder, URL, COLOUR, COST)
        await shop.create(template, COST="9")
        read = await shop.values()
        assert (await shop.put(None, list(read.values()))).outcome is Outcome.UNCHANGED
        read[2001] = raw(2001, "COLOUR", "黑")
        verdict = await shop.put(None, list(read.values()))
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.AMENDED, "2.1")
        row = await shop.row()
        assert row["template_id"] == template.template_id
        assert [value.index for value in decode(row["public_values"])] == [2001]
        assert await shop.shown() == GIVEN | {2001: "黑", 2002: "9"}

    @pytest.mark.parametrize(
        ("change", "error", "rule"),
        [
            ({1001: raw(1001, "TEMPLATE", "v2")}, InvalidValue, "template-index"),
            ({1001: raw(1001, "OTHER", "v1")}, InvalidValue, "template-index"),
            ({2003: raw(2003, "POWER", "much")}, InvalidAttribute, "type"),
            ({2001: raw(2001, "OTHER", "x")}, InvalidAttribute, "unknown"),
            ({2077: raw(2077, "OTHER", "x")}, InvalidAttribute, "unknown"),
            ({2003: None}, InvalidAttribute, "required"),
        ],
    )
    async def test_and_the_rules_hold_for_what_it_changed(
        self, shop: Shop, define: Define, change: Any, error: type[BiaoshiError], rule: str
    ) -> None:
        template = await define(shop.holder, URL, COLOUR, COST, POWER)
        await shop.create(template, POWER=5)
        after = {k: v for k, v in (await shop.values() | change).items() if v is not None}
        with pytest.raises(error) as refused:
            await shop.put(None, [after[index] for index in sorted(after)])
        assert refused.value.rule == rule
        assert await shop.tag() == "1.1"


class TestByIndex:
    @pytest.fixture(autouse=True)
    async def present(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR, POWER, COST)
        await shop.create(template, COLOUR="黑", POWER=5)

    async def test_setting_and_removing(self, shop: Shop) -> None:
        verdict = await shop.upsert(
            [raw(1, "URL", "u"), raw(2003, "COST", "9", permissions="1111")], remove=[2001]
        )
        assert (verdict.outcome, verdict.added, str(verdict.tag)) == (Outcome.AMENDED, True, "2.1")
        assert await shop.shown() == GIVEN | {1: "u", 2002: "5", 2003: "9"}
        assert 2003 not in await shop.public()

    async def test_setting_what_the_template_gives(self, shop: Shop) -> None:
        verdict = await shop.upsert([raw(2001, "COLOUR", "白")])
        assert (verdict.outcome, verdict.added) == (Outcome.AMENDED, False)
        stored = decode((await shop.row())["public_values"])
        assert [value.index for value in stored] == [2002]
        assert (await shop.upsert([raw(2001, "COLOUR", "白")])).outcome is Outcome.UNCHANGED

    @pytest.mark.parametrize(
        ("values", "remove", "field", "rule"),
        [
            ([raw(1001, "TEMPLATE", "v1")], [], "values", "template-index"),
            ([], [1001], "values", "template-index"),
            ([], [2000], "attributes.URL", "template"),
            ([], [2002], "attributes.POWER", "required"),
            ([raw(2002, "POWER", "much")], [], "attributes.POWER", "type"),
            ([raw(2002, "COLOUR", "黑")], [], "attributes.COLOUR", "unknown"),
            ([raw(2500, "NEW", "x")], [], "attributes.NEW", "unknown"),
        ],
    )
    async def test_what_breaks_a_rule(
        self, shop: Shop, values: list[Value], remove: list[int], field: str, rule: str
    ) -> None:
        with pytest.raises((InvalidValue, InvalidAttribute)) as refused:
            await shop.upsert(values, remove=remove)
        assert (refused.value.field, refused.value.rule) == (field, rule)
        assert await shop.tag() == "1.1"

    async def test_an_index_is_taken_by_what_the_template_gives(self, shop: Shop) -> None:
        with pytest.raises(ValueExists):
            await shop.upsert([raw(2000, "URL", "https://x")], overwrite=False)

    async def test_the_state_that_was_read(self, shop: Shop) -> None:
        with pytest.raises(RevisionMismatch):
            await shop.upsert([raw(1, "URL", "u")], expected=Tag(1, 2))
        assert (await shop.upsert([raw(1, "URL", "u")], expected=Tag(1, 1))).revision == 2


class TestWithdrawing:
    async def test_and_reviving(self, shop: Shop, define: Define) -> None:
        template = await define(shop.holder, URL, COLOUR)
        await shop.create(template, COLOUR="黑")
        verdict = await shop.registrar.withdraw(
            shop.holder.actor, shop.identifier(), expected=Tag(1, 1)
        )
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.WITHDRAWN, "2")
        row = await shop.row()
        assert (row["revision"], row["template_id"], row["public_values"]) == (-2, None, None)
        assert await shop.catalogue.view(shop.holder.actor, shop.identifier()) is None
        verdict = await shop.create(template, revive=True)
        assert (verdict.outcome, str(verdict.tag)) == (Outcome.REVIVED, "3.1")
        assert await shop.shown() == GIVEN


class TestHistory:
    async def test_every_state_with_what_its_template_gave(
        self, shop: Shop, define: Define, amend: Any, operator: Actor
    ) -> None:
        template = await define(shop.holder, URL, COLOUR, COST)
        await shop.create(template, COST="9")
        await amend(shop.holder, {"idIndex": 2001, "idType": "COLOUR", "default": "绿"})
        await shop.upsert([raw(1, "URL", "u")])
        await shop.registrar.withdraw(shop.holder.actor, shop.identifier())
        await shop.create(template, revive=True)
        await shop.put(None, [raw(1, "URL", "u")])
        events = await shop.history()
        assert [event.action for event in events] == [
            "registered", "amended", "withdrawn", "revived", "amended",
        ]  # fmt: skip
        told = [e.values and {v.index: v.data.value for v in e.values} for e in events]
        assert told == [
            GIVEN | {2002: "9"},
            GIVEN | {1: "u", 2001: "绿", 2002: "9"},
            None,
            GIVEN | {2001: "绿"},
            {1: "u"},
        ]
        told = [e.values and [v.index for v in e.values] for e in await shop.history(operator)]
        assert told == [[1001, 2000, 2001], [1, 1001, 2000, 2001], None, [1001, 2000, 2001], [1]]

    async def test_of_a_deleted_template(
        self, shop: Shop, define: Define, templates: Templates
    ) -> None:
        await shop.create(await define(shop.holder, URL, COLOUR))
        await shop.registrar.withdraw(shop.holder.actor, shop.identifier())
        await templates.delete(shop.holder.actor, shop.holder.prefix, "v1")
        first, _ = await shop.history()
        assert {value.index: value.data.value for value in first.values or ()} == GIVEN


async def test_a_handle_administrator_reads_as_its_rights_allow(
    shop: Shop, define: Define, active_prefix: Any
) -> None:
    template = await define(shop.holder, COLOUR, COST)
    reading = {"handle": f"{shop.holder.prefix}/ADM", "index": 300, "permissions": "010000000000"}
    other = reading | {"index": 301, "permissions": "000000010000"}
    admins = normalise(
        [
            ValueIn(100, "HS_ADMIN", DataIn(reading, "admin")),
            ValueIn(101, "HS_ADMIN", DataIn(other, "admin")),
        ],
        now=datetime.now(UTC),
    )
    await shop.put(template, [*admins, *template.values_of({"COST": "9"})])
    for index, sees in ((300, True), (301, False)):
        identity = Reference(f"{shop.holder.prefix}/ADM", index)
        actor = Actor(f"{index}:ADM", identity=identity)
        assert (2001 in await shop.shown(actor=actor)) is sees
