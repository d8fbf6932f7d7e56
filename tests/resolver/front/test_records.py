"""Values as resource records, and back through this node's own reader of NAPTR records."""

from __future__ import annotations

from typing import Any

import dns.name
import pytest
from dns.rdatatype import RdataType

from registry.record.value import Data, Value
from registry.spelling import recognise
from resolver.dns import Naptr
from resolver.front.records import MAKERS, MAX_ROOM, rrset_of
from resolver.zones import _values as read_naptrs

NAME = dns.name.from_text("sn1.1.118.88.id.example.")


def value(index: int, type_: str, data: Any, ttl: int | str | None = 86_400) -> Value:
    form = "string" if isinstance(data, str) else "admin"
    return Value(index=index, type=type_, data=Data(form, data), ttl=ttl)


def told(kind: RdataType, *values: Value, longest: int = 300) -> list[str]:
    rrset = rrset_of(NAME, kind, values, longest=longest)
    return sorted(rdata.to_text() for rdata in rrset or ())


def test_uri() -> None:
    values = (
        value(1, "URL", "https://example.com/1?a=b#c"),
        value(2, "DESC", "https://example.com/no-location"),
        value(3, "url.MANUAL.en", "ftp://example.com/m"),
        value(4, "URL", "not a url"),
        value(5, "URL", {"handle": "1"}),
        value(6, "URLS", "https://example.com/other-type"),
    )
    assert told(RdataType.URI, *values) == [
        '1 1 "https://example.com/1?a=b#c"',
        '2 1 "ftp://example.com/m"',
    ]


def test_naptr() -> None:
    values = (
        value(1, "URL", "https://example.com/1"),
        value(2, "URL.MANUAL", "https://example.com/!|x"),
    )
    assert told(RdataType.NAPTR, *values) == [
        '100 1 "U" "HDL+URL" "!^.*$!https://example.com/1!" .',
        '100 2 "U" "HDL+URL.MANUAL" "~^.*$~https://example.com/!|x~" .',
    ]


def test_places_to_choose_from() -> None:
    """Weights are those of the record's 10320/loc value, which goes before its URLs."""
    choice = """<locations>
      <location href="https://a.example/" weight="0.5"/><location href="https://b.example/"/>
      <location href="https://c.example/" weight="0"/><location href="javascript:x"/>
    </locations>"""
    values = (value(1, "URL", "https://example.com/1"), value(2, "10320/loc", choice))
    assert told(RdataType.URI, *values) == [
        '1 0 "https://c.example/"',
        '1 1000 "https://b.example/"',
        '1 500 "https://a.example/"',
        '2 1 "https://example.com/1"',
    ]
    assert told(RdataType.NAPTR, *values) == [
        '100 1 "U" "HDL+10320/LOC" "!^.*$!https://b.example/!" .',
        '100 2 "U" "HDL+10320/LOC" "!^.*$!https://a.example/!" .',
        '100 3 "U" "HDL+10320/LOC" "!^.*$!https://c.example/!" .',
        '100 4 "U" "HDL+URL" "!^.*$!https://example.com/1!" .',
    ]
    weightless = value(
        1, "10320/loc", '<locations><location href="http://a/" weight="0"/></locations>'
    )
    assert told(RdataType.URI, weightless) == ['1 1 "http://a/"']
    broken = value(1, "10320/loc", "<locations>")
    assert told(RdataType.URI, broken) == []


def test_naptr_of_every_delimiter() -> None:
    (one,) = told(RdataType.NAPTR, value(1, "URL", "x:!|~^@,;"))
    assert one == r'100 1 "U" "HDL+URL" "!^.*$!x:\\!|~^@,;!" .'


@pytest.mark.parametrize("url", ["https://example.com/1", "https://example.com/!a!", "urn:oid:1.2"])
def test_our_own_reader_understands_our_naptrs(url: str) -> None:
    rrset = rrset_of(NAME, RdataType.NAPTR, [value(1, "URL", url)], longest=60)
    assert rrset is not None
    (made,) = rrset
    naptr = Naptr(
        made.order,
        made.preference,
        made.flags.decode(),
        made.service.decode(),
        made.regexp.decode(),
        rrset.ttl,
    )
    (read,) = read_naptrs([naptr], recognise("1.2.156").text)
    assert read.data.value == url
    assert read.type == "URL.HDL_URL"


def test_a_long_url_is_told_by_uri_alone() -> None:
    for length, fits in ((248, True), (249, False)):
        url = "https://example.com/".ljust(length, "x")
        assert bool(told(RdataType.NAPTR, value(1, "URL", url))) == fits
        assert told(RdataType.URI, value(1, "URL", url)) == [f'1 1 "{url}"']


def test_txt() -> None:
    values = (
        value(1, "URL", "https://example.com/1"),
        value(2, "A=`B", 'say "hi"'),
        value(3, "名称", "灯"),
        value(100, "HS_ADMIN", {"handle": "0.NA/88.118.1", "index": 200}),
        value(101, "EMPTY", ""),
    )
    rrset = rrset_of(NAME, RdataType.TXT, values, longest=300)
    assert rrset is not None
    assert sorted(b"".join(rdata.strings).decode() for rdata in rrset) == sorted(
        [
            "URL=https://example.com/1",
            'A`=``B=say "hi"',
            "名称=灯",
            'HS_ADMIN={"handle":"0.NA/88.118.1","index":200}',
            "EMPTY=",
        ]
    )


def test_long_texts_are_cut_into_strings() -> None:
    (rdata,) = rrset_of(NAME, RdataType.TXT, [value(1, "D", "x" * 600)], longest=300) or ()
    assert [len(string) for string in rdata.strings] == [255, 255, 92]


def test_all_or_nothing() -> None:
    """What a message has no room for is not there, rather than there in part."""
    many = [value(index, "D", f"{index:04d}" * 60) for index in range(1, 200)]
    assert len(told(RdataType.TXT, *many)) == 199
    more = [value(index, "D", f"{index:04d}" * 60) for index in range(1, 300)]
    assert sum(240 for _ in more) > MAX_ROOM
    assert told(RdataType.TXT, *more) == []
    assert told(RdataType.TXT, value(1, "D", "x" * 65_536)) == []


@pytest.mark.parametrize(
    ("ttls", "longest", "expected"),
    [
        ((86_400,), 300, 300),
        ((86_400, 60), 300, 60),
        ((None,), 300, 300),
        ((0,), 300, 0),
        (("2030-01-01T00:00:00Z",), 300, 0),
        ((86_400,), 0, 0),
    ],
)
def test_how_long_it_may_be_kept(ttls: tuple[Any, ...], longest: int, expected: int) -> None:
    values = [value(index, "D", "x", ttl) for index, ttl in enumerate(ttls, 1)]
    rrset = rrset_of(NAME, RdataType.TXT, values, longest=longest)
    assert rrset is not None
    assert rrset.ttl == expected


def test_records_without_values() -> None:
    assert not any(told(kind) for kind in MAKERS)
