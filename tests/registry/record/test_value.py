"""Handle values: every rule, and the stored form."""

from __future__ import annotations

import inspect
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BiaoshiError, DuplicateIndex, InvalidValue, TooLarge
from registry.record import value as module
from registry.record.typed_data import STRUCTURED, Admin, Reference, Right
from registry.record.value import (
    MAX_DATA_BYTES,
    MAX_INDEX,
    MAX_RECORD_BYTES,
    MAX_VALUES,
    DataIn,
    ValueIn,
    decode,
    encode,
    normalise,
    split,
)

NOW = datetime(2026, 11, 23, 19, 40, 28, 999_999, tzinfo=timezone(timedelta(hours=8)))
STAMP = "2026-11-23T11:40:28Z"

ADMIN = {"handle": "88.118.8/ADMIN", "index": 300, "permissions": "1" * 12}
SITE: dict[str, Any] = {
    "version": 1,
    "protocolVersion": "2.11",
    "serialNumber": 1,
    "primarySite": True,
    "multiPrimary": False,
    "servers": [
        {
            "serverId": 1,
            "address": "8.8.8.8",
            "interfaces": [{"query": True, "admin": True, "protocol": "TCP", "port": 2641}],
            "publicKey": {"format": "key", "value": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
        }
    ],
    "attributes": [{"name": "desc", "value": "a"}],
}
KEY = {"kty": "DSA", "p": "AQ", "q": "AQ", "g": "AQ", "y": "AQ"}


def _in(**changes: Any) -> ValueIn:
    return ValueIn(**{"index": 1, "type": "URL", "data": "x"} | changes)


def _data(format_: str, value: Any) -> ValueIn:
    return _in(data=DataIn(value, format_))


# rule → values that break it, each with the member at fault.
REFUSALS: dict[str, list[tuple[ValueIn, str]]] = {
    "index-range": [(_in(index=number), "index") for number in (0, -1, MAX_INDEX + 1, 2**70)],
    "type-text": [
        (_in(type=text), "type")
        for text in ("", "x" * 256, "类" * 86, "a\0", "a\nb", "\u202e", "\ud800")
    ],
    "permissions-text": [
        (_in(permissions=text), "permissions")
        for text in ("", "111", "11100", "1112", "yes!", "１１１０")
    ],
    "secret-public": [
        (_in(type=type_, permissions=text), "permissions")
        for type_ in ("HS_SECKEY", "hs_seckey", "Hs_SecKey")
        for text in ("1110", "1101", "0011")
    ],
    "ttl-range": [(_in(ttl=seconds), "ttl") for seconds in (-1, 2**31, 2**70)],
    "ttl-time": [
        (_in(ttl=text), "ttl")
        for text in (
            "",
            "86400",
            "soon",
            "2027-01-01",
            "2027-01-01T00:00:00",
            "2027-02-30T00:00:00Z",
            "0001-01-01T00:00:00+08:00",
            "1969-12-31T23:59:59Z",
            "2106-02-07T06:28:16Z",
            "9999-12-31T23:59:59-08:00",
        )
    ],
    "data-string": [
        (_data(format_, value), "data.value")
        for format_ in ("string", "base64", "hex", "other")
        for value in (None, 1, True, ["x"], {"a": 1})
    ],
    "data-format": [
        (_data(format_, "x"), "data.format") for format_ in ("", "STRING", "text", "bytes")
    ],
    "data-nul": [(_in(data="a\0b"), "data.value")],
    "data-surrogate": [(_in(data="a\ud800b"), "data.value")],
    "data-base64": [
        (_data("base64", text), "data.value") for text in ("A", "AA=", "A A=", "标识", "AA==\n")
    ],
    "data-hex": [(_data("hex", text), "data.value") for text in ("0", "0x00", "zz", "００")],
    "data-too-large": [
        (_in(data="x" * (MAX_DATA_BYTES + 1)), "data.value"),
        (_in(data="标" * (MAX_DATA_BYTES // 3 + 1)), "data.value"),
        (_data("hex", "00" * (MAX_DATA_BYTES + 1)), "data.value"),
        (_data("vlist", [{"handle": "8" * 255, "index": 1}] * 300), "data.value"),
    ],
    "data-admin": [
        (_data("admin", value), "data.value")
        for value in (
            "x",
            {},
            ADMIN | {"index": -1},
            ADMIN | {"index": 2**31},
            ADMIN | {"index": "two"},
            ADMIN | {"handle": ""},
            ADMIN | {"handle": "x" * 256},
            ADMIN | {"handle": "88.1/a\0"},
            ADMIN | {"handle": "88.1/a\ud800"},
            ADMIN | {"permissions": "1" * 11},
            ADMIN | {"permissions": "1" * 12 + "\n"},
            ADMIN | {"permissions": "2" * 12},
        )
    ],
    "data-vlist": [
        (_data("vlist", value), "data.value")
        for value in (
            "x",
            {},
            [{"handle": "a/b"}],
            [{"handle": "a/b\0", "index": 1}],
            [{"handle": "a/b", "index": 1}] * 1001,
        )
    ],
    "data-site": [
        (_data("site", value), "data.value")
        for value in (
            {},
            SITE | {"protocolVersion": "2"},
            SITE | {"protocolVersion": "2.11\n"},
            SITE | {"protocolVersion": "2.256"},
            SITE | {"protocolVersion": "٢.٣"},
            SITE | {"serialNumber": 65536},
            SITE | {"servers": [SITE["servers"][0] | {"address": "example.com"}]},
            SITE | {"attributes": [{"name": "a"}]},
            SITE | {"attributes": [{"name": "a\0", "value": "b"}]},
            SITE | {"attributes": [{"name": "a", "value": "\0"}]},
            SITE | {"servers": [SITE["servers"][0] | {"address": "x" * 46}]},
            SITE | {"servers": [SITE["servers"][0] | {"address": "\0"}]},
            SITE | {"servers": SITE["servers"] * 65},
            SITE
            | {
                "servers": [
                    SITE["servers"][0]
                    | {
                        "interfaces": [
                            {"query": True, "admin": True, "protocol": "FTP", "port": 21}
                        ]
                    }
                ]
            },
        )
    ],
    "data-key": [
        (_data("key", value), "data.value")
        for value in (
            {},
            {"kty": "oct", "k": "AQ"},
            {"kty": "RSA", "n": "AQ"},
            {"kty": "RSA", "n": "AQ", "e": "AQ", "p": "AQ"},
            {"kty": "RSA", "n": "AQ", "e": "AQ", "q": "AQ"},
            {"kty": "RSA", "n": "A Q", "e": "AQ"},
            {"kty": "RSA", "n": "AQ", "e": "AQ\n"},
            {"kty": "RSA\n", "n": "AQ", "e": "AQ"},
            {"kty": "EC", "x": "AQ"},
            KEY | {"x": "AQ"},
            {"kty": "EC", "x": "AQ", "y": "AQ", "crv": "\0"},
            {name: text for name, text in KEY.items() if name != "y"},
        )
    ],
    "reference": [
        (_in(references=[reference]), "references")
        for reference in (
            Reference("", 1),
            Reference("a/b", -1),
            Reference("a/b", 2**31),
            Reference("a/b\0", 1),
            Reference("x" * 256, 1),
        )
    ],
    "too-many-references": [(_in(references=[Reference("a/b", 1)] * 101), "references")],
}
# Rules on the record as a whole, tested one by one below.
OF_RECORDS = {"too-many-values", "record-too-large", "duplicate-index"}


@pytest.mark.parametrize(
    ("rule", "value", "member"),
    [(rule, value, member) for rule, cases in REFUSALS.items() for value, member in cases],
)
def test_each_rule_names_the_value_and_the_member(rule: str, value: ValueIn, member: str) -> None:
    with pytest.raises(BiaoshiError) as refused:
        normalise([_in(index=2), value], now=NOW)
    assert (refused.value.rule, refused.value.field) == (rule, f"values[1].{member}")
    assert isinstance(refused.value, InvalidValue | TooLarge)


def test_no_rule_is_left_out() -> None:
    source = inspect.getsource(module)
    stated = set(re.findall(r'rule="([a-z-]+)"', source))
    stated |= {f"data-{format_}" for format_ in (*STRUCTURED, "base64", "hex")}
    assert stated == REFUSALS.keys() | OF_RECORDS


def test_an_index_stands_once() -> None:
    with pytest.raises(DuplicateIndex) as refused:
        normalise([_in(index=5), _in(index=1), _in(index=5)], now=NOW)
    assert (refused.value.rule, refused.value.field) == ("duplicate-index", "values[2].index")


def test_a_record_has_a_thousand_values_at_most() -> None:
    values = [_in(index=number) for number in range(1, MAX_VALUES + 2)]
    assert len(normalise(values[:-1], now=NOW)) == MAX_VALUES
    with pytest.raises(TooLarge) as refused:
        normalise(values, now=NOW)
    assert (refused.value.rule, refused.value.field) == ("too-many-values", "values")


def test_a_record_is_no_longer_than_a_message() -> None:
    values = normalise([_in(index=number, data="x" * 60_000) for number in range(1, 6)], now=NOW)
    assert len(encode(values[:4])) < MAX_RECORD_BYTES
    with pytest.raises(TooLarge) as refused:
        encode(values)
    assert (refused.value.rule, refused.value.field) == ("record-too-large", "values")


def test_a_value_at_each_limit_is_welcome() -> None:
    normalise([_in(index=MAX_INDEX, type="x" * 255, ttl=2**31 - 1)], now=NOW)
    normalise([_in(index=1, type="类" * 85, ttl=0, data="")], now=NOW)
    normalise([_in(data="x" * MAX_DATA_BYTES, references=[Reference("a/b", 0)] * 100)], now=NOW)
    normalise([_in(ttl="1970-01-01T00:00:00Z"), _in(index=2, ttl="2106-02-07T06:28:15Z")], now=NOW)


@pytest.mark.parametrize("type_", ["HS_SECKEY", "hs_seckey", "Hs_Seckey"])
@pytest.mark.parametrize("permissions", [None, "1100", "1000", "0000", "0100"])
def test_a_secret_key_is_always_private(type_: str, permissions: str | None) -> None:
    (value,) = normalise([_in(type=type_, permissions=permissions)], now=NOW)
    assert value.secret
    assert not value.public
    assert value.permissions == (permissions or "1100")
    assert split([value]) == ((), (value,))


@pytest.mark.parametrize("permissions", [f"{number:04b}" for number in range(16)])
def test_a_secret_key_is_never_open_to_the_public(permissions: str) -> None:
    secret = _in(type="HS_SECKEY", permissions=permissions)
    if permissions.endswith("00"):
        assert not normalise([secret], now=NOW)[0].public
    else:
        with pytest.raises(InvalidValue, match="public"):
            normalise([secret], now=NOW)


def test_what_is_served_looks_as_in_the_field() -> None:
    values = normalise(
        [
            _in(
                index=4, type="HS_VLIST", data=DataIn([{"index": "300", "handle": "a/b"}], "vlist")
            ),
            _in(index=3, data=DataIn("00 ff10", "hex"), ttl="2030-01-01T08:00:00.5+08:00"),
            _in(index=2, permissions="1100", references=[Reference("a/b", 2)], ttl=60),
            _in(timestamp="1999-01-01T00:00:00Z"),
        ],
        now=NOW,
    )
    assert json.loads(encode(values)) == [
        {
            "index": 1,
            "type": "URL",
            "data": {"format": "string", "value": "x"},
            "ttl": 86400,
            "timestamp": STAMP,
        },
        {
            "index": 2,
            "type": "URL",
            "data": {"format": "string", "value": "x"},
            "permissions": "1100",
            "ttl": 60,
            "timestamp": STAMP,
            "references": [{"handle": "a/b", "index": 2}],
        },
        {
            "index": 3,
            "type": "URL",
            "data": {"format": "base64", "value": "AP8Q"},
            "ttl": "2030-01-01T00:00:00Z",
            "timestamp": STAMP,
        },
        {
            "index": 4,
            "type": "HS_VLIST",
            "data": {"format": "vlist", "value": [{"handle": "a/b", "index": 300}]},
            "ttl": 86400,
            "timestamp": STAMP,
        },
    ]


@pytest.mark.parametrize(
    ("format_", "value"), [("admin", ADMIN), ("site", SITE), ("key", KEY), ("vlist", [])]
)
def test_structured_data_keep_their_members_in_a_fixed_order(format_: str, value: Any) -> None:
    turned = dict(reversed(value.items())) if isinstance(value, dict) else value
    (one,) = normalise([_data(format_, value)], now=NOW)
    (other,) = normalise([_data(format_, turned)], now=NOW)
    assert encode([one]) == encode([other])
    assert one.data.value == value


def test_the_rights_of_an_administrator_read_highest_bit_first() -> None:
    def rights(text: str) -> Right:
        return Admin("a/b", 1, text).rights

    assert rights("1" * 12) == Right(0xFFF)
    assert rights("100000000000") == Right.LIST_HANDLES
    assert rights("010000000001") == Right.READ_VALUE | Right.ADD_HANDLE


def test_content_is_the_same_whatever_the_time() -> None:
    (one,) = normalise([_in()], now=NOW)
    (later,) = normalise([_in()], now=NOW + timedelta(days=1))
    assert one != later
    assert one.same_content(later)
    for change in ({"ttl": 1}, {"type": "url"}, {"permissions": "1111"}, {"data": "y"}):
        (other,) = normalise([_in(**change)], now=NOW)
        assert not one.same_content(other)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
HANDLES = st.from_regex(r"88\.[0-9]{3}/[A-Za-z0-9_标识-]{1,20}", fullmatch=True)
REFERENCES = st.builds(Reference, HANDLES, st.integers(0, MAX_INDEX))
DATA = st.one_of(
    TEXT,
    st.builds(DataIn, TEXT),
    st.builds(DataIn, st.binary(max_size=30).map(bytes.hex), st.just("hex")),
    st.builds(
        DataIn,
        st.fixed_dictionaries(
            {
                "handle": HANDLES,
                "index": st.integers(0, MAX_INDEX),
                "permissions": st.text("01", min_size=12, max_size=12),
            }
        ),
        st.just("admin"),
    ),
    st.builds(DataIn, st.lists(REFERENCES.map(msgspec.to_builtins), max_size=5), st.just("vlist")),
)
TTLS = st.one_of(
    st.integers(0, 2**31 - 1),
    st.datetimes(
        datetime(1970, 1, 2),
        datetime(2106, 2, 6),
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]),
    ).map(lambda moment: moment.isoformat()),
)
VALUES = st.lists(
    st.builds(
        ValueIn,
        index=st.integers(1, MAX_INDEX),
        type=st.sampled_from(["URL", "EMAIL", "产品", "HS_ADMIN"]),
        data=DATA,
        ttl=TTLS,
        permissions=st.one_of(st.none(), st.text("01", min_size=4, max_size=4)),
        references=st.lists(REFERENCES, max_size=3),
    ),
    max_size=6,
    unique_by=lambda value: value.index,
)


@given(VALUES)
def test_what_is_stored_reads_back_and_stays_as_it_is(values: list[ValueIn]) -> None:
    stored = normalise(values, now=NOW)
    assert decode(encode(stored)) == stored
    assert [value.index for value in stored] == sorted(value.index for value in values)
    assert all(value.timestamp == STAMP for value in stored)
    # Sending what was served changes nothing.
    served = msgspec.json.decode(encode(stored), type=list[ValueIn])
    assert normalise(served, now=NOW) == stored
    public, private = split(stored)
    assert sorted((*public, *private), key=lambda value: value.index) == list(stored)
    assert all(value.public for value in public)
    assert not any(value.public for value in private)


def test_nothing_stored_reads_as_no_values() -> None:
    assert decode(None) == decode("[]") == ()
