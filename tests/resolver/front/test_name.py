"""Names of the zone and the identifiers they stand for."""

from __future__ import annotations

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidIdentifier
from registry.identifier import Identifier
from resolver.front.name import Place, name_of, place_of

ZONE = dns.name.from_text("id.example.")


def place(text: str, *, case_sensitive: bool = False) -> Place | None:
    name = dns.name.from_text(text, ZONE)
    return place_of(name.relativize(ZONE).labels, case_sensitive=case_sensitive)


def read_back(identifier: Identifier, *, case_sensitive: bool) -> Identifier | None:
    name = name_of(identifier, ZONE, case_sensitive=case_sensitive)
    if name is None:
        return None
    # Resolvers change the case of what they ask.
    asked = dns.name.from_text(name.to_text().swapcase(), None).relativize(ZONE).labels
    found = place_of(asked, case_sensitive=case_sensitive)
    assert found is not None
    return found.identifier


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("sn1.1.118.88", "88.118.1/sn1"),
        ("SN-1_x.0042.00118.88", "88.00118.0042/SN-1_x"),
        (r"06901234567892\.a7.1.118.88", "88.118.1/06901234567892.a7"),
        (r"a\/b.1.118.88", "88.118.1/a/b"),
        (r"\231\129\175.1.118.88", "88.118.1/灯"),
        ("CPNMUOJ1E8._b32.1.118.88", "88.118.1/foobar"),  # RFC 4648 §10
    ],
)
def test_names_and_what_they_stand_for(text: str, handle: str) -> None:
    found = place(text)
    assert found is not None
    assert found.identifier is not None
    assert found.identifier.text == handle
    assert not found.on_the_way
    assert found.prefix == handle.partition("/")[0]


@pytest.mark.parametrize("text", ["88", "118.88", "1.118.88", "_b32.1.118.88", "_B32.1.118.88"])
def test_names_that_are_on_the_way_to_others(text: str) -> None:
    found = place(text)
    assert found is not None
    assert found.identifier is None
    assert found.on_the_way
    assert found.prefix == (None if text.count(".") < 2 else "88.118.1")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "8",
        "888",
        "12.88",  # an industry has three digits
        "a.118.88",
        "b.a.1.118.88",
        "a._b32.1.118.88",  # no octet is encoded in one character
        "cpnmuoj1e9._b32.1.118.88",  # bits behind the last octet
        "cpn!._b32.1.118.88",
        "cpnmu.oj1e8._b32.1.118.88",  # a label that is not full
        r"a\032.1.118.88",  # no suffix ends in a blank
        r"\255.1.118.88",
        r"\000.1.118.88",
        f"{'1' * 60}.118.88",  # no prefix is that long
        f"x.{'1' * 60}.118.88",
    ],
)
def test_names_at_which_nothing_can_stand(text: str) -> None:
    assert place(text) is None


def test_labels_that_are_full_may_be_on_the_way() -> None:
    """Under a resolver that asks label by label, an absent name above others would hide them."""
    identifier = Identifier("88.118.1", "灯" * 20)
    name = name_of(identifier, ZONE, case_sensitive=False)
    assert name is not None
    labels = name.relativize(ZONE).labels
    assert [len(label) for label in labels] == [33, 63, 4, 1, 3, 2]
    found = place_of(labels, case_sensitive=False)
    assert found is not None
    assert found.identifier == identifier
    assert not found.on_the_way
    above = place_of(labels[1:], case_sensitive=False)
    assert above is not None
    assert above.on_the_way


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        ("88.118.1/SN1", "sn1.1.118.88.id.example."),
        ("88.118.1/_b32", "bth36cg._b32.1.118.88.id.example."),
        ("88.118.1/foobar!", "cpnmuoj1e8gg._b32.1.118.88.id.example."),
        ("10.1000/1", None),
        ("0.NA/88.118.1", None),
        ("88.118.1/" + "x" * 200, None),  # longer than a name may be
    ],
)
def test_names_of_identifiers(handle: str, name: str | None) -> None:
    found = name_of(Identifier.parse(handle), ZONE, case_sensitive=False)
    assert (found and found.to_text()) == name


def test_where_case_counts_letters_are_encoded() -> None:
    """On the way a resolver may change the case of what it asks for."""
    assert place("sn1.1.118.88", case_sensitive=True) is None
    found = place("123-4.1.118.88", case_sensitive=True)
    assert found is not None
    assert found.identifier == Identifier("88.118.1", "123-4")
    for suffix in ("sn1", "SN1", "1-2"):
        identifier = Identifier("88.118.1", suffix)
        assert read_back(identifier, case_sensitive=True) == identifier


@given(st.text(min_size=1, max_size=140), st.booleans())
def test_every_suffix_that_fits_comes_back(suffix: str, case_sensitive: bool) -> None:
    try:
        identifier = Identifier("88.118.1", suffix)
    except InvalidIdentifier:
        return
    found = read_back(identifier, case_sensitive=case_sensitive)
    if found is None:
        assert len(identifier.suffix.encode()) > 130
        return
    assert found.canonical(case_sensitive) == identifier.canonical(case_sensitive)


@given(st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=8), st.booleans())
def test_any_labels(labels: list[bytes], case_sensitive: bool) -> None:
    for asked in (labels, [*labels, b"1", b"118", b"88"], [*labels, b"_b32", b"1", b"118", b"88"]):
        found = place_of(asked, case_sensitive=case_sensitive)
        if found is not None and found.identifier is not None:
            assert found.prefix == found.identifier.prefix
