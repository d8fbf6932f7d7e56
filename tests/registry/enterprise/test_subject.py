"""The rules for what an enterprise says of itself."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from registry.enterprise.subject import (
    MAX_CHARACTERS,
    PERSONAL,
    SECTIONS,
    Rule,
    Subject,
    check,
)
from registry.errors import InvalidSubject

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
VALID = "91110108589104047H"

LAMPS: dict[str, Any] = {
    "name": "中山市某某照明有限公司",
    "credit_code": VALID,
    "legal_person": "张三",
    "contact_name": "李四",
    "contact_phone": "0760-8888 6666",
    "contact_email": "bs@lamps.example.com",
    "address": "广东省中山市古镇镇某路1号",
    "industry": "C3872",
    "website": "https://lamps.example.com/",
}

REFUSALS: dict[Rule, list[tuple[str, str]]] = {
    Rule.REQUIRED: [(field, "") for field in LAMPS],
    Rule.TOO_LONG: [(field, "x" * (most + 1)) for field, most in MAX_CHARACTERS.items()],
    Rule.EDGE_BLANK: [
        ("name", " 某公司"),
        ("address", "某路1号\u3000"),
        ("credit_code", f"{VALID[:-1]} "),
    ],
    Rule.UNPRINTABLE: [
        ("name", "某\0公司"),
        ("address", "某路\n1号"),
        ("legal_person", "\u202e张"),
    ],
    Rule.CREDIT_CODE: [
        ("credit_code", VALID[:-1]),
        ("credit_code", VALID.lower()),
        ("credit_code", "9111010858910404IH"),
        ("credit_code", "91A10108589104047H"),
        ("credit_code", "９1110108589104047H"),
    ],
    Rule.CREDIT_CODE_CHECK: [
        ("credit_code", "91110108589104047G"),
        ("credit_code", "91110108589104048H"),
    ],
    Rule.PHONE: [
        ("contact_phone", p)
        for p in ("12345", "turn left", "138-", "1" * 22, "+", "１３８００１３８０００")
    ],
    Rule.EMAIL: [
        ("contact_email", e) for e in ("a", "a@b", "@b.cn", "a b@c.cn", "a@b@c.cn", "a@b..cn")
    ],
    Rule.INDUSTRY: [("industry", i) for i in ("U01", "3872", "c38", "C3", "C387２")],
    Rule.INDUSTRY_SECTION: [("industry", i) for i in ("C12", "C44", "A00", "T98", "B3872")],
    Rule.WEBSITE: [
        ("website", w) for w in ("lamps.example.com", "ftp://a.cn", "https://", "http://a b")
    ],
}


def subject(**changes: Any) -> Subject:
    return Subject(**{**LAMPS, **changes})


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_refused_with_its_reason(rule: Rule) -> None:
    for field, value in REFUSALS[rule]:
        with pytest.raises(InvalidSubject) as refusal:
            check(subject(**{field: value}))
        assert (refusal.value.field, refusal.value.rule) == (field, rule), value
        assert re.fullmatch(rf"The field {field} .*\.", refusal.value.detail)
        if field in PERSONAL and len(value) > 3:
            assert value not in refusal.value.detail


def test_a_good_subject() -> None:
    check(subject())
    check(subject(website=None))
    assert msgspec.json.decode(msgspec.json.encode(subject()), type=Subject) == subject()


@pytest.mark.parametrize("code", [VALID, "91110000600037341L", "N2110000MF00000006"])
def test_credit_codes(code: str) -> None:
    code = code[:17] + uscc.calc_check_digit(code[:17]) if code.startswith("N") else code
    check(subject(credit_code=code))


@given(st.integers(0, 16), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_found(at: int, character: str) -> None:
    wrong = VALID[:at] + character + VALID[at + 1 :]
    if wrong != VALID:
        with pytest.raises(InvalidSubject):
            check(subject(credit_code=wrong))


@given(
    st.text(ALPHABET, min_size=2, max_size=2),
    st.integers(0, 999999),
    st.text(ALPHABET, min_size=9, max_size=9),
)
def test_any_code_with_its_check_character_is_accepted(head: str, region: int, body: str) -> None:
    code = f"{head}{region:06d}{body}"
    check(subject(credit_code=code + uscc.calc_check_digit(code)))


@pytest.mark.parametrize(
    "phone",
    ["13800138000", "+86 138 0013 8000", "(0760) 88886666", "400-800-1234", "0760-88886666-801"],
)
def test_phones(phone: str) -> None:
    check(subject(contact_phone=phone))


@pytest.mark.parametrize("website", ["http://a.cn", "https://a.cn:8443/x?y#z", "https://灯.中国/"])
def test_websites(website: str) -> None:
    check(subject(website=website))


@pytest.mark.parametrize("industry", ["C", "C38", "C387", "C3872", "A01", "T97", "C13", "C43"])
def test_industry_has_four_levels(industry: str) -> None:
    check(subject(industry=industry))


def test_sections_cover_the_97_divisions_once() -> None:
    divisions = [d for first, last in SECTIONS.values() for d in range(first, last + 1)]
    assert divisions == list(range(1, 98))
    assert "".join(SECTIONS) == "ABCDEFGHIJKLMNOPQRST"


def test_personal_data_stay_out_of_repr() -> None:
    shown = repr(subject()) + str(subject()) + f"{subject()}"
    assert VALID in shown
    assert not any(str(LAMPS[field]) in shown for field in PERSONAL)
    assert set(Subject.__struct_fields__) > PERSONAL


def test_every_field_has_a_length() -> None:
    assert tuple(MAX_CHARACTERS) == Subject.__struct_fields__


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**LAMPS, "credit": "x"}, Subject)
