"""10320/loc: what is read, and which place is chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.record.value import Data, Value
from resolver.choice import (
    MAX_CANDIDATES,
    MAX_OCTETS,
    Candidate,
    Choice,
    NoLocations,
    Wanted,
    all_locations,
    choice_of,
    read,
)

PLACES = """<?xml version="1.0"?>
<locations{chooseby}>
  <location id="0" href="https://de.example/" country="de" weight="0"/>
  <location id="1" href="https://cn.example/" country="CN" />
  <location id="2" href="https://heavy.example/" weight="3" label="heavy"/>
  <location id="3" href="https://light.example/" weight="1"/>
  <note><location href="https://deep.example/"/></note>
  <location id="4" href="javascript:alert(1)"/>
</locations>"""


def places(chooseby: str | None = None) -> Choice:
    return read(PLACES.format(chooseby="" if chooseby is None else f' chooseby="{chooseby}"'))


def chosen(choice: Choice, wanted: Wanted, chance: float) -> str:
    found = choice.of(wanted, lambda: chance)
    assert found is not None
    return found.href.removeprefix("https://").removesuffix(".example/")


def test_what_leads_nowhere_is_left_out() -> None:
    assert [one.attributes["id"] for one in places().candidates] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("chooseby", "attributes", "country", "chance", "expected"),
    [
        # By default: the attribute, the country, then chance among those with a weight.
        (None, [], "", 0.0, "cn"),
        (None, [], "", 0.199, "cn"),
        (None, [], "", 0.2, "heavy"),
        (None, [], "", 0.799, "heavy"),
        (None, [], "", 0.8, "light"),
        (None, [], "", 0.999999, "light"),
        (None, [("id", "0")], "", 0.5, "de"),
        (None, [("id", "1")], "de", 0.5, "cn"),
        (None, [("id", "7")], "", 0.5, "heavy"),
        (None, [("label", "heavy")], "", 0.0, "heavy"),
        (None, [("label", "heavy"), ("id", "1")], "", 0.0, "heavy"),
        (None, [], "cn", 0.9, "cn"),
        (None, [], "de", 0.9, "de"),
        # A country that none is for: those for none in particular.
        (None, [], "fr", 0.0, "heavy"),
        (None, [], "fr", 0.75, "light"),
        # What is not named is not done, and order counts.
        ("country", [("id", "2")], "", 0.9, "de"),
        ("country", [], "cn", 0.9, "cn"),
        ("weighted", [("id", "0")], "de", 0.9, "light"),
        ("weighted,country", [], "cn", 0.9, "light"),
        ("locatt", [("id", "3")], "cn", 0.0, "light"),
        (" Country , WEIGHTED,unknown", [], "fr", 0.0, "heavy"),
        ("", [], "cn", 0.9, "de"),
        ("unknown", [], "cn", 0.9, "de"),
    ],
)
def test_the_choice(
    chooseby: str | None,
    attributes: list[tuple[str, str]],
    country: str,
    chance: float,
    expected: str,
) -> None:
    assert chosen(places(chooseby), Wanted(attributes, country), chance) == expected


@pytest.mark.parametrize(
    ("weight", "expected"),
    [("2", 2), ("0.5", 0.5), ("0", 0), ("-3", 0), ("nan", 1), ("inf", 1), ("x", 1), ("1e300", 1e9)],
)
def test_weights(weight: str, expected: float) -> None:
    assert Candidate("https://x/", {"weight": weight}).weight == expected


def test_no_weight_at_all() -> None:
    nothing = read('<locations><location href="https://a/" weight="0"/></locations>')
    found = nothing.of(Wanted(), lambda: 0.5)
    assert found is not None
    assert found.href == "https://a/"


LAUGHS = (
    '<!DOCTYPE locations [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<locations><location href="https://x/&b;"/></locations>'
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no XML",
        "<locations>",
        "<places/>",
        '<locations><location href="https://x/" href="https://y/"/></locations>',
        '<locations><location href="&undefined;"/></locations>',
        LAUGHS,
        '<!DOCTYPE locations SYSTEM "file:///etc/passwd"><locations/>',
        "<locations>" + "<a>" * 20 + "</a>" * 20 + "</locations>",
        f"<locations>{' ' * MAX_OCTETS}</locations>",
        "<locations>" + '<location href="https://x/"/>' * (MAX_CANDIDATES + 1) + "</locations>",
        '<?xml version="1.0" encoding="utf-16"?><locations\0/>',
        "\ud800",
    ],
)
def test_what_is_not_taken(text: str) -> None:
    with pytest.raises(NoLocations):
        read(text)


@given(st.text(max_size=300) | st.text("<>/ ='\"&;!location href[]?").map("<locations>{}".format))
def test_whatever_is_written(text: str) -> None:
    """Ends in places or in a refusal."""
    try:
        found = read(text)
    except NoLocations:
        return
    found.of(Wanted([("id", "1")], "cn"), lambda: 0.5)


def value(index: int, type_: str, text: str) -> Value:
    return Value(index=index, type=type_, data=Data("string", text))


def test_the_first_that_can_be_read() -> None:
    broken = value(1, "10320/loc", "<locations>")
    empty = value(2, "10320/loc", "<locations/>")
    good = value(3, "10320/LOC", '<locations><location href="https://good/"/></locations>')
    assert choice_of([broken, empty]) is None
    found = choice_of([broken, empty, good])
    assert found is not None
    assert [one.href for one in found.candidates] == ["https://good/"]
    assert choice_of([Value(index=1, type="10320/loc", data=Data("base64", "AA=="))]) is None


def test_all_of_them_for_programs() -> None:
    url = value(1, "URL", "https://cn.example/")
    hrefs = [
        one.href for one in all_locations([url, value(2, "10320/loc", PLACES.format(chooseby=""))])
    ]
    assert hrefs == [
        "https://cn.example/",
        "https://heavy.example/",
        "https://light.example/",
        "https://de.example/",
    ]
