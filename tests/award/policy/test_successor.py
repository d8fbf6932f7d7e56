"""New rules are a new folder: nothing outside it knows them."""

from __future__ import annotations

from datetime import date

import pytest

from award.assessment.assessment import assess
from award.facts.file import parse
from award.policy.policy import UnknownPolicy, load, names
from tests.award.build import M, certified

PACKAGE = "tests.award.policies"


def test_a_policy_is_found_by_its_folder() -> None:
    assert names() == ["zhongshan_2025"]
    assert names(PACKAGE) == ["fictitious_2028"]
    assert load("fictitious_2028", PACKAGE).name == "fictitious_2028"
    assert load("fictitious_2028", PACKAGE).digest != load("zhongshan_2025").digest


def test_no_folder_no_policy() -> None:
    with pytest.raises(UnknownPolicy, match="zhongshan_2025"):
        load("zhongshan_2030")


@pytest.mark.parametrize(
    ("number", "on", "total"),
    [
        (200 * M - 1, date(2028, 12, 31), 0),
        (200 * M, date(2028, 12, 31), 2_200_000),
        (200 * M, date(2029, 1, 1), 0),
        (300 * M, date(2029, 1, 1), 3_300_000),
    ],
)
def test_other_thresholds_other_sums_other_facts(number: int, on: date, total: int) -> None:
    policy = load("fictitious_2028", PACKAGE)
    facts = parse(f"green_factory = true\n{policy.template}".encode(), policy.facts)
    found = assess(policy, facts, 2028, {2028: certified(2028, number)}, on)
    assert found.judgement.total.value == total
    assert found.policy_digest == policy.digest
    assert found.lenient.value == total
    assert found.strictest.value == total * 10 // 11
