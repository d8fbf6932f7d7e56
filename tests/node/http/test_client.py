"""Who is at the other end, and what the header of a stranger is worth: nothing."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request
from multidict import CIMultiDict

from node.http.client import Clients
from node.settings import InvalidSettings

PROXIES = ("10.0.0.0/8", "192.0.2.7/32", "2001:db8:aa::/48")


def request(peer: str, *headers: tuple[str, str], scheme: str = "http") -> Request:
    made = make_mocked_request("GET", "/", headers=CIMultiDict(headers))
    cloned: Request = made.clone(remote=peer, scheme=scheme)  # type: ignore[assignment]
    return cloned


def forwarded(*lines: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-For", line) for line in lines]


def address(peer: str, *lines: str) -> str:
    clients = Clients(PROXIES, credentials_over_http=False)
    return clients.address(request(peer, *forwarded(*lines)))


@pytest.mark.parametrize("line", ["1.2.3.4", "127.0.0.1", "1.2.3.4, 10.0.0.1", "", "x", ","])
def test_a_strangers_header_is_not_believed(line: str) -> None:
    assert address("198.51.100.9", line) == "198.51.100.9"


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ((), "10.0.0.1"),
        (("",), "10.0.0.1"),
        (("198.51.100.9",), "198.51.100.9"),
        (("1.2.3.4, 198.51.100.9",), "198.51.100.9"),
        (("198.51.100.9, 10.2.0.1",), "198.51.100.9"),
        (("1.2.3.4, 198.51.100.9, 10.2.0.1, 192.0.2.7",), "198.51.100.9"),
        (("1.2.3.4", "198.51.100.9"), "198.51.100.9"),  # a proxy that adds a line of its own
        (("1.2.3.4", "198.51.100.9", "10.2.0.1"), "198.51.100.9"),
        (("10.9.9.9, 10.2.0.1",), "10.9.9.9"),
        ((" 198.51.100.9 ,, ",), "198.51.100.9"),
        (("198.51.100.9:41233",), "198.51.100.9"),
        (("1.2.3.4, unknown",), "10.0.0.1"),
        (("1.2.3.4, _hidden, 10.2.0.1",), "10.2.0.1"),
        (("1.2.3.4, 198.51.100.9.5",), "10.0.0.1"),
        (("2001:db8::9",), "2001:db8::9"),
        (("[2001:db8::9]:443",), "2001:db8::9"),
        (("[2001:db8::9]",), "2001:db8::9"),
        (("2001:0DB8:0::0009",), "2001:db8::9"),
        (("1.2.3.4, 2001:db8:aa::1",), "1.2.3.4"),
        (("::ffff:198.51.100.9",), "198.51.100.9"),
        (("1.2.3.4, ::ffff:10.2.0.1",), "1.2.3.4"),
    ],
)
def test_behind_a_trusted_proxy(lines: tuple[str, ...], client: str) -> None:
    assert address("10.0.0.1", *lines) == client
    assert address("::ffff:10.0.0.1", *lines) == client


def test_an_ipv6_proxy() -> None:
    assert address("2001:db8:aa::1", "1.2.3.4, 2001:db8::9") == "2001:db8::9"
    assert address("2001:db8:ab::1", "1.2.3.4") == "2001:db8:ab::1"


def test_a_peer_without_an_address() -> None:
    clients = Clients(PROXIES, credentials_over_http=False)
    made = request("", ("X-Forwarded-For", "1.2.3.4"))
    assert clients.address(made) == "unknown"
    assert not clients.takes_credentials(made)


@pytest.mark.parametrize(
    ("peer", "protocols", "scheme", "taken"),
    [
        ("198.51.100.9", (), "http", False),
        ("198.51.100.9", ("https",), "http", False),
        ("198.51.100.9", (), "https", True),
        ("127.0.0.1", (), "http", True),
        ("127.8.0.1", (), "http", True),
        ("::1", (), "http", True),
        ("::ffff:127.0.0.1", (), "http", True),
        ("::ffff:198.51.100.9", (), "http", False),
        ("192.168.1.1", (), "http", False),
        ("10.0.0.1", (), "http", True),
        ("10.0.0.1", ("https",), "http", True),
        ("10.0.0.1", ("HTTPS",), "http", True),
        ("10.0.0.1", ("http",), "http", False),
        ("10.0.0.1", ("https, http",), "http", False),
        ("10.0.0.1", ("https", "http"), "http", False),
        ("2001:db8:aa::1", ("http",), "http", False),
        ("::ffff:10.0.0.1", ("http",), "http", False),
    ],
)
def test_where_credentials_may_travel(
    peer: str, protocols: tuple[str, ...], scheme: str, taken: bool
) -> None:
    headers = [("X-Forwarded-Proto", protocol) for protocol in protocols]
    made = request(peer, *headers, scheme=scheme)
    assert Clients(PROXIES, credentials_over_http=False).takes_credentials(made) is taken
    assert Clients(PROXIES, credentials_over_http=True).takes_credentials(made)


def test_a_proxy_on_this_machine_says_how_it_was_asked() -> None:
    clients = Clients(["127.0.0.1/32", "::1/128"], credentials_over_http=False)
    for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert not clients.takes_credentials(request(peer, ("X-Forwarded-Proto", "http")))
        assert clients.takes_credentials(request(peer, ("X-Forwarded-Proto", "https")))


@pytest.mark.parametrize("network", ["10.0.0.1/8", "nonsense", "10.0.0.0/33", ""])
def test_networks_that_are_none(network: str) -> None:
    with pytest.raises(InvalidSettings, match="trusted_proxies"):
        Clients([network], credentials_over_http=False)
