"""Pages of identifiers: every combination of what can be asked, against looking at each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from registry.access.actor import Actor, anonymous
from registry.errors import (
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
    PrefixNotFound,
    UnknownTemplate,
)
from registry.identifier import Identifier
from registry.query import queries as module
from registry.query import store
from registry.query.queries import Queries
from registry.query.question import Question, State
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from tests.registry.query.conftest import DAY, SUFFIXES, Pages, Stock, answering

# How far a walk looks, and how many are gathered: so that what is asked for is found by either, and
# takes several walks.
WAYS = [(20_000, 25_000), (3, 0), (7, 2), (1, 25_000), (20_000, 0)]


def questions() -> Iterator[dict[str, Any]]:
    """Some questions by hand, and many more at random."""
    yield {}
    yield {"starts_with": "sn"}
    yield {"starts_with": "SN%"}
    yield {"starts_with": "标识"}
    yield {"starts_with": "nothing"}
    yield {"first": "SN010", "last": "sn020"}
    yield {"first": "z", "last": "a"}
    yield {"template": "unused"}
    yield {"state": State.WITHDRAWN, "template": "common"}
    choice = random.Random(7)
    for _ in range(60):
        hours = sorted(choice.sample(range(-2, 45), 2))
        whole = {
            "first": choice.choice(SUFFIXES),
            "last": choice.choice(SUFFIXES),
            "starts_with": choice.choice(["S", "sn0", "SN01", "标"]),
            "template": choice.choice(["common", "rare", "unused"]),
            "since": DAY + timedelta(hours=hours[0]),
            "until": DAY + timedelta(hours=hours[1]),
            "state": choice.choice(list(State)),
        }
        yield {name: value for name, value in whole.items() if choice.random() < 0.4}


@pytest.mark.parametrize(("walk", "gather"), WAYS)
async def test_pages_are_what_looking_at_each_tells(
    stock: Stock, pages: Pages, monkeypatch: pytest.MonkeyPatch, walk: int, gather: int
) -> None:
    monkeypatch.setattr(store, "WALK", walk)
    monkeypatch.setattr(store, "GATHER", gather)
    for asked in questions():
        expected = answering(stock, Question(prefix="", **asked))
        assert await pages(**asked) == expected, asked
    assert await pages(limit=1) == answering(stock, Question(prefix=""))


async def test_what_an_entry_tells(queries: Queries, stock: Stock, lamps: Any) -> None:
    question = Question(prefix=lamps.prefix, first="sn-x", last="sn-x", state=State.ALL)
    (entry,) = (await queries.page(lamps.actor, question, "", 9)).entries
    (known,) = [one for one in stock if one.suffix == "sn-x"]
    assert (entry.suffix, entry.spelling, entry.revision) == ("SN-X", "sn-x", 1)
    assert (entry.live, entry.template, entry.registered_at) == (True, known.template, known.at)
    question = Question(prefix=lamps.prefix, state=State.WITHDRAWN)
    gone = (await queries.page(lamps.actor, question, "", 1)).entries[0]
    assert (gone.live, gone.template, gone.revision) == (False, None, 2)


async def test_what_is_registered_meanwhile_disturbs_no_page(
    queries: Queries, registrar: Registrar, stock: Stock, lamps: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Between two pages identifiers come and go: each that was there all the time comes once."""
    monkeypatch.setattr(store, "WALK", 3)
    monkeypatch.setattr(module, "WALKS", 2)
    choice = random.Random(3)
    question = Question(prefix=lamps.prefix, template="common")
    expected = answering(stock, Question(prefix="", template="common"))
    monkeypatch.setattr(store, "GATHER", 0)
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        part = await queries.page(lamps.actor, question, after, 2)
        found += [entry.spelling for entry in part.entries]
        after = part.next
        fresh = [f"{choice.choice(SUFFIXES)}+{number}" for number in range(3)]
        wanted = [Registration(Identifier(lamps.prefix, one), (), None) for one in fresh]
        await registrar.create(lamps.actor, wanted, Method.BATCH)
    assert found == expected


async def test_for_whom(
    queries: Queries, stock: Stock, lamps: Any, operator: Actor, active_prefix: Any
) -> None:
    question = Question(prefix=lamps.prefix)
    assert (await queries.page(operator, question, "", 9)).entries
    stranger = await active_prefix()
    with pytest.raises(NotPermitted):
        await queries.page(stranger.actor, question, "", 9)
    with pytest.raises(NotAuthenticated):
        await queries.page(anonymous(), question, "", 9)
    for prefix in ("88.9.9", ""):
        with pytest.raises(PrefixNotFound):
            await queries.page(operator, Question(prefix=prefix), "", 9)


@pytest.mark.parametrize("asked", [{"first": "a\0"}, {"last": "\ud800"}, {"starts_with": "\0"}])
async def test_texts_that_nothing_can_be(queries: Queries, lamps: Any, asked: Any) -> None:
    with pytest.raises(InvalidInput):
        await queries.page(lamps.actor, Question(prefix=lamps.prefix, **asked), "", 9)
    with pytest.raises(InvalidInput):
        await queries.page(lamps.actor, Question(prefix=lamps.prefix), "a\0", 9)


async def test_a_template_of_another_prefix(
    queries: Queries, stock: Stock, lamps: Any, active_prefix: Any
) -> None:
    other = await active_prefix(lamps)
    for prefix, template in ((other.prefix, "common"), (lamps.prefix, "nosuch")):
        question = Question(prefix=prefix, template=template)
        with pytest.raises(UnknownTemplate):
            await queries.page(lamps.actor, question, "", 9)
