"""The index of searchable values is as the records are, however they came to be so, and searching
through it finds what looking at every record finds."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from registry.database import Database
from registry.identifier import Identifier
from registry.lookup import search as module
from registry.lookup import store
from registry.lookup.backfill import Backfill
from registry.prefix import store as prefixes
from registry.record.archive import Form
from registry.record.bulk import Bulk, Terms
from registry.record.catalogue import Catalogue
from registry.record.changes import Amendment, Changes, Withdrawal
from registry.record.creation import Creation, Wish
from registry.record.registrar import Registrar
from registry.record.registration import Method, Outcome, Registration
from registry.record.value import Value, ValueIn, normalise
from registry.series.series import Content, Series
from registry.template.templates import Templates
from tests.registry.template.conftest import changing, wish

COLOUR = {"idType": "COLOUR", "searchable": True}
PAGE = {"idType": "PAGE", "pattern": "https://e.cn/{suffix:url}", "searchable": True}
STATE = {"idType": "STATE", "default": "sold", "searchable": True}
SECRET = {"idType": "SECRET", "visibility": "private"}
NOTE = {"idType": "NOTE"}


@pytest.fixture
def templates(database: Database, once: Any, form: Form) -> Templates:
    return Templates(database, once, form.shelf)


@pytest.fixture
async def template(templates: Templates, lamps: Any) -> Any:
    await templates.create(lamps.actor, lamps.prefix, wish(COLOUR, PAGE, STATE, SECRET, NOTE))
    return await templates.prepared(lamps.actor, lamps.prefix, "v1")


def stamped(index: int, type_: str, text: str) -> tuple[Value, ...]:
    return normalise([ValueIn(index, type_, text)], now=datetime.now(UTC))


async def indexed(database: Database) -> set[tuple[str, str, str]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT suffix, kind, key FROM searchable")
    return {(row["suffix"], row["kind"], row["key"]) for row in rows}


async def test_every_way_of_registering_and_changing(
    database: Database, registrar: Registrar, form: Form, lamps: Any, template: Any,
    templates: Templates,
) -> None:  # fmt: skip
    def wished(suffix: str, **attributes: str) -> Registration:
        values = template.values_of(attributes)
        return Registration(Identifier(lamps.prefix, suffix), values, template.template_id)

    actor = lamps.actor
    await registrar.create(actor, [wished("a", COLOUR="White", NOTE="x")], Method.BATCH)
    await registrar.put(actor, wished("b", COLOUR="Black", SECRET="s"))
    await registrar.create(actor, [wished("none")], Method.BATCH)
    assert await indexed(database) == {("A", "COLOUR", "white"), ("B", "COLOUR", "black")}

    # A block, whose records share a value of their own.
    content = Content(template.values_of({"COLOUR": "Grey"}), template.template_id)
    async with database.connection() as tx, tx.transaction():
        holding = (await prefixes.holdings(tx, [lamps.prefix]))[lamps.prefix]
        series = Series(Bulk(database, form), form, Terms(actor, Method.BLOCK), content)
        assert (await series.register(tx, holding, ["S1", "S2"], 1)).created == 2
    assert {("S1", "COLOUR", "grey"), ("S2", "COLOUR", "grey")} <= await indexed(database)

    # Changes, one by one and by the thousand.
    one = Identifier(lamps.prefix, "a")
    await registrar.upsert(actor, one, stamped(2000, "COLOUR", "Red"))
    await registrar.upsert(actor, one, stamped(5, "BESIDE", "Text"))
    changes = Changes(database, form)
    amendment = Amendment(Identifier(lamps.prefix, "b"), stamped(2000, "COLOUR", "Blue"))
    withdrawal = Withdrawal(Identifier(lamps.prefix, "s1"))
    verdicts = await changes.make(actor, [amendment, withdrawal])
    assert [verdict.outcome for verdict in verdicts] == [Outcome.AMENDED, Outcome.WITHDRAWN]
    assert await indexed(database) == {
        ("A", "COLOUR", "red"), ("A", "BESIDE", "text"), ("B", "COLOUR", "blue"),
        ("S2", "COLOUR", "grey"),
    }  # fmt: skip

    # Withdrawn, revived, and without its template.
    await registrar.withdraw(actor, one)
    await registrar.create(actor, [wished("A", COLOUR="Gold")], Method.BATCH, revive=True)
    plain = Registration(Identifier(lamps.prefix, "b"), stamped(1, "COLOUR", "Blue"))
    await registrar.put(actor, plain)
    assert await indexed(database) == {("A", "COLOUR", "gold"), ("S2", "COLOUR", "grey")}


async def test_records_without_such_values_cost_nothing(
    database: Database, registrar: Registrar, lamps: Any, templates: Templates
) -> None:
    await templates.create(lamps.actor, lamps.prefix, wish(NOTE, SECRET, version="dull"))
    dull = await templates.prepared(lamps.actor, lamps.prefix, "dull")
    for suffix, attributes in (("a", {}), ("b", {"NOTE": "x", "SECRET": "y"})):
        values = dull.values_of(attributes)
        wanted = Registration(Identifier(lamps.prefix, suffix), values, dull.template_id)
        await registrar.create(lamps.actor, [wanted], Method.BATCH)
    plain = Registration(Identifier(lamps.prefix, "c"), stamped(1, "URL", "https://e"))
    await registrar.create(lamps.actor, [plain], Method.BATCH)
    assert await indexed(database) == set()


async def test_an_item_marked_searchable_later(
    database: Database, registrar: Registrar, catalogue: Catalogue, lamps: Any,
    templates: Templates, template: Any,
) -> None:  # fmt: skip
    for number in range(7):
        values = template.values_of({"NOTE": f"note {number}"})
        wanted = Registration(Identifier(lamps.prefix, f"n{number}"), values, template.template_id)
        await registrar.create(lamps.actor, [wanted], Method.BATCH)
    change = changing({"idIndex": 2004, "idType": "NOTE", "searchable": True})
    await templates.amend(lamps.actor, lamps.prefix, "v1", change)
    hit = [f"{lamps.prefix}/n3"]
    assert await catalogue.search(lamps.actor, {"NOTE": "note 3"}) == hit  # gone through
    assert await indexed(database) == set()
    backfill = Backfill(database, chunk=3)
    assert await backfill.make_good()
    assert not await backfill.make_good()
    assert {key for _, _, key in await indexed(database)} == {f"note {n}" for n in range(7)}
    assert await catalogue.search(lamps.actor, {"NOTE": "note 3"}) == hit
    # No more than what is marked now counts, whatever the index has.
    change = changing({"idIndex": 2004, "idType": "NOTE", "searchable": False})
    await templates.amend(lamps.actor, lamps.prefix, "v1", change)
    assert await catalogue.search(lamps.actor, {"NOTE": "note 3"}) == []


async def test_a_registration_under_way_while_an_item_is_marked(
    database: Database, registrar: Registrar, lamps: Any, templates: Templates, template: Any,
    form: Form,
) -> None:  # fmt: skip
    """The backfill waits for it: it may not know yet that its value is to be in the index."""

    def wished(suffix: str) -> Registration:
        values = template.values_of({"NOTE": suffix})
        return Registration(Identifier(lamps.prefix, suffix), values, template.template_id)

    await registrar.create(lamps.actor, [wished("early")], Method.BATCH)
    async with database.connection() as tx:
        transaction = tx.transaction()
        await transaction.start()
        await Creation(tx, form).run([Wish(lamps.actor, wished("late"))], Method.BATCH)
        change = changing({"idIndex": 2004, "idType": "NOTE", "searchable": True})
        await templates.amend(lamps.actor, lamps.prefix, "v1", change)
        made = asyncio.create_task(Backfill(database).make_good())
        await asyncio.sleep(0.2)
        assert not made.done()
        await transaction.commit()
    assert await made
    assert {key for _, _, key in await indexed(database)} == {"early", "late"}


async def test_through_the_index_as_through_all(
    database: Database, registrar: Registrar, catalogue: Catalogue, lamps: Any, template: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    choice = random.Random(11)
    for number in range(40):
        attributes = {
            "COLOUR": choice.choice(["White", "white 2", "黑", "Grün", "x" * 70]),
            "PAGE": f"https://own/{number}",
            "STATE": choice.choice(["sold", "SCRAPPED", "100%"]),
        }
        some = {name: text for name, text in attributes.items() if choice.random() < 0.5}
        values = template.values_of(some)
        if choice.random() < 0.2:
            values = template.values_of(some, beside=stamped(9, "COLOUR", "White"))
        template_id = template.template_id
        if choice.random() < 0.3:
            values, template_id = stamped(1, "COLOUR", choice.choice(["white", "Black"])), None
        suffix = choice.choice(["sn", "SN-", "灯"]) + str(number)
        wanted = Registration(Identifier(lamps.prefix, suffix), values, template_id)
        await registrar.create(lamps.actor, [wanted], Method.BATCH)
    questions = [
        {"COLOUR": "white"}, {"colour": "White%"}, {"COLOUR": "%hite%"}, {"COLOUR": "黑"},
        {"COLOUR": "GR%"}, {"COLOUR": "x" * 65 + "%"}, {"COLOUR": "_hite"},
        {"PAGE": "https://e.cn/SN-1%"}, {"PAGE": "https://e.cn/%E7%"}, {"PAGE": "https://own/1%"},
        {"PAGE": "https://e.cn/\\%E7\\%81\\%AF1%"}, {"PAGE": "http%"}, {"PAGE": "ftp%"},
        {"STATE": "sold"}, {"STATE": "s%"}, {"STATE": "100\\%"}, {"STATE": "sold%", "COLOUR": "w%"},
        {"TEMPLATE": "v1"}, {"TEMPLATE": "v2"}, {"TEMPLATE": "v1", "COLOUR": "White"},
        {"PAGE": "https://e.cn/sn%", "STATE": "scrap%"}, {"NOTE": "%"}, {"SECRET": "s%"},
    ]  # fmt: skip
    told = [await catalogue.search(lamps.actor, wanted) for wanted in questions]
    assert sum(map(bool, told)) >= 14
    monkeypatch.setattr(store, "SPARSE", 2)  # most lead to more than that, and all are looked at
    assert [await catalogue.search(lamps.actor, wanted) for wanted in questions] == told
    monkeypatch.setattr(module, "best", lambda *_: None)
    assert [await catalogue.search(lamps.actor, wanted) for wanted in questions] == told
