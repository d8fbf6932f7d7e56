"""What must hold of every award, whatever the facts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from award.assessment.assessment import Assessment, assess
from award.policy.policy import Policy, load
from award.policy.zhongshan_2025.facts import Facts, Kind, Level, Standing
from tests.award.build import ON, M, award, certified, facts, invoice, part, subsidy, yuan

fen = st.integers(0, 6 * M * 100).map(lambda number: Decimal(number) / 100)
dates = st.dates(date(2023, 6, 1), date(2026, 1, 1))
counts = st.tuples(
    st.sampled_from([0, 99_999_999, 100_000_000, 100_000_001, 200_000_000]),
    st.sampled_from([0, 10_979_999, 10_980_000, 10_980_001, 30_000_000]),
    st.sampled_from([0, 1, 1000]),  # deleted
    st.sampled_from([0, 1, 1000]),  # answered beyond counted
)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load("zhongshan_2025")


@st.composite
def told(draw: st.DrawFn) -> Facts:
    grants = draw(st.lists(st.tuples(fen, st.sampled_from(Level), dates, st.booleans()),
                           max_size=3))  # fmt: skip
    had = draw(st.lists(st.tuples(fen, st.sampled_from([*Kind, None]), dates), max_size=2))
    made = facts(
        invested=draw(fen) * 4,
        subsidy=tuple(
            subsidy(amount, level, approved=day, paid=day if paid else None)
            for amount, level, day, paid in grants
        ),
        award=tuple(
            award(amount, "（五）" if kind else "（三）", kind, day) for amount, kind, day in had
        ),
    )
    planned = invoice(draw(fen), number="2", paid=None)
    made = msgspec.structs.replace(made, investment=(*made.investment, planned))
    made = part(made, "acceptance", accepted=draw(st.sampled_from([True, True, False, None])))
    made = part(made, "stages", admitted=draw(st.sampled_from([date(2025, 7, 20), None])))
    standing = draw(st.sampled_from([Standing.PLATFORM, Standing.BENCHMARK]))
    place = draw(st.sampled_from([True, False, None]))
    return part(made, "recognition", standing=standing, benchmark_place=place)


def of(policy: Policy, told: Facts, seen: tuple[int, int, int, int], on: date = ON) -> Assessment:
    gross, counted, deleted, more = seen
    year = certified(2024, gross, counted, deleted=min(deleted, gross), answered=counted + more)
    return assess(policy, told, 2024, {2024: year}, on)


def most(found: Assessment) -> Decimal:
    return found.judgement.total.potential


@given(told(), counts)
@settings(max_examples=150, deadline=None)
def test_ceilings_and_order(policy: Policy, told: Facts, seen: tuple[int, int, int, int]) -> None:
    found = of(policy, told, seen)
    construction, volume = found.judgement.amounts
    ceiling = (10 if told.recognition.standing is Standing.BENCHMARK else 5) * M
    for total in (found.judgement.total, found.strictest, found.lenient):
        assert 0 <= total.potential <= ceiling
        assert total.value is None or total.value == total.potential
    assert 0 <= construction.potential <= 3 * M
    assert 0 <= volume.potential <= 2 * M
    spent = told.spent(ON)
    fiscal = sum((one.amount for one in told.granted(ON, paid_only=False)), Decimal(0))
    assert construction.potential == 0 or fiscal + construction.potential <= spent
    primary = found.judgement.total.value
    if primary is not None:
        assert (found.strictest.value or 0) <= primary
        assert primary <= found.lenient.potential
    for effect in found.effects:
        if effect.total is not None:
            assert (found.strictest.value or 0) <= effect.total <= found.lenient.potential


@given(told(), counts, fen)
@settings(max_examples=100, deadline=None)
def test_other_money_never_helps(
    policy: Policy, told: Facts, seen: tuple[int, int, int, int], more: Decimal
) -> None:
    before = most(of(policy, told, seen))
    city = msgspec.structs.replace(told, subsidy=(*told.subsidy, subsidy(more, Level.CITY)))
    assert most(of(policy, city, seen)) <= before
    had = msgspec.structs.replace(told, award=(*told.award, award(more, "（二）")))
    assert most(of(policy, had, seen)) <= before


@given(told(), counts, st.integers(0, 10**8), st.integers(0, 10**7))
@settings(max_examples=100, deadline=None)
def test_more_counts_never_hurt(
    policy: Policy, told: Facts, seen: tuple[int, int, int, int], gross: int, counted: int
) -> None:
    more = (seen[0] + gross, seen[1] + counted, *seen[2:])
    assert most(of(policy, told, more)) >= most(of(policy, told, seen))


def test_the_laws_own_cliff(policy: Policy) -> None:
    """From no national yuan to one, the award falls from 30 % to one: not an error of ours."""
    seen = (0, 0, 0, 0)
    without = of(policy, facts(invested=10 * M), seen)
    with_one = of(policy, facts(invested=10 * M, np=1), seen)
    assert (most(without), most(with_one)) == (3 * M, 1)


@given(st.integers(0, 10**15))
def test_yuan_to_the_fen(number: int) -> None:
    amount = Decimal(number) / 100
    if amount <= 10**13:
        assert yuan(amount) == amount
