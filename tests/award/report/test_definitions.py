"""The words of a report belong to the rules that the code counts by."""

from __future__ import annotations

import pytest

from award.report import definitions
from metrics.counting import rules


def test_rules_and_words_are_those_that_the_version_stands_for() -> None:
    """Where this fails, rules or words were changed: give them a new version and record it."""
    assert definitions.RECORDED[rules.DEFINITIONS] == definitions.digest()
    assert list(definitions.RECORDED)[-1] == rules.DEFINITIONS, "versions are added at the end"


def test_the_words_name_their_version() -> None:
    assert rules.DEFINITIONS in definitions.words()


@pytest.mark.parametrize("name", ["WINDOW", "ANSWERED", "OUTCOMES", "KINDS"])
def test_any_parameter_changes_the_digest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = definitions.digest()
    value = getattr(rules, name)
    monkeypatch.setattr(rules, name, value * 2 if isinstance(value, int) else type(value)())
    assert definitions.digest() != before


def test_the_words_tell_the_parameters() -> None:
    """Numbers that stand in both."""
    words = definitions.words()
    assert f"{rules.parameters()['repeat_milliseconds'] / 1000:.3f} 秒" in words
    assert rules.parameters()["time_zone"] == "Asia/Shanghai"
    assert "北京时间" in words
