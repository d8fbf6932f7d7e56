"""Code patterns: reading them, numbering after them, and taking codes apart again."""

from __future__ import annotations

import random
import re
import secrets
import time
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import ean
from stdnum.iso7064 import mod_37_36

from registry.code.check_digit import CheckDigit
from registry.code.part import RANDOM_ALPHABET, Rule
from registry.code.pattern import MAX_CODE_BYTES, Pattern
from registry.errors import CodesExhausted, InvalidPattern
from registry.identifier import Identifier

DAY = date(2026, 9, 1)  # a Tuesday, day 244, week 36

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
LITERALS = st.text(
    st.characters(categories=["L", "Nd", "P", "S", "Zs"]), min_size=1, max_size=6
).map(lambda text: text.replace("{", "{{").replace("}", "}}"))
DATES = st.sampled_from(["{yyyy}", "{yy}", "{mm}", "{dd}", "{doy}", "{gggg}{ww}", "{gg}{ww}"])
NUMBERS = st.one_of(
    st.integers(1, 18).map(lambda width: f"{{serial:0{width}d}}"),
    st.integers(1, 32).map(lambda width: f"{{random:{width}}}"),
)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """Any mixture of literals, dates, one number and perhaps a check digit after them."""
    around = st.lists(st.one_of(LITERALS, DATES), max_size=3).map("".join)
    text = draw(around) + draw(NUMBERS) + draw(around)
    checks = ["", "{check:mod37_36}"] + (["{check:mod10}"] if "random" not in text else [])
    text += draw(st.sampled_from(checks)) + draw(st.one_of(st.just(""), LITERALS))
    assume(text == text.strip())
    try:
        return Pattern.parse(text)
    except InvalidPattern:  # {yyyy} beside {gg}{ww} and the like
        assume(False)
        raise


@st.composite
def codes(draw: st.DrawFn) -> tuple[Pattern, date, int | str, str]:
    """A pattern, a day, a serial or a random text, and the code they make."""
    pattern, day = draw(patterns()), draw(DAYS)
    if pattern.is_serial:
        serial = draw(st.integers(1, pattern.capacity))
        return pattern, day, serial, pattern.format(serial=serial, on=day)
    width = next(int(w) for w in re.findall(r"\{random:(\d+)\}", pattern.text))
    token = draw(st.text(RANDOM_ALPHABET, min_size=width, max_size=width))
    return pattern, day, token, pattern.format(token=token, on=day)


REFUSALS = {
    Rule.BRACE: [("{serial:2d", 1), ("a}b{serial:2d}", 2), ("{serial:2d}{", 12)],
    Rule.UNKNOWN_FIELD: [("A{foo}{serial:2d}", 2), ("{}{serial:2d}", 1), ("{yyyy:2}", 1)],
    Rule.WIDTH: [("{serial}", 1), ("{serial:0d}", 1), ("{serial:19d}", 1), ("{random:33}", 1)],
    Rule.CHECK_NAME: [("{serial:2d}{check:luhn}", 12), ("{serial:2d}{check}", 12)],
    Rule.NO_NUMBER: [("", None), ("SN-{yyyy}", None), ("{{serial:08d}}", None)],
    Rule.SECOND_NUMBER: [("{serial:2d}{serial:2d}", 12), ("{random:9}{serial:2d}", 11)],
    Rule.SECOND_CHECK: [("{serial:2d}{check:mod10}{check:mod10}", 25)],
    Rule.CHECK_ORDER: [("{check:mod10}{serial:2d}", 1), ("{serial:2d}{check:mod10}{dd}", 12)],
    Rule.CHECK_COVER: [("{random:9}{check:mod10}", 11)],
    Rule.WEEK_YEAR: [("{yyyy}{ww}{serial:3d}", 7)],
    Rule.TOO_LONG: [("x" * 190 + "{serial:1d}", None), ("灯" * 64 + "{serial:1d}", None)],
    Rule.UNPRINTABLE: [("a\u200b{serial:3d}", 1), ("{serial:3d}\0", 12)],
    Rule.EDGE_BLANK: [(" {serial:3d}", 1), ("{serial:3d}\u3000", 12)],
    Rule.COMBINING: [("{serial:3d}\u0301", 12)],
}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_refused_with_its_reason(rule: Rule) -> None:
    for text, position in REFUSALS[rule]:
        with pytest.raises(InvalidPattern) as refusal:
            Pattern.parse(text)
        assert (refusal.value.rule, refusal.value.field) == (rule, "pattern"), text
        if position:
            assert f"character {position}" in refusal.value.detail


