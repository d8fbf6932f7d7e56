"""The cases of the policy, each a line, and the edge of every number and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from award.assessment.assessment import Assessment, assess
from award.evidence.certified import CertifiedYear
from award.policy.finding import Verdict
from award.policy.policy import Policy, load
from award.policy.zhongshan_2025.facts import Acceptor, EarlierYear, Facts, Kind, Level, Standing
from tests.award.build import ON, M, award, certified, facts, invoice, part, subsidy

OVER = 100_000_001  # registrations
LEAP, PLAIN = 10_980_000, 10_950_000  # 30,000 a day
Y = {2024: certified(2024, OVER, LEAP + 1)}
NOTHING = {2024: certified(2024)}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load("zhongshan_2025")


@dataclass(frozen=True)
class Row:
    what: str
    facts: Facts
    construction: str | None
    volume: str | None
    primary: str | None
    strictest: str | None = ""  # "" is not looked at
    lenient: str | None = ""
    years: Mapping[int, CertifiedYear] = field(default_factory=lambda: NOTHING)
    year: int = 2024
    on: date = ON


def decided(year: int, gross: int, counted: int, **more: Any) -> dict[int, CertifiedYear]:
    return {year: certified(year, gross, counted, **more)}


WITH_2023 = {2023: certified(2023, OVER, PLAIN + 1), **Y}
SINCE_2023 = part(facts(np=3 * M), "node", in_service=date(2023, 1, 1))
BEFORE = part(facts(np=3 * M), "node", in_service=date(2021, 1, 1))
TOLD_2022 = EarlierYear(year=2022, registrations=OVER, resolutions=PLAIN + 1)
LITTLE = [EarlierYear(year=year, registrations=OVER - 1, resolutions=PLAIN + 1)
          for year in (2021, 2022, 2023)]  # fmt: skip
INSTALMENTS = facts(
    subsidy=(subsidy(1 * M), subsidy(1_500_000, Level.PROVINCIAL)),
    award=(award(1 * M, kind=Kind.CONSTRUCTION, day=date(2024, 11, 1)),),
)
BENCHMARK = part(
    facts(np=3 * M, elsewhere=6 * M), "recognition", standing=Standing.BENCHMARK,
    benchmark_place=True,
)  # fmt: skip

CASES = [
    # The table of the policy.
    Row("NP over its cap", facts(np=3_000_001), "3000000", "0", "3000000", "3000000"),
    Row("premise binds", facts(np=2_500_000, invested=4 * M), "1500000",
        "0", "1500000", "1500000"),
    Row("other fiscal money leaves no room", facts(np=2_500_000, invested=4 * M, other=1_500_001),
        "0", "0", "0", "0"),
    Row("30 %", facts(invested=9_999_999), "2999999.70", "0", "2999999.70", "2999999.70"),
    Row("30 % of what is net of VAT", facts(investment=(invoice(gross=9_040_000, vat="13%"),)),
        "2400000", "0", "2400000", "2400000"),
    Row("both", facts(np=3 * M), "3000000", "2000000", "5000000", "3000000", years=Y),
    Row("both, one yuan elsewhere", facts(np=3 * M, elsewhere=1), "3000000", "2000000", "4999999",
        "3000000", years=Y),
    Row("a leap year needs more", facts(np=3 * M), "3000000", "0", "3000000", "3000000",
        years=decided(2024, OVER, PLAIN + 1)),
    Row("both below the caps", facts(np=2_500_000, invested=6 * M), "2500000", "2000000",
        "4500000", "3000000", years=Y),
    Row("30 % before, matching later",
        facts(np=2_500_000, invested=6 * M, award=(award(1_800_000, kind=Kind.CONSTRUCTION),)),
        "700000", "0", "700000", "700000"),
    Row("former public service platform",
        part(facts(np=3 * M), "recognition", former_public_service=True), "0", "0", "0", "0",
        years=Y),
    Row("recognition unknown", part(facts(np=3 * M), "recognition", standing=None), None, None,
        None, None, None, years=Y),
    # Registrations, strictly more than 100,000,000.
    Row("99,999,999", facts(np=3 * M), "3000000", "0", "3000000",
        years=decided(2024, 99_999_999, LEAP + 1)),
    Row("100,000,000", facts(np=3 * M), "3000000", "0", "3000000",
        years=decided(2024, 100_000_000, LEAP + 1)),
    Row("100,000,001", facts(np=3 * M), "3000000", "2000000", "5000000", years=Y),
    # Resolutions, strictly more than 30,000 a day: a leap year, and one of 365 days.
    Row("10,979,999", facts(np=3 * M), "3000000", "0", "3000000",
        years=decided(2024, OVER, LEAP - 1)),
    Row("10,980,000", facts(np=3 * M), "3000000", "0", "3000000", years=decided(2024, OVER, LEAP)),
    Row("10,980,001", facts(np=3 * M), "3000000", "2000000", "5000000",
        years=decided(2024, OVER, LEAP + 1)),
    Row("10,949,999", SINCE_2023, "3000000", "0", "3000000", year=2023,
        years=decided(2023, OVER, PLAIN - 1)),
    Row("10,950,000", SINCE_2023, "3000000", "0", "3000000", year=2023,
        years=decided(2023, OVER, PLAIN)),
    Row("10,950,001", SINCE_2023, "3000000", "2000000", "5000000", year=2023,
        years=decided(2023, OVER, PLAIN + 1)),
    # One condition without the other.
    Row("registrations alone", facts(np=3 * M), "3000000", "0", "3000000",
        years=decided(2024, OVER, 0)),
    Row("resolutions alone", facts(np=3 * M), "3000000", "0", "3000000",
        years=decided(2024, 0, LEAP + 1)),
    Row("nothing certified", facts(np=3 * M), "3000000", None, None, years={}),
    # The first time.
    Row("a second year", SINCE_2023, "3000000", "0", "3000000", "3000000", "3000000",
        years=WITH_2023),
    Row("first before this system",
        facts(np=3 * M, node=BEFORE.node, history=(TOLD_2022, LITTLE[0], LITTLE[2])),
        "3000000", "0", "3000000", "3000000", "5000000", years=Y),
    Row("never before this system", facts(np=3 * M, node=BEFORE.node, history=tuple(LITTLE)),
        "3000000", "2000000", "5000000", years=Y),
    Row("nobody knows what was before", BEFORE, "3000000", None, None, years=Y),
    Row("the volume award was given before",
        facts(np=3 * M, award=(award(1 * M, kind=Kind.VOLUME, day=date(2024, 1, 2)),)),
        "3000000", "0", "3000000", years=Y),
    # Matching: below, at and above 3,000,000, and in instalments.
    Row("matching 2,999,999.99", facts(np="2999999.99"), "2999999.99", "0", "2999999.99"),
    Row("matching 3,000,000", facts(np=3 * M), "3000000", "0", "3000000"),
    Row("matching 3,000,000.01", facts(np="3000000.01"), "3000000", "0", "3000000"),
    Row("a second instalment", INSTALMENTS, "1500000", "0", "1500000"),
    Row("matched to the full before",
        facts(np=9 * M, award=(award(3 * M, kind=Kind.CONSTRUCTION),)), "0", "0", "0"),
    # 30 %, at and over its cap, and once.
    Row("30 % of 9,999,999.96", facts(invested="9999999.96"), "2999999.98", "0", "2999999.98"),
    Row("30 % of 10,000,000", facts(invested=10 * M), "3000000", "0", "3000000"),
    Row("30 % of 10,000,001", facts(invested=10 * M + 1), "3000000", "0", "3000000"),
    Row("30 % once", facts(award=(award(1, kind=Kind.CONSTRUCTION),)), "0", "0", "0"),
    Row("30 % leaves room", facts(invested=4 * M, other=2_800_000), "1200000", "0", "1200000"),
    Row("30 % has a yuan too little", facts(invested=4 * M, other=2_800_001), "1199999", "0",
        "1199999"),
    Row("the first national yuan", facts(np=1, invested=10 * M), "1", "0", "1"),
    # Company caps.
    Row("5,000,000 used up", facts(np=3 * M, elsewhere=5 * M), "3000000", "0", "0"),
    Row("a yuan of the 5,000,000 left", facts(np=3 * M, elsewhere=4_999_999), "3000000", "0", "1"),
    Row("benchmark: 10,000,000", BENCHMARK, "3000000", "2000000", "4000000", years=Y),
    Row("benchmark, place unknown", part(BENCHMARK, "recognition", benchmark_place=None), None,
        None, None, years=Y),
    Row("benchmark without a place", part(BENCHMARK, "recognition", benchmark_place=False),
        "3000000", "2000000", "0", years=Y),
    Row("last year's awards do not count", facts(np=3 * M, award=(
        award(5 * M, "（三）", day=date(2024, 12, 31)),)), "3000000", "2000000", "5000000", "0",
        years=Y),
    # Registrations deleted again.
    Row("gross and net differ across the threshold", facts(np=3 * M), "3000000", "2000000",
        "5000000", "3000000", years=decided(2024, OVER, LEAP + 1, deleted=1)),
    # What the exclusions take away.
    Row("answered and counted differ across the threshold", facts(np=3 * M), "3000000", "0",
        "3000000", "3000000", "5000000", years=decided(2024, OVER, LEAP, answered=LEAP + 1)),
]  # fmt: skip

# Dates: the day before and the day of.
FILED = {"submitted": date(2025, 12, 31), "admitted": date(2025, 12, 31)}
CASES += [
    Row("filed on the last day", part(facts(np=3 * M), "stages", **FILED), "3000000", "0",
        "3000000", "3000000", on=date(2026, 3, 1)),
    Row("filed a day late", part(facts(np=3 * M), "stages", submitted=date(2026, 1, 1),
        admitted=date(2026, 1, 2)), "0", "0", "0", "0", "0", on=date(2026, 3, 1)),
    Row("submitted in time, admitted after", part(facts(np=3 * M), "stages", **FILED | {
        "admitted": date(2026, 1, 1)}), "3000000", "0", "3000000", "0", on=date(2026, 3, 1)),
    Row("submitted, not admitted yet", part(facts(np=3 * M), "stages", admitted=None), None, "0",
        None, None),
    Row("paid on the last day", part(facts(np=3 * M), "stages", **FILED | {
        "paid": date(2026, 12, 31)}), "3000000", "0", "3000000", on=date(2027, 6, 1)),
    Row("paid a day late", part(facts(np=3 * M), "stages", **FILED | {
        "paid": date(2027, 1, 1)}), "0", "0", "0", on=date(2027, 6, 1)),
    Row("not paid on the last day", part(facts(np=3 * M), "stages", **FILED), "3000000", "0",
        "3000000", on=date(2026, 12, 31)),
    Row("not paid the day after", part(facts(np=3 * M), "stages", **FILED), "0", "0", "0",
        on=date(2027, 1, 1)),
    Row("not filed, still time", part(facts(np=3 * M), "stages", submitted=None, admitted=None),
        None, "0", None, on=date(2025, 12, 31)),
    Row("not filed, too late", part(facts(np=3 * M), "stages", submitted=None, admitted=None),
        "0", "0", "0", on=date(2026, 1, 1)),
    Row("the day before validity", part(part(facts(np=3 * M), "law", issued=date(2025, 6, 1)),
        "stages", submitted=date(2025, 6, 30)), "0", "0", "0"),
    Row("the first day of validity", part(part(facts(np=3 * M), "law", issued=date(2025, 6, 1)),
        "stages", submitted=date(2025, 7, 1)), "3000000", "0", "3000000"),
    Row("day of issue unknown", part(facts(np=3 * M), "law", issued=None), None, "0", None),
    # 2025 has not ended when it must be filed.
    Row("2025, filed before its end, below", facts(np=3 * M), "3000000", "0", "3000000",
        year=2025, on=date(2026, 2, 1), years={**NOTHING, **decided(2025, OVER, PLAIN)}),
    Row("2025, filed before its end, over only after the filing", facts(np=3 * M), "3000000", "0",
        "3000000", year=2025, on=date(2026, 2, 1),
        years={**NOTHING, **decided(2025, OVER + 5000, 2 * PLAIN)}),
    Row("2025, over already when filed", facts(np=3 * M), "3000000", "2000000", "5000000",
        year=2025, on=date(2026, 2, 1), years={**NOTHING, **decided(2025, 3 * OVER, 3 * PLAIN)}),
    Row("accepted on the day asked", part(facts(np=3 * M), "acceptance", day=ON), "3000000", "0",
        "3000000"),
    Row("accepted the day after", part(facts(np=3 * M), "acceptance", day=date(2025, 12, 2)), "0",
        "0", "0"),
    Row("recognised the day after", part(facts(np=3 * M), "recognition",
        recognised=date(2025, 12, 2)), "0", "0", "0"),
    Row("an invoice paid the day after", facts(investment=(
        invoice(4 * M), invoice(6 * M, number="2", paid=date(2025, 12, 2)))), "1200000", "0",
        "1200000", "1200000", "3000000"),
    Row("a grant approved the day after", facts(invested=10 * M, subsidy=(
        subsidy(1, approved=date(2025, 12, 2), paid=None),)), "3000000", "0", "3000000"),
    Row("approved, not paid", facts(invested=10 * M, subsidy=(subsidy(1, paid=None),)), "1", "0",
        "1", "1", "3000000"),
]  # fmt: skip


def assessed(policy: Policy, row: Row) -> Assessment:
    return assess(policy, row.facts, row.year, row.years, row.on)


def shown(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"


def expected(amount: str | None) -> str | None:
    return None if amount is None else shown(Decimal(amount))


@pytest.mark.parametrize("row", CASES, ids=lambda row: row.what)
def test_case(policy: Policy, row: Row) -> None:
    found = assessed(policy, row)
    construction, volume = found.judgement.amounts
    assert shown(construction.value) == expected(row.construction), construction
    assert shown(volume.value) == expected(row.volume), volume
    assert shown(found.judgement.total.value) == expected(row.primary), found.judgement.total
    if row.strictest != "":
        assert shown(found.strictest.value) == expected(row.strictest), found.strictest
    if row.lenient != "":
        assert shown(found.lenient.value) == expected(row.lenient), found.lenient


@pytest.mark.parametrize("row", CASES, ids=lambda row: row.what)
def test_nothing_is_zero_without_its_reason(policy: Policy, row: Row) -> None:
    judgement = assessed(policy, row).judgement
    for amount in (*judgement.amounts, judgement.total):
        if not amount.value:
            assert amount.reason or amount.steps, amount
        if amount.verdict not in (Verdict.MET, Verdict.UNKNOWN):
            assert amount.value == 0
            assert amount.reason


@dataclass(frozen=True)
class Gate:
    """A gate by what makes it unknown, and what makes it fail."""

    id: str
    unknown: tuple[str, dict[str, Any]]
    failed: tuple[str, dict[str, Any]]
    verdict: Verdict = Verdict.NOT_MET


GATES = [
    Gate("accepted", ("acceptance", {"accepted": None}), ("acceptance", {"accepted": False})),
    Gate("accepted", ("acceptance", {"by": None}), ("acceptance", {"by": Acceptor.OTHER})),
    Gate("accepted", ("acceptance", {"document": ""}), ("acceptance", {"accepted": False})),
    Gate("recognised", ("recognition", {"standing": None}),
         ("recognition", {"standing": Standing.NONE})),
    Gate("recognised", ("recognition", {"recognised": None}),
         ("recognition", {"standing": Standing.NONE})),
    Gate("not-former-service", ("recognition", {"former_public_service": None}),
         ("recognition", {"former_public_service": True})),
    *(
        Gate("clean-record", ("declarations", {name: None}), ("declarations", {name: False}))
        for name in ("no_serious_violation", "no_dishonesty", "no_overdue_project",
                     "not_listed_as_defaulter", "no_major_tax_case", "no_energy_violation",
                     "no_major_accident")
    ),
    Gate("clean-record", ("declarations", {"evidence": ""}),
         ("declarations", {"no_dishonesty": False})),
    Gate("single-application", ("declarations", {"single_application": None}),
         ("declarations", {"single_application": False})),
    Gate("filed", ("stages", {"submitted": None, "admitted": None}),
         ("stages", {"admitted": None, "refused": date(2025, 7, 20)})),
    Gate("filed", ("law", {"issued": None}), ("law", {"issued": date(2025, 6, 15)}),
         Verdict.NOT_IN_FORCE),
    Gate("completed", ("completion", {"finished": None}), ("completion", {"finished": False})),
    Gate("completed", ("completion", {"document": ""}), ("completion", {"day": date(2026, 1, 1)})),
]  # fmt: skip


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: f"{gate.id}-{gate.unknown[1]}")
def test_each_gate_alone(policy: Policy, gate: Gate) -> None:
    base = facts(np=3 * M)
    for (table, values), verdict in ((gate.unknown, Verdict.UNKNOWN), (gate.failed, gate.verdict)):
        found = assess(policy, part(base, table, **values), 2024, Y, ON).judgement
        (finding,) = [one for one in found.findings if one.id == gate.id]
        assert finding.verdict is verdict
        assert finding.quote
        assert finding.article
        wrong = {one.id for one in found.findings if one.verdict is not Verdict.MET}
        assert {one for one in wrong if not one.startswith("check-")} == {gate.id}
        assert found.amounts[0].value == (None if verdict is Verdict.UNKNOWN else 0)
        assert found.total.value == (None if verdict is Verdict.UNKNOWN else 0)
        if verdict is Verdict.UNKNOWN:
            assert found.total.potential == 5 * M


def test_an_invoice_used_elsewhere_is_a_double_application(policy: Policy) -> None:
    used = invoice(1 * M)
    used = type(used)(**{**{n: getattr(used, n) for n in used.__struct_fields__},
                         "also_used_for": "（三）"})  # fmt: skip
    found = assess(policy, facts(np=3 * M, investment=(used,)), 2024, NOTHING, ON)
    assert found.judgement.total.value == 0
    assert "（三）" in found.judgement.total.reason


def test_without_the_acceptance_the_lenient_reading_leaves_the_volume(policy: Policy) -> None:
    unaccepted = part(facts(np=3 * M), "acceptance", accepted=False)
    found = assess(policy, unaccepted, 2024, Y, ON)
    assert found.judgement.total.value == 0
    assert found.lenient.value == 2 * M
    assert found.lenient.readings == ("volume-acceptance",)


def test_every_reading_is_shown_with_what_it_changes(policy: Policy) -> None:
    found = assess(policy, facts(np=3 * M), 2024, decided(2024, OVER, LEAP + 1, deleted=1), ON)
    effects = {one.reading.id: one for one in found.effects}
    assert list(effects) == [one.id for one in policy.readings]
    assert len(effects) == 11
    assert effects["registrations"].total == 3 * M
    assert effects["volume-cap"].total == 3 * M
    assert effects["filed"].total == 5 * M
    assert not effects["filed"].matters
    assert effects["volume-cap"].matters
