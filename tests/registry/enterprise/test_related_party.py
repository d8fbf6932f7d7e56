"""Related parties: marks with their day and reason, and who may make them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from registry.access.actor import Actor
from registry.database import Database
from registry.enterprise.enterprises import Enterprises
from registry.enterprise.related_party import MarkWish, RelatedParties
from registry.errors import (
    EnterpriseNotFound,
    InvalidInput,
    NotAuthenticated,
    NotPermitted,
    WrongState,
)

# Already the 3rd of March in China.
NOW = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)


@pytest.fixture
def related_parties(database: Database) -> RelatedParties:
    return RelatedParties(database, lambda: NOW)


def wish(related: bool = True, **changes: Any) -> MarkWish:
    return MarkWish(**{"related": related, "reason": "控股子公司", **changes})


async def test_marks_stay_with_day_reason_and_name(
    related_parties: RelatedParties, enterprises: Enterprises, operator: Actor, lamps: Any,
    trail: Any,
) -> None:  # fmt: skip
    number = lamps.enterprise_id
    first = await related_parties.mark(operator, number, wish(since=date(2026, 1, 15)))
    assert first.related_party
    second = await related_parties.mark(operator, number, wish(False, reason="股权已转让"))
    assert not second.related_party
    assert not (await enterprises.get(lamps.actor, number)).related_party
    marks = await related_parties.marks(lamps.actor, number)
    assert [(mark.related, mark.since, mark.reason, mark.marked_by) for mark in marks] == [
        (False, date(2026, 3, 3), "股权已转让", operator.name),
        (True, date(2026, 1, 15), "控股子公司", operator.name),
    ]
    entries = [entry for entry in await trail() if "related" in entry.action]
    assert [(entry.action, entry.detail) for entry in entries] == [
        ("enterprise.unrelated", {"since": "2026-03-03", "reason": "股权已转让"}),
        ("enterprise.related", {"since": "2026-01-15", "reason": "控股子公司"}),
    ]


async def test_a_mark_that_changes_nothing_is_refused(
    related_parties: RelatedParties, operator: Actor, lamps: Any
) -> None:
    with pytest.raises(WrongState):
        await related_parties.mark(operator, lamps.enterprise_id, wish(False))
    await related_parties.mark(operator, lamps.enterprise_id, wish())
    with pytest.raises(WrongState):
        await related_parties.mark(operator, lamps.enterprise_id, wish())
    assert len(await related_parties.marks(operator, lamps.enterprise_id)) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"since": date(2026, 3, 4)}, "since"),
    ],
)
async def test_marks_that_break_a_rule(
    related_parties: RelatedParties, operator: Actor, lamps: Any, changes: Any, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await related_parties.mark(operator, lamps.enterprise_id, wish(**changes))
    assert refused.value.field == field
    assert await related_parties.marks(operator, lamps.enterprise_id) == []


async def test_operators_mark_and_the_enterprise_sees(
    related_parties: RelatedParties, operator: Actor, lamps: Any, active_prefix: Any
) -> None:
    stranger = await active_prefix()
    with pytest.raises(NotPermitted):
        await related_parties.mark(lamps.actor, lamps.enterprise_id, wish())
    with pytest.raises(NotPermitted):
        await related_parties.marks(stranger.actor, lamps.enterprise_id)
    with pytest.raises(NotAuthenticated):
        await related_parties.marks(Actor("anonymous"), lamps.enterprise_id)
    with pytest.raises(EnterpriseNotFound):
        await related_parties.mark(operator, 999, wish())
    with pytest.raises(EnterpriseNotFound):
        await related_parties.marks(operator, 999)
