"""Reverse lookup among templated records: what is marked searchable, as the template gives it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.access.actor import anonymous
from registry.database import Database
from registry.errors import InvalidIdentifier, NotAuthenticated
from registry.identifier import Identifier
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.record.value import DataIn, ValueIn, normalise
from registry.template.pattern import ValuePattern
from tests.registry.template.conftest import Define

URL = {"idType": "URL", "pattern": "https://e.cn/{handle:url}?{prefix}", "searchable": True}
COLOUR = {"idType": "COLOUR", "default": "白", "searchable": True}
MODEL = {"idType": "MODEL", "default": "M1"}
COST = {"idType": "COST", "visibility": "private", "default": "9.80"}
REPORT = {"idType": "REPORT", "visibility": "granted"}


@pytest.fixture
async def stock(registrar: Registrar, lamps: Any, define: Define) -> Any:
    template = await define(lamps, URL, COLOUR, MODEL, COST, REPORT)
    contents: dict[str, dict[str, Any]] = {
        "A 灯": {},
        "B": {"COLOUR": "黑", "REPORT": "合格"},
        "c": {"URL": "https://other/{suffix}"},
    }
    wishes = [
        Registration(
            Identifier(lamps.prefix, suffix), template.values_of(attributes), template.template_id
        )
        for suffix, attributes in contents.items()
    ]
    plain = normalise([ValueIn(1, "COLOUR", DataIn("白"))], now=datetime.now(UTC))
    wishes.append(Registration(Identifier(lamps.prefix, "D"), plain))
    beside = template.values_of(
        {}, beside=normalise([ValueIn(5, "MODEL", DataIn("M1"))], now=datetime.now(UTC))
    )
    wishes.append(Registration(Identifier(lamps.prefix, "E"), beside, template.template_id))
    for verdict in await registrar.create(lamps.actor, wishes, Method.BATCH):
        assert verdict.error is None
    return lamps


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"COLOUR": "白"}, "A 灯|c|D|E"),
        ({"colour": "黑"}, "B"),
        ({"URL": "https://e.cn/%"}, "A 灯|B|E"),
        ({"URL": "%\\%2FA\\%20\\%E7\\%81\\%AF?%"}, "A 灯"),
        ({"URL": "%{suffix}"}, "c"),
        ({"URL": "%/%", "COLOUR": "黑"}, "B"),
        ({"TEMPLATE": "V_"}, "A 灯|B|c|E"),
        ({"TEMPLATE": "v1", "COLOUR": "白", "URL": "%other%"}, "c"),
        ({"MODEL": "M1"}, "E"),  # not marked; but this one has a value of its own beside the items
        ({"COST": "%"}, ""),
        ({"REPORT": "%"}, ""),
        ({"NOTHING": "%"}, ""),
    ],
)
async def test_what_is_found(
    catalogue: Catalogue, stock: Any, wanted: dict[str, str], found: str
) -> None:
    handles = [f"{stock.prefix}/{suffix}" for suffix in found.split("|") if suffix]
    assert await catalogue.search(stock.actor, wanted) == handles


async def test_a_change_of_the_template_changes_what_is_found(
    catalogue: Catalogue, stock: Any, amend: Any
) -> None:
    a = f"{stock.prefix}/A 灯"
    await amend(stock, {"idIndex": 2001, "idType": "COLOUR", "default": "绿"})
    assert a in await catalogue.search(stock.actor, {"COLOUR": "绿"})
    await amend(stock, {"idIndex": 2001, "idType": "COLOUR", "state": 0})
    assert await catalogue.search(stock.actor, {"COLOUR": "绿"}) == []
    assert await catalogue.search(stock.actor, {"COLOUR": "黑"}) == [f"{stock.prefix}/B"]
    await amend(stock, {"idIndex": 2001, "idType": "COLOUR", "searchable": False})
    assert await catalogue.search(stock.actor, {"COLOUR": "黑"}) == []
    await amend(
        stock,
        {"idIndex": 2000, "idType": "URL", "searchable": False, "visibility": "private"},
    )
    assert await catalogue.search(stock.actor, {"URL": "%"}) == []


async def test_only_the_own_enterprises(
    catalogue: Catalogue, stock: Any, active_prefix: Any
) -> None:
    locks = await active_prefix()
    assert await catalogue.search(locks.actor, {"COLOUR": "白"}) == []
    with pytest.raises(NotAuthenticated):
        await catalogue.search(anonymous(), {"COLOUR": "白"})


PARTS = st.sampled_from(
    ["{prefix}", "{suffix}", "{handle}", "{prefix:url}", "{suffix:url}", "{handle:url}", "/", "灯"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example("{suffix}", "À")
@given(
    st.lists(PARTS, min_size=1, max_size=5).map("".join),
    st.text(min_size=1, max_size=20) | st.sampled_from(["{prefix}", "{suffix:url}", "%41", "a_b"]),
)
async def test_the_database_fills_patterns_in_as_we_do(
    database: Database, registrar: Registrar, catalogue: Catalogue, lamps: Any, define: Define,
    pattern: str, suffix: str,
) -> None:  # fmt: skip
    try:
        identifier = Identifier(lamps.prefix, suffix)
    except InvalidIdentifier:
        return
    async with database.connection() as connection:
        await connection.execute(
            "TRUNCATE identifier, searchable, template, item_grant, template_generation"
        )
    registrar._form.shelf._known.clear()
    item = {"idType": "X", "pattern": pattern, "searchable": True}
    template = await define(lamps, item)
    registration = Registration(identifier, (), template.template_id)
    await registrar.create(lamps.actor, [registration], Method.BATCH)
    filled = ValuePattern.parse(pattern, "pattern").fill(lamps.prefix, identifier.suffix)
    assert await catalogue.search(lamps.actor, {"X": like(filled)}) == [identifier.text]
    # However much of the beginning is known, the index leads there.
    for known in {0, 1, len(filled) // 2, len(filled) - 1}:
        beginning = like(_other_case(filled[:known])) + "%"
        assert await catalogue.search(lamps.actor, {"X": beginning}) == [identifier.text]


def _other_case(text: str) -> str:
    """Which letters beyond ASCII are the same is the database's locale's to say."""
    return "".join(one.swapcase() if one.isascii() else one for one in text)


def like(text: str) -> str:
    """The LIKE pattern that is like this text alone."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
