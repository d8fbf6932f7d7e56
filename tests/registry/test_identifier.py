"""Identifiers, prefixes and their way through URLs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, unquote_to_bytes

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from registry.errors import InvalidIdentifier
from registry.identifier import (
    Identifier,
    Prefix,
    Rule,
    System,
    bare_prefix,
    fold_case,
    from_url_path,
    to_url_path,
)

# The stated rule, written a second time: any graphic character, no blank at either end.
GRAPHIC = st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
CLASSIC = st.sampled_from(["/", "//", "+", "<", ">", "#", "%", "?", ".", "..", "\\", "%2F", " a"])
SUFFIXES = (
    st.lists(st.one_of(GRAPHIC, CLASSIC), min_size=1, max_size=24)
    .map("".join)
    .map(lambda text: unicodedata.normalize("NFC", text).strip())
    .filter(bool)
)
PREFIXES = st.from_regex(r"(10|20|21|86|88)(\.[0-9A-Za-z]{1,6}){1,3}", fullmatch=True)
IDENTIFIERS = st.builds(Identifier, PREFIXES, SUFFIXES)

LONGEST = "88.1/" + "x" * 250

REFUSALS: dict[Rule, tuple[Callable[[str], object], str, str]] = {
    Rule.EMPTY: (Identifier.parse, "", "identifier"),
    Rule.NO_SLASH: (Identifier.parse, "88.608.5288", "identifier"),
    Rule.TOO_LONG: (Identifier.parse, LONGEST + "x", "identifier"),
    Rule.PREFIX_EMPTY: (Identifier.parse, "/abc", "prefix"),
    Rule.PREFIX_SLASH: (Prefix.parse, "88.608/1", "prefix"),
    Rule.PREFIX_TOO_LONG: (Identifier.parse, "8" * 65 + "/a", "prefix"),
    Rule.PREFIX_SYNTAX: (Prefix.strict, "88.118.8L", "prefix"),
    Rule.SECONDARY_SYNTAX: (Prefix.secondary, "88.12", "prefix"),
    Rule.SUFFIX_EMPTY: (Identifier.parse, "88.608.5288/", "suffix"),
    Rule.EDGE_BLANK: (Identifier.parse, "88.608.5288/abc\u3000", "suffix"),
    Rule.NUL: (Identifier.parse, "88.608.5288/a\0b", "suffix"),
    Rule.CONTROL: (Identifier.parse, "88.608.5288/a\tb", "suffix"),
    Rule.LINE_SEPARATOR: (Identifier.parse, "88.608.5288/a\u2028b", "suffix"),
    Rule.FORMAT: (Identifier.parse, "88.608.5288/a\u202eb", "suffix"),
    Rule.PRIVATE_USE: (Identifier.parse, "88.608.5288/a\ue000b", "suffix"),
    Rule.UNASSIGNED: (Identifier.parse, "88.608.5288/a\u0378b", "suffix"),
    Rule.SURROGATE: (Identifier.parse, "88.608.5288/a\ud800b", "suffix"),
    Rule.BAD_ESCAPE: (from_url_path, "88.608.5288/100%", "identifier"),
    Rule.BAD_UTF8: (from_url_path, "88.608.5288/%FF", "identifier"),
}


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_refused_with_its_reason(rule: Rule) -> None:
    read, text, field = REFUSALS[rule]
    with pytest.raises(InvalidIdentifier) as refusal:
        read(text)
    assert (refusal.value.rule, refusal.value.field) == (rule, field)
    assert re.fullmatch(r"[A-Z].*\.", refusal.value.detail)


@pytest.mark.parametrize(
    "text", ["\u2029", "\x7f", "\x85", "\u200b", "\ufeff", "\xad", "\U000e0041"]
)
def test_invisible_characters_are_refused_anywhere(text: str) -> None:
    for suffix in (text, f"a{text}", f"{text}a", f"a{text}b"):
        with pytest.raises(InvalidIdentifier):
            Identifier("88.1", suffix)
    with pytest.raises(InvalidIdentifier):
        Prefix(f"88{text}1")


@pytest.mark.parametrize("blank", [" ", "\xa0", "\u2003", "\u3000"])
def test_blanks_may_stand_inside_but_not_at_the_ends(blank: str) -> None:
    assert Identifier("88.1", f"a{blank}b").suffix == f"a{blank}b"
    for suffix in (f"{blank}a", f"a{blank}", blank):
        with pytest.raises(InvalidIdentifier) as refusal:
            Identifier("88.1", suffix)
        assert refusal.value.rule == Rule.EDGE_BLANK


@given(IDENTIFIERS)
def test_parse_is_the_inverse_of_text(identifier: Identifier) -> None:
    assert Identifier.parse(identifier.text) == identifier
    assert str(identifier) == identifier.text


@given(st.text(max_size=40))
def test_whatever_is_accepted_obeys_the_rules(text: str) -> None:
    if refusal_of(Identifier.parse, text):
        return
    identifier = Identifier.parse(text)
    assert identifier.text == unicodedata.normalize("NFC", text)
    assert identifier.suffix == identifier.suffix.strip() != ""
    assert "/" not in identifier.prefix
    assert len(identifier.text.encode()) <= 255


@given(SUFFIXES, st.booleans())
def test_canonical_form_is_stable(suffix: str, case_sensitive: bool) -> None:
    canonical = Identifier("88.608.1", suffix).canonical(case_sensitive)
    again = Identifier.parse(canonical)
    assert again.canonical(case_sensitive) == canonical
    assert again.text == canonical


def test_first_slash_ends_the_prefix() -> None:
    assert Identifier.parse("88.1//a/") == Identifier("88.1", "/a/")


def test_ascii_case_alone_is_folded() -> None:
    identifier = Identifier.parse("88.118.8l/Abcß-é-я-ａ")
    assert identifier.canonical() == "88.118.8L/ABCß-é-я-ａ"
    assert identifier.canonical(case_sensitive=True) == "88.118.8L/Abcß-é-я-ａ"
    assert identifier.text == "88.118.8l/Abcß-é-я-ａ"


def test_prefix_records_are_never_case_sensitive() -> None:
    assert Identifier.parse("0.na/88.118.8l").canonical(case_sensitive=True) == "0.NA/88.118.8L"


def test_case_folding_composes_what_becomes_composable() -> None:
    dotted = Identifier.parse("88.1/i\u0307")
    assert dotted.suffix == "i\u0307"
    assert dotted.canonical() == "88.1/\u0130" == Identifier.parse("88.1/\u0130").canonical()


def test_text_is_kept_in_normal_form_c() -> None:
    decomposed = Identifier.parse("88.1/Cafe\u0301")
    assert decomposed == Identifier("88.1", "Caf\xe9") == Identifier("88.1", "Cafe\u0301")
    assert hash(decomposed) == hash(Identifier("88.1", "Caf\xe9"))
    assert msgspec.json.decode('{"text": "e\u0301"}', type=Prefix) == Prefix("\xe9")


@pytest.mark.parametrize(
    ("suffix", "fits"),
    [("x" * 250, True), ("x" * 251, False), ("灯" * 83, True), ("灯" * 84, False)],
)
def test_length_counts_bytes_of_utf8(suffix: str, fits: bool) -> None:
    text = f"88.1/{suffix}"
    if fits:
        assert Identifier.parse(text).text == text
    else:
        with pytest.raises(InvalidIdentifier) as refusal:
            Identifier.parse(text)
        assert refusal.value.rule == Rule.TOO_LONG


def test_length_is_taken_after_normalisation() -> None:
    decomposed = "e\u0301" * 125
    assert len(f"88.1/{decomposed}".encode()) == 380
    assert len(Identifier.parse(f"88.1/{decomposed}").text.encode()) == 255


def test_long_input_that_shrinks_enough_is_accepted() -> None:
    decomposed = unicodedata.normalize("NFD", "\u1f82" * 83)
    assert len(decomposed) == 332
    assert Identifier.parse(f"88.1/{decomposed}").suffix == "\u1f82" * 83


def test_absurdly_long_input_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(InvalidIdentifier):
        Identifier.parse("88.1/" + "\u0301" * 10_000_000)


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ("88.608.5288/META_f90c212ea7", System.VAA),
        ("86.100.1/x", System.VAA),
        ("88.118.8L/x", System.VAA),
        ("99.608.5288/x", System.VAA),
        ("20.500.12345/abc", System.HANDLE),
        ("21.T14999/abc", System.HANDLE),
        ("10.1000/182", System.HANDLE),
        ("0.NA/88.118.9", System.HANDLE),
    ],
)
def test_system(text: str, system: System) -> None:
    assert Identifier.parse(text).system is system


@pytest.mark.parametrize("text", ["21.T14999", "0.NA", "88.118.8L", "x" * 64, "灯" * 21])
def test_prefixes_of_the_field(text: str) -> None:
    assert Prefix.parse(text).text == text


@pytest.mark.parametrize("text", ["88.608.5288", "88.008.0001", "86.12345.1", "88.608." + "1" * 57])
def test_prefixes_this_node_allocates(text: str) -> None:
    assert Prefix.strict(text).text == text


@pytest.mark.parametrize(
    "text", ["88.608", "8.608.1", "88.60.1", "88.608608.1", "88.608.1.2", "88.608.", "88.608.１"]
)
def test_prefixes_this_node_does_not_allocate(text: str) -> None:
    with pytest.raises(InvalidIdentifier) as refusal:
        Prefix.strict(text)
    assert refusal.value.rule == Rule.PREFIX_SYNTAX


@pytest.mark.parametrize("text", ["86.100", "88.608", "88.12345"])
def test_secondary_prefixes(text: str) -> None:
    assert Prefix.secondary(text).text == text


@pytest.mark.parametrize("text", ["88.60", "88.123456", "87.608", "88.608.1", "20.500"])
def test_secondary_prefixes_have_one_shape(text: str) -> None:
    with pytest.raises(InvalidIdentifier) as refusal:
        Prefix.secondary(text)
    assert refusal.value.rule == Rule.SECONDARY_SYNTAX


def test_leading_zeros_are_significant() -> None:
    assert Prefix.strict("88.608.01") != Prefix.strict("88.608.1")


def test_under_a_secondary_prefix() -> None:
    assert Prefix("88.608.5288").is_under("88.608")
    assert Prefix("88.608.5288").is_under(Prefix("88.608"))
    assert not Prefix("88.6081.5288").is_under("88.608")
    assert not Prefix("88.608").is_under("88.608")


def test_bare_prefixes() -> None:
    prefix = bare_prefix("88.118.9")
    assert prefix
    assert prefix.record == Identifier("0.NA", "88.118.9")
    assert bare_prefix("0.NA") == Prefix("0.NA")
    for text in ("", "88.118.9/x", "abc", "88..1", ".88", "88.", "8" * 65):
        assert bare_prefix(text) is None


@given(IDENTIFIERS)
def test_url_path_round_trip(identifier: Identifier) -> None:
    path = to_url_path(identifier)
    assert from_url_path(path) == identifier.text
    assert re.fullmatch(r"(?:[A-Za-z0-9._~/:@,-]|%[0-9A-F]{2})+", path)
    assert from_url_path(browser_normalised(path)) == identifier.text
    assert from_url_path(URL(f"http://h/{path}").raw_path[1:]) == identifier.text


@given(IDENTIFIERS)
def test_every_byte_may_come_encoded(identifier: Identifier) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in identifier.text.encode())
    assert from_url_path(encoded) == identifier.text


@given(st.text(max_size=40))
def test_decoding_never_fails_otherwise_than_by_refusal(raw: str) -> None:
    if refusal_of(from_url_path, raw) not in {Rule.BAD_ESCAPE, Rule.BAD_UTF8, Rule.NUL}:
        decoded = unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode()
        assert from_url_path(raw) == decoded


@pytest.mark.parametrize(
    ("suffix", "path"),
    [
        ("a/b", "88.1/a/b"),
        ("a/", "88.1/a%2F"),
        ("/a", "88.1%2F%2Fa"),
        ("a//b", "88.1/a%2F%2Fb"),
        ("a/../b", "88.1/a%2F..%2Fb"),
        (".", "88.1%2F."),
        ("...", "88.1/..."),
        ("%2e%2e", "88.1/%252e%252e"),
        ("+", "88.1/%2B"),
        ("<b>", "88.1/%3Cb%3E"),
        ("a#b", "88.1/a%23b"),
        ("100%", "88.1/100%25"),
        ("a?b=c&d", "88.1/a%3Fb%3Dc%26d"),
        ("a b", "88.1/a%20b"),
        ("a\\b", "88.1/a%5Cb"),
        ("灯", "88.1/%E7%81%AF"),
    ],
)
def test_classic_url_bugs(suffix: str, path: str) -> None:
    identifier = Identifier("88.1", suffix)
    assert to_url_path(identifier) == path
    assert Identifier.parse(from_url_path(path)) == identifier
    assert Identifier.parse(from_url_path(quote(identifier.text, safe=""))) == identifier


def test_plus_stays_plus() -> None:
    assert from_url_path("88.1/a+b") == from_url_path("88.1/a%2Bb") == "88.1/a+b"


def test_bytes_beyond_ascii_may_come_raw() -> None:
    assert from_url_path("88.1/灯") == "88.1/灯"
    assert from_url_path("88.1/灯".encode().decode("ascii", "surrogateescape")) == "88.1/灯"


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("88.1/%", Rule.BAD_ESCAPE),
        ("88.1/%4", Rule.BAD_ESCAPE),
        ("88.1/%zz", Rule.BAD_ESCAPE),
        ("88.1/%%41", Rule.BAD_ESCAPE),
        ("88.1/%u706F", Rule.BAD_ESCAPE),
        ("88.1/%C0%AF", Rule.BAD_UTF8),  # an overlong slash
        ("88.1/%ED%A0%80", Rule.BAD_UTF8),  # a surrogate
        ("88.1/%E7%81", Rule.BAD_UTF8),
        ("88.1/\udcff", Rule.BAD_UTF8),
        ("88.1/" + chr(0xD800), Rule.BAD_UTF8),
        ("88.1/a%00b", Rule.NUL),
    ],
)
def test_undecodable_paths(raw: str, rule: Rule) -> None:
    with pytest.raises(InvalidIdentifier) as refusal:
        from_url_path(raw)
    assert refusal.value.rule == rule


def test_prefixes_travel_too() -> None:
    assert from_url_path(to_url_path(Prefix("88.118.9"))) == "88.118.9"


@given(st.text(max_size=30))
def test_fold_case_is_idempotent(text: str) -> None:
    text = "".join(c for c in text if not "\ud800" <= c <= "\udfff")
    assert fold_case(fold_case(text)) == fold_case(text)


def refusal_of(read: Callable[[str], object], text: str) -> Rule | None:
    """The rule that `text` breaks, None if it is accepted."""
    try:
        read(text)
    except InvalidIdentifier as refusal:
        return Rule(refusal.rule or "")
    return None


def browser_normalised(path: str) -> str:
    """What the URL Standard's path state leaves of a path, and a proxy that merges slashes."""
    kept: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            kept = kept[:-1]
        elif plain not in {"", "."}:
            kept.append(segment)
    return "/".join(kept)
