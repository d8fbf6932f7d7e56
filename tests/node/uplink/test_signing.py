import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.uplink.signing import read_credentials, sign, verify
from registry.errors import NotAuthenticated

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = 1_800_000_000
REQUEST = {"method": "POST", "target": "/ntn/v1/prefixes?a=%E6%A0%87&b=+", "body": b'{"x":1}'}


def signed(**changes):
    request = {**REQUEST, "timestamp": NOW, "nonce": "0123456789abcdef", **changes}
    return sign(KEY, app_id="app-1", shr_prefix="88.118", **request)


def check(headers, *, now=NOW, key=KEY, **changes):
    verify(read_credentials(headers), key.public_key(), now=now, **{**REQUEST, **changes})


def test_vector():
    # The text signed, spelled out independently: 5 lines, no line feed at the end.
    text = (
        b"POST\n/ntn/v1/prefixes?a=%E6%A0%87&b=+\n"
        b"5041bf1f713df204784353e82f6a4a535931cb64f1f4b4a5aeaffcb720918b22\n"
        b"1800000000\n0123456789abcdef"
    )
    assert signed() == {
        "X-App-Id": "app-1",
        "X-Shr-Prefix": "88.118",
        "X-Timestamp": "1800000000",
        "X-Nonce": "0123456789abcdef",
        "X-Signature": base64.b64encode(KEY.sign(text)).decode(),
    }


def test_vector_of_an_empty_body():
    text = (
        b"GET\n/ntn/v1/resolve?id=86.1000.1/DEMO-0001\n"
        b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
        b"1\nAAAAAAAAAAAAAAAA"
    )
    headers = signed(
        method="GET",
        target="/ntn/v1/resolve?id=86.1000.1/DEMO-0001",
        body=b"",
        timestamp=1,
        nonce="A" * 16,
    )
    assert base64.b64decode(headers["X-Signature"]) == KEY.sign(text)


def test_a_signed_request_verifies():
    check(signed())


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"target": "/ntn/v1/prefixes"},
        {"target": "/ntn/v1/prefixes?a=%E6%A0%87&b=%20"},
        {"target": "/ntn/v1/prefixes?a=%e6%a0%87&b=+"},
        {"body": b'{"x":2}'},
        {"body": b""},
    ],
)
def test_a_request_changed_on_the_way_is_refused(change):
    with pytest.raises(NotAuthenticated) as refusal:
        check(signed(), **change)
    assert refusal.value.rule == "signature"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Timestamp", str(NOW + 1)),
        ("X-Nonce", "1123456789abcdef"),
        ("X-Signature", base64.b64encode(bytes(64)).decode()),
    ],
)
def test_a_header_changed_on_the_way_is_refused(header, value):
    with pytest.raises(NotAuthenticated) as refusal:
        check(signed() | {header: value})
    assert refusal.value.rule == "signature"


def test_another_key_is_refused():
    with pytest.raises(NotAuthenticated):
        check(signed(), key=Ed25519PrivateKey.generate())


@pytest.mark.parametrize("skew", [-300, -299, 0, 299, 300])
def test_clocks_within_five_minutes_hold(skew):
    check(signed(), now=NOW + skew)


@pytest.mark.parametrize("skew", [-301, 301, 300.5])
def test_clocks_further_apart_are_refused(skew):
    with pytest.raises(NotAuthenticated) as refusal:
        check(signed(), now=NOW + skew)
    assert (refusal.value.field, refusal.value.rule) == ("X-Timestamp", "skew")


@pytest.mark.parametrize(
    "header", ["X-App-Id", "X-Shr-Prefix", "X-Timestamp", "X-Nonce", "X-Signature"]
)
def test_a_missing_header_is_named(header):
    headers = signed()
    del headers[header]
    with pytest.raises(NotAuthenticated) as refusal:
        read_credentials(headers)
    assert refusal.value.field == header


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Timestamp", "1800000000.5"),
        ("X-Timestamp", "-1"),
        ("X-Timestamp", "١٨"),
        ("X-Timestamp", "9" * 5000),
        ("X-Nonce", "short"),
        ("X-Nonce", "0123456789abcde\n"),
        ("X-Nonce", "a" * 65),
        ("X-Signature", "not base64!"),
        ("X-Signature", base64.b64encode(bytes(63)).decode()),
        ("X-Signature", "é" * 88),
    ],
)
def test_a_malformed_header_is_named(header, value):
    with pytest.raises(NotAuthenticated) as refusal:
        read_credentials(signed() | {header: value})
    assert (refusal.value.field, refusal.value.rule) == (header, "format")


def test_a_nonce_that_could_blur_the_lines_is_not_signed():
    with pytest.raises(ValueError, match="nonce"):
        signed(nonce="0123456789\nabcdef")