@given(st.text("{}:serialndomchkyg08dé ", max_size=30))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = Pattern.parse(text)
    except InvalidPattern:
        return
    assert Pattern.parse(pattern.text) == pattern


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SN{serial:08d}", "SN00000007"),
        ("{serial:8d}", "00000007"),
        ("A{serial:1d}", "A7"),
        ("LED-A60-{yyyy}{mm}{dd}-{serial:06d}", "LED-A60-20260901-000007"),
        ("{yy}{doy}-{serial:3d}", "26244-007"),
        ("{gggg}W{ww}/{serial:3d}", "2026W36/007"),
        ("{{{serial:2d}}}", "{07}"),
        ("灯具-{serial:4d}", "灯具-0007"),
        ("69012345678{serial:1d}{check:mod10}", "6901234567878"),
    ],
)
def test_format(text: str, code: str) -> None:
    assert Pattern.parse(text).format(serial=7, on=DAY) == code


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2024, 12, 29), "2024-52"),
        (date(2024, 12, 30), "2025-01"),
        (date(2027, 1, 3), "2026-53"),
        (date(2027, 1, 4), "2027-01"),
    ],
)
def test_a_week_carries_its_own_year(day: date, week: str) -> None:
    assert Pattern.parse("{gggg}-{ww}-{serial:1d}").format(serial=1, on=day) == f"{week}-1"


@given(codes())
def test_match_is_the_inverse_of_format(made: tuple[Pattern, date, int | str, str]) -> None:
    pattern, day, number, code = made
    assert pattern.match(code) == number
    assert pattern.match(code, day, case_sensitive=True) == number
    assert pattern.match(code.swapcase() if code.isascii() else code, day) == number


@given(codes())
def test_every_code_is_a_suffix(made: tuple[Pattern, date, int | str, str]) -> None:
    code = made[3]
    assert len(code.encode()) <= MAX_CODE_BYTES
    assert Identifier("8" * 64, code).suffix == code


@given(codes(), codes())
def test_patterns_that_cannot_meet_do_not(
    one: tuple[Pattern, date, int | str, str], other: tuple[Pattern, date, int | str, str]
) -> None:
    pattern, _, _, code = one
    assert pattern.may_meet(pattern)
    assert pattern.may_meet(other[0]) == other[0].may_meet(pattern)
    if other[0].match(code) is not None:
        assert pattern.may_meet(other[0])


@given(codes())
def test_scope_is_the_pattern_of_the_day(made: tuple[Pattern, date, int | str, str]) -> None:
    pattern, day, number, code = made
    of_day = Pattern.parse(pattern.scope(day))
    assert of_day.scope() == pattern.scope(day)
    assert of_day.match(code) == number
    assert not of_day.is_dated


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("SN{serial:08d}", "sn{serial:8d}", True),
        ("A{yyyy}{serial:3d}", "A2026{serial:3d}", True),
        ("A{yy}{mm}{serial:3d}", "A26{mm}{serial:3d}", True),
        ("A{serial:3d}", "B{serial:3d}", False),
        ("A{serial:3d}", "A{serial:4d}", False),
        ("A{serial:3d}", "A{serial:3d}{check:mod10}", False),
    ],
)
def test_same_scope_same_counter(one: str, other: str, shared: bool) -> None:
    assert (Pattern.parse(one).scope(DAY) == Pattern.parse(other).scope(DAY)) is shared


def test_scope_changes_with_the_day() -> None:
    daily = Pattern.parse("L1-{yyyy}{mm}{dd}-{serial:06d}")
    assert daily.scope(DAY) == "L1-20260901-{serial:06d}"
    assert daily.scope(DAY) != daily.scope(DAY + timedelta(days=1))


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("A1{serial:1d}", "a{serial:2d}", True),
        ("A{serial:02d}", "{random:3}", True),
        ("{yyyy}{serial:2d}", "{serial:6d}", True),
        ("0{serial:02d}", "{random:3}", False),  # no 0 is ever drawn
        ("A{serial:2d}", "A{serial:3d}", False),
        ("A{serial:2d}", "B{serial:2d}", False),
        ("A{serial:2d}{check:mod10}", "A{serial:2d}X", False),
        ("A{serial:2d}{check:mod37_36}", "A{serial:2d}X", True),
    ],
)
def test_different_patterns_may_meet(one: str, other: str, may: bool) -> None:
    assert Pattern.parse(one).may_meet(Pattern.parse(other)) is may


def test_meeting_codes_exist() -> None:
    one, other = Pattern.parse("A1{serial:1d}"), Pattern.parse("A{serial:2d}")
    assert one.scope() != other.scope()
    assert set(one.expand(1, 9)) & set(other.expand(1, 99)) == set(one.expand(1, 9))


def test_capacity_is_the_last_serial() -> None:
    pattern = Pattern.parse("A{serial:2d}")
    assert pattern.capacity == 99
    assert pattern.format(serial=99) == "A99"
    assert list(pattern.expand(98, 2)) == ["A98", "A99"]
    for first, count in ((100, 1), (98, 3), (1, 100)):
        with pytest.raises(CodesExhausted) as refusal:
            pattern.expand(first, count)
        assert (refusal.value.field, refusal.value.rule) == ("count", "capacity")
    assert Pattern.parse("{random:3}").capacity == 32**3


