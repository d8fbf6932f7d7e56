"""What people write, and the identifier they mean."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier, System, to_url_path
from registry.identifier import Rule as IdentifierRule
from registry.spelling import HANDLE_PROXIES, Rule, gtin14, recognise

BID = "did:bid:efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp"
LINK = "https://id.gs1.org/01/6901234567892"


@pytest.mark.parametrize(
    ("written", "system", "text"),
    [
        ("88.608.5288/abc", System.VAA, "88.608.5288/abc"),
        ("  88.608.5288/abc\n", System.VAA, "88.608.5288/abc"),
        ("hdl:20.500.12345/a%20b", System.HANDLE, "20.500.12345/a%20b"),
        ("HDL:20.500.12345/abc", System.HANDLE, "20.500.12345/abc"),
        ("https://hdl.handle.net/20.500.12345/a%20b", System.HANDLE, "20.500.12345/a b"),
        ("http://HDL.handle.net:80/88.1.2/a?noredirect#x", System.VAA, "88.1.2/a"),
        ("hdl.handle.net/88.1.2/a?b#c", System.VAA, "88.1.2/a"),
        ("https://doi.org/10.1000/182", System.HANDLE, "10.1000/182"),
        ("88.118.9", System.VAA, "88.118.9"),
        ("0.NA", System.HANDLE, "0.NA"),
        ("urn:oid:1.2.156.10197.1.501", System.OID, "1.2.156.10197.1.501"),
        ("URN:OID:2.16.156", System.OID, "2.16.156"),
        ("1.2.156", System.OID, "1.2.156"),
        (BID, System.DID, BID),
        ("DID:BID:ef1A:" + "x" * 22, System.DID, "did:bid:ef1A:" + "x" * 22),
        ("6901234567892", System.GS1, "06901234567892"),
        ("73513537", System.GS1, "00000073513537"),
        ("036000291452", System.GS1, "00036000291452"),
        ("98412345678908", System.GS1, "98412345678908"),
        (LINK, System.GS1, "06901234567892"),
        (LINK + "/21/SN-1?17=261231", System.GS1, "06901234567892/21/SN-1"),
        (LINK + "/21/S%2F1/10/B1/", System.GS1, "06901234567892/10/B1/21/S%2F1"),
        ("https://a.cn/p/01/06901234567892/22/V", System.GS1, "06901234567892/22/V"),
        ("https://hdl.handle.net/01/6901234567892", System.GS1, "06901234567892"),
        ("1000112345678901", System.ECODE, "1000112345678901"),
        ("ecode:2000112345678", System.ECODE, "2000112345678"),
        ("3ABCDEx", System.ECODE, "3ABCDEx"),
    ],
)
def test_recognised(written: str, system: System, text: str) -> None:
    found = recognise(written)
    assert (found.system, found.text) == (system, text)


REFUSALS = {
    Rule.UNKNOWN: ["hello", "88..1", "urn:isbn:9780471117094", "x" * 3000],
    Rule.UNKNOWN_URL: ["https://example.com/88.1/a", "https://", "http:/88.1/a"],
    Rule.OID: ["urn:oid:1.40.1", "urn:oid:3.1", "urn:oid:1.2.01", "urn:oid:", "urn:oid:1.2."],
    Rule.BID: ["did:bid:abc", "did:web:example.com", BID + "!"],
    Rule.ECODE: ["ecode:", "ecode:4000112345", "ecode:6901", "ecode:1" + "0" * 25],
    Rule.GTIN_SYNTAX: ["https://id.gs1.org/01/690123456", "https://id.gs1.org/01/690123456789A"],
    Rule.GTIN_CHECK_DIGIT: ["6901234567893", "https://id.gs1.org/01/6901234567893"],
    Rule.GTIN_QUALIFIER: [LINK + "/21", LINK + "/21/a/21/b", LINK + "/99/a", LINK + "/21/%20"],
}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_refused_with_its_reason(rule: Rule) -> None:
    for written in REFUSALS[rule]:
        with pytest.raises(InvalidIdentifier) as refusal:
            recognise(written)
        assert refusal.value.rule == rule, written


def test_rules_of_identifiers_apply() -> None:
    for written, rule in (
        ("", IdentifierRule.EMPTY),
        ("https://hdl.handle.net", IdentifierRule.EMPTY),
        ("hdl:abc", IdentifierRule.NO_SLASH),
        ("https://hdl.handle.net/88.1/%0a", IdentifierRule.CONTROL),
        ("https://hdl.handle.net/88.1/%", IdentifierRule.BAD_ESCAPE),
    ):
        with pytest.raises(InvalidIdentifier) as refusal:
            recognise(written)
        assert refusal.value.rule == rule


def test_a_bare_prefix_is_looked_up_as_its_record() -> None:
    assert recognise("88.118.9").identifier == Identifier("0.NA", "88.118.9")


def test_other_systems_have_no_handle() -> None:
    for written in ("1.2.156", BID, "6901234567892", LINK):
        assert recognise(written).identifier is None


def test_a_node_recognises_its_own_urls() -> None:
    own = HANDLE_PROXIES | {"id.example.cn"}
    assert recognise("https://id.example.cn/88.608.1/a%2Fb", own).text == "88.608.1/a/b"


@given(st.from_regex(r"[0-9]{2}\.[0-9]{3,5}\.[0-9]{1,9}/[!-~]{1,30}", fullmatch=True))
def test_proxy_urls_lead_back_to_the_identifier(text: str) -> None:
    identifier = Identifier.parse(text)
    url = f"https://hdl.handle.net/{to_url_path(identifier)}"
    assert recognise(url).identifier == recognise(f"hdl:{text}").identifier == identifier


@given(st.text(max_size=60))
def test_anything_is_recognised_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidIdentifier):
        assert recognise(text).text


@given(st.from_regex(r"[0-9]{7}|[0-9]{11,13}", fullmatch=True), st.integers(1, 9))
def test_one_wrong_check_digit_is_found(body: str, error: int) -> None:
    check = ean.calc_check_digit(body)
    assert gtin14(body + check).endswith(body + check)
    with pytest.raises(InvalidIdentifier):
        gtin14(body + str((int(check) + error) % 10))
