"""Negotiation, locations, links, codes: each by itself."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import zxingcpp

from node.page import sheet
from node.page.accept import best_language, best_type
from node.page.code_image import Symbology, _png, drawn
from node.page.linkset import linkset
from registry.record.value import Data, Value
from resolver.location import Location, choose, is_web, locations

FORMS = ("application/json", "text/html", "application/linkset+json")
SCHEMA = json.loads(Path(__file__).with_name("linkset.schema.json").read_text("utf-8"))
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", FORMS[0]),
        ("*/*", FORMS[0]),
        (BROWSER, FORMS[1]),
        ("text/*", FORMS[1]),
        ("application/linkset+json", FORMS[2]),
        ("application/linkset+json, application/json;q=0.9", FORMS[2]),
        ("application/json;q=0, */*", FORMS[1]),
        ("application/*;q=0.5, text/html;q=0.4", FORMS[0]),
        ("TEXT/HTML ; Q=0.5", FORMS[1]),
        ("image/png", None),
        ("text/html;q=0", None),
        ("nonsense;;q=7,,", None),
    ],
)
def test_the_type_that_is_most_welcome(accept: str, expected: str | None) -> None:
    assert best_type(accept, FORMS) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-Hant-TW", "zh"),
        ("fr, en;q=0.2, zh;q=0.1", "en"),
        ("de", "zh"),
        ("en;q=0, de", "zh"),
    ],
)
def test_the_language_that_is_most_welcome(accept: str, expected: str) -> None:
    assert best_language(accept, ("zh", "en")) == expected


@pytest.mark.parametrize(
    ("text", "web"),
    [
        ("https://example.com/a?b#c", True),
        ("HTTP://example.com", True),
        ("javascript:alert(1)", False),
        ("https://example.com/\r\nSet-Cookie: a", False),
        ("https://", False),
        ("//example.com", False),
        ("https://例子.example", False),
        ("https://[::1", False),
        ("灯", False),
    ],
)
def test_where_a_browser_may_be_sent(text: str, web: bool) -> None:
    assert is_web(text) is web


def value(type_: str, text: str, index: int = 1) -> Value:
    return Value(index=index, type=type_, data=Data("string", text))


RECORD = (
    value("URL", "https://e/"),
    value("url.EN", "https://e/en"),
    value("URL.MANUAL.zh-CN", "https://e/m-zh"),
    value("URL.MANUAL.en", "https://e/m-en"),
    value("URL.MANUAL.en.x-repair", "https://e/m-repair"),
    value("URL", "javascript:alert(1)"),
    value("URLS", "https://e/no"),
    value("NAME", "https://e/no"),
    Value(index=9, type="URL", data=Data("base64", "aHR0cHM6Ly9l")),
)


def test_locations_of_a_record() -> None:
    assert locations(RECORD) == [
        Location("https://e/", "", "", ""),
        Location("https://e/en", "", "en", ""),
        Location("https://e/m-zh", "manual", "zh-cn", ""),
        Location("https://e/m-en", "manual", "en", ""),
        Location("https://e/m-repair", "manual", "en", "repair"),
    ]


@pytest.mark.parametrize(
    ("kind", "languages", "context", "href"),
    [
        ("", [], "", "https://e/"),
        ("", ["en-gb", "zh"], "", "https://e/en"),
        ("", ["fr"], "", "https://e/"),
        ("manual", ["zh"], "", "https://e/m-zh"),
        ("MANUAL", ["en"], "", "https://e/m-en"),
        ("manual", ["fr", "en"], "", "https://e/m-en"),
        ("manual", ["zh"], "Repair", "https://e/m-repair"),
        ("manual", ["zh"], "other", "https://e/m-zh"),
    ],
)
def test_the_location_that_fits_best(
    kind: str, languages: list[str], context: str, href: str
) -> None:
    chosen = choose(locations(RECORD), kind, languages, context)
    assert chosen is not None
    assert chosen.href == href


def test_no_location_of_a_kind() -> None:
    assert choose(locations(RECORD), "warranty", ["en"], "") is None


def test_a_linkset_keeps_to_its_schema() -> None:
    more = (*RECORD, value("URL.spare.parts", "https://e/p"))
    text = linkset("https://node.example", "88.118.1/%E7%81%AF", locations(more))
    document = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    (context,) = document["linkset"]
    assert context["anchor"] == "https://node.example/88.118.1/%E7%81%AF"
    assert [target["href"] for target in context["about"]] == ["https://e/", "https://e/en"]
    assert context["help"][2] == {
        "href": "https://e/m-repair",
        "hreflang": ["en"],
        "context": ["repair"],
    }
    assert context["https://node.example/docs#link-spare.parts"] == [{"href": "https://e/p"}]


def test_the_schema_refuses_what_is_no_linkset() -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    for wrong in (
        {},
        {"linkset": [{"anchor": "https://e/", "about": [{}]}]},
        {"linkset": [{"anchor": "https://e/", "about": {"href": "https://e/"}}]},
        {"linkset": [{"anchor": "https://e/", "Not A Relation": [{"href": "https://e/"}]}]},
        {
            "linkset": [
                {"anchor": "https://e/", "about": [{"href": "https://e/", "hreflang": "en"}]}
            ]
        },
    ):
        assert not check.is_valid(wrong), wrong


@pytest.mark.parametrize("symbology", Symbology)
def test_codes_say_what_they_should(symbology: Symbology) -> None:
    text = "https://node.example/88.118.1/%E7%81%AF-0001"
    svg = drawn(symbology, text, png=False, scale=4).decode()
    assert "<svg" in svg
    image = drawn(symbology, text, png=True, scale=4)
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert read(image) == text
    assert drawn(symbology, "x" * 800, png=True, scale=1)


def read(png: bytes) -> str:
    """What a reader makes of a PNG file of one channel or palette."""
    import struct
    import zlib

    import numpy as np

    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    chunks, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        if name == b"IDAT":
            chunks += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw = np.frombuffer(zlib.decompress(chunks), np.uint8).reshape(height, -1)
    rows = [np.zeros(raw.shape[1] - 1, np.uint8)]
    for row in raw:
        assert row[0] in (0, 2), "rows are as they are, or the difference to the one above"
        rows.append(row[1:] + rows[-1] if row[0] == 2 else row[1:])
    pixels = np.array(rows[1:], np.uint8)
    if depth == 1:
        pixels = np.unpackbits(pixels, axis=1)[:, :width] * 255
    assert colour in (0, 3)
    found = zxingcpp.read_barcodes(np.ascontiguousarray(pixels)) or zxingcpp.read_barcodes(
        np.ascontiguousarray(255 - pixels)
    )
    return str(found[0].text)


def test_a_png_has_right_checks() -> None:
    import struct
    import zlib

    png, at = _png(bytes(range(6)), 3, 2), 8
    while at < len(png):
        length = struct.unpack(">I", png[at : at + 4])[0]
        body = png[at + 4 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(body)
        at += 12 + length
    assert at == len(png)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-08:00", "soon"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_times_of_other_nodes_that_are_none(at: str, language: str) -> None:
    assert sheet._day(at, language) == at
