"""Addresses of enterprises' own resolvers."""

from __future__ import annotations

import msgspec
import pytest

from registry.errors import InvalidRouting
from registry.prefix.prefix import Listener, Protocol, Routing

TCP = (Listener(Protocol.TCP, 2641),)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "223.5.5.5"])
def test_a_public_address_is_welcome(address: str) -> None:
    Routing(address, TCP).check(allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "239.1.2.3",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
    ],
)
def test_an_address_inside_the_network_is_refused_unless_allowed(address: str) -> None:
    with pytest.raises(InvalidRouting) as refused:
        Routing(address, TCP).check(allow_private=False)
    assert (refused.value.field, refused.value.rule) == ("routing.address", "routing-private")
    Routing(address, TCP).check(allow_private=True)


@pytest.mark.parametrize(
    "address",
    ["", "example.com", "8.8.8", "8.8.8.8:80", "[::1]", "08.8.8.8", "8.8.8.8/32", "１.1.1.1"],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_what_is_no_address_is_refused(address: str, allow_private: bool) -> None:
    with pytest.raises(InvalidRouting) as refused:
        Routing(address, TCP).check(allow_private=allow_private)
    assert (refused.value.field, refused.value.rule) == ("routing.address", "routing-address")


def test_each_protocol_stands_once() -> None:
    every = tuple(Listener(protocol, 2641) for protocol in Protocol)
    Routing("8.8.8.8", every).check(allow_private=False)
    with pytest.raises(InvalidRouting) as refused:
        Routing("8.8.8.8", (*TCP, Listener(Protocol.TCP, 80))).check(allow_private=False)
    assert (refused.value.field, refused.value.rule) == ("routing.listeners", "routing-protocols")


@pytest.mark.parametrize(
    "text",
    [
        '{"address": "8.8.8.8", "listeners": []}',
        '{"address": "8.8.8.8", "listeners": [{"protocol": "FTP", "port": 21}]}',
        '{"address": "8.8.8.8", "listeners": [{"protocol": "TCP", "port": 0}]}',
        '{"address": "8.8.8.8", "listeners": [{"protocol": "TCP", "port": 65536}]}',
        '{"address": "8.8.8.8"}',
    ],
)
def test_listeners_have_known_protocols_and_ports(text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.?listeners|listeners"):
        msgspec.json.decode(text, type=Routing)