def test_serials_begin_at_1() -> None:
    pattern = Pattern.parse("A{serial:2d}")
    assert pattern.match("A00") is None
    for first, count in ((0, 1), (-1, 1), (1, 0)):
        with pytest.raises(ValueError, match="from 1"):
            pattern.expand(first, count)


def test_arguments_must_belong_to_the_pattern() -> None:
    numbered, drawn = Pattern.parse("{serial:2d}"), Pattern.parse("{random:2}")
    with pytest.raises(ValueError, match="takes a serial"):
        numbered.format(token="AB")
    with pytest.raises(ValueError, match="takes a token"):
        drawn.format(serial=1)
    for token in ("A", "ABC", "A0", "ab"):
        with pytest.raises(ValueError, match="random texts"):
            drawn.format(token=token)
    with pytest.raises(ValueError, match="random field"):
        numbered.draw(1, secrets.token_bytes)
    with pytest.raises(ValueError, match="has a serial"):
        drawn.expand(1, 1)
    with pytest.raises(ValueError, match="needs a date"):
        Pattern.parse("{yy}{serial:2d}").format(serial=1)


def test_expand_is_lazy() -> None:
    codes = Pattern.parse("SN{serial:18d}{check:mod10}").expand(1, 10**18 - 1)
    assert next(codes) == "SN0000000000000000017"


def test_expanding_keeps_up_with_bulk_registration() -> None:
    pattern = Pattern.parse("LED{yy}{serial:08d}{check:mod37_36}")
    start = time.perf_counter()
    assert sum(1 for _ in pattern.expand(1, 50_000, DAY)) == 50_000
    assert time.perf_counter() - start < 2  # seconds; 0.12 where this was written


def test_match_tells_days_and_lines_apart() -> None:
    pattern = Pattern.parse("L1-{mm}{dd}-{serial:3d}")
    assert pattern.match("l1-0901-042") == 42
    assert pattern.match("l1-0901-042", case_sensitive=True) is None
    assert pattern.match("L1-0901-042", DAY) == 42
    assert pattern.match("L1-0902-042", DAY) is None
    for code in ("L2-0901-042", "L1-0901-42", "L1-0901-0421", "L1-0901-04２", "L1-0901-042\n", ""):
        assert pattern.match(code) is None


def test_drawn_codes_are_different_and_unbiased() -> None:
    pattern = Pattern.parse("R-{random:2}{check:mod37_36}")
    source = random.Random(1).randbytes
    drawn = pattern.draw(500, source)
    assert len(set(drawn)) == 500
    assert all(pattern.match(code) == code[2:4] for code in drawn)
    letters = "".join(code[2:4] for code in Pattern.parse("R-{random:9}").draw(4000, source))
    assert set(letters) == set(RANDOM_ALPHABET)
    assert all(150 < letters.count(letter) < 350 for letter in RANDOM_ALPHABET)  # 250 expected


def test_drawing_is_refused_where_codes_could_be_guessed() -> None:
    pattern = Pattern.parse("{random:1}")
    assert len(pattern.draw(16, secrets.token_bytes)) == 16
    with pytest.raises(CodesExhausted):
        pattern.draw(17, secrets.token_bytes)


def test_random_alphabet_has_no_look_alikes() -> None:
    assert len(set(RANDOM_ALPHABET)) == len(RANDOM_ALPHABET) == 32
    assert not set("01OI") & set(RANDOM_ALPHABET)
    assert RANDOM_ALPHABET.upper() == RANDOM_ALPHABET


@pytest.mark.parametrize(
    ("check", "text", "digit"),
    [
        (CheckDigit.MOD10, "690123456789", "2"),
        (CheckDigit.MOD10, "7351353", "7"),  # GTIN-8
        (CheckDigit.MOD10, "03600029145", "2"),  # GTIN-12
        (CheckDigit.MOD10, "SN-690123-456789灯", "2"),
        (CheckDigit.MOD37_36, "A12425GABC1234002", "M"),
        (CheckDigit.MOD37_36, "a12425-gabc-1234002", "M"),
    ],
)
def test_known_check_digits(check: CheckDigit, text: str, digit: str) -> None:
    assert check.of(text) == digit


@given(st.integers(1, 10**8 - 1), st.data())
def test_single_errors_are_found(serial: int, data: st.DataObject) -> None:
    check = data.draw(st.sampled_from(list(CheckDigit)))
    pattern = Pattern.parse(f"{{serial:08d}}{{check:{check}}}")
    code = pattern.format(serial=serial)
    at = data.draw(st.integers(0, 7))
    wrong = data.draw(st.sampled_from([c for c in "0123456789" if c != code[at]]))
    assert pattern.match(code[:at] + wrong + code[at + 1 :]) is None
    valid = ean.calc_check_digit if check is CheckDigit.MOD10 else mod_37_36.calc_check_digit
    assert code[-1] == valid(code[:-1])
