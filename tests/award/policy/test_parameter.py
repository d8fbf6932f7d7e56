"""Parameters have a date, a unit, an article and words."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import msgspec
import pytest

from award.policy.clause import clause, quoted
from award.policy.finding import Finding, Outcome, met
from award.policy.parameter import Parameters, read
from award.policy.policy import load, text_of
from award.policy.reading import Readings
from award.policy.zhongshan_2025 import construction
from award.policy.zhongshan_2025.policy import PACKAGE
from tests.award.build import M, facts

TEXT = """
[cap]
unit = "元"
article = "第一条"
quote = "最高 1 万元"
values = [{ from = 2024-01-01, value = "1万元" }, { from = 2025-01-01, value = "2万元" }]
"""


def test_a_value_holds_from_its_day() -> None:
    table = read(TEXT)
    assert Parameters(table, date(2024, 12, 31)).yuan("cap") == 10_000
    assert Parameters(table, date(2025, 1, 1)).yuan("cap") == 20_000
    with pytest.raises(KeyError):
        Parameters(table, date(2023, 12, 31)).yuan("cap")


def test_dates_must_rise() -> None:
    with pytest.raises(msgspec.ValidationError, match="rise"):
        read(TEXT.replace("2025-01-01", "2023-01-01"))


def test_no_number_is_a_float() -> None:
    for name, one in load("zhongshan_2025").parameters.items():
        assert one.article.startswith("第"), name
        for value in one.values:
            assert isinstance(value.value, int | str | date), name


def test_what_is_quoted_stands_in_the_text() -> None:
    """Words that are not the document's own say so: （大意）."""
    text = _squeezed("".join(one["text"] for one in tomllib.loads(
        text_of(PACKAGE, "text.toml"))["article"]))  # fmt: skip
    found = [one.quote for one in load("zhongshan_2025").parameters.values()]
    found += [finding.quote for finding in _findings()]
    own = [quote for quote in found if not quote.startswith("（大意）")]
    assert len(own) >= 15
    for quote in own:
        for piece in quote.split("…"):
            assert _squeezed(piece).strip("，。；：、") in text, quote


def test_every_amount_quotes_its_clause() -> None:
    text = _squeezed(text_of(PACKAGE, "text.toml"))
    for function in (construction._matching, construction._share):
        article, words = quoted(function)
        assert article == "第四条（五）"
        assert _squeezed(words).strip("。") in text


def _findings() -> list[Finding]:
    policy = load("zhongshan_2025")
    case = policy.case(facts(np=3 * M), 2024, {}, date(2025, 1, 1), Readings(policy.known, {}))
    return list(policy.judge(case).findings)


def _squeezed(text: str) -> str:
    return "".join(text.split()).replace(",", "，")


def test_a_clause_without_its_words_is_none() -> None:
    def silent(case: Any) -> Outcome:
        """No quotation here."""
        return met("")

    with pytest.raises(TypeError, match="silent"):
        clause("x", "X")(silent)
