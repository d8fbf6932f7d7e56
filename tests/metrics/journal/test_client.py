from __future__ import annotations

import pytest

from metrics.journal.client import MAX_AGENT, Clientele, packed_address, shown_address
from metrics.journal.entry import Flag, Kind
from metrics.journal.robot import SHA256, Robots
from registry.access.actor import Actor, Role

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ENTERPRISE = Actor("key:E", role=Role.ENTERPRISE, enterprise_id=4)
OPERATOR = Actor("key:O", role=Role.OPERATOR)


@pytest.fixture(scope="module")
def clientele() -> Clientele:
    return Clientele(b"s" * 32, Robots.published(), ["192.0.2.0/24", "2001:db8::/32"])


def test_without_a_key_the_client_is_address_and_agent(clientele: Clientele) -> None:
    one = clientele.caller("198.51.100.1", BROWSER)
    assert one == clientele.caller("198.51.100.1", BROWSER)
    assert one.hashes[:16] != clientele.caller("198.51.100.2", BROWSER).hashes[:16]
    assert one.hashes[:16] != clientele.caller("198.51.100.1", BROWSER + " x").hashes[:16]


def test_with_a_key_the_client_is_the_key(clientele: Clientele) -> None:
    one = clientele.caller("198.51.100.1", BROWSER, ENTERPRISE)
    other = clientele.caller("198.51.100.9", "curl/8", ENTERPRISE)
    assert one.hashes[:16] == other.hashes[:16]
    assert one.hashes[16:] != other.hashes[16:]
    assert (one.party, one.flags) == (4, Flag.KEYED)


def test_the_same_client_is_known_again_after_a_start(clientele: Clientele) -> None:
    again = Clientele(b"s" * 32, Robots.published())
    other_node = Clientele(b"t" * 32, Robots.published())
    address = "198.51.100.1"
    assert clientele.caller(address, BROWSER) == again.caller(address, BROWSER)
    assert clientele.caller(address, BROWSER) != other_node.caller(address, BROWSER)


@pytest.mark.parametrize(
    ("address", "agent", "actor", "kind"),
    [
        ("198.51.100.1", BROWSER, None, Kind.EXTERNAL),
        ("198.51.100.1", "Mozilla/5.0 (compatible; Googlebot/2.1)", None, Kind.ROBOT),
        ("198.51.100.1", "python-requests/2.32", None, Kind.ROBOT),
        ("198.51.100.1", "", None, Kind.ROBOT),
        ("198.51.100.1", None, None, Kind.EXTERNAL),  # the wire knows no user agents
        ("198.51.100.1", "python-requests/2.32", ENTERPRISE, Kind.EXTERNAL),
        ("198.51.100.1", BROWSER, OPERATOR, Kind.OPERATOR),
        ("198.51.100.1", "biaoshi/0.1", None, Kind.CONSOLE),
        ("198.51.100.1", "biaoshi-loadtest", None, Kind.LOAD_TEST),
        ("192.0.2.77", BROWSER, None, Kind.PROBE),
        ("2001:db8::1", None, None, Kind.PROBE),
        ("192.0.2.77", BROWSER, ENTERPRISE, Kind.PROBE),
        ("unknown", BROWSER, None, Kind.EXTERNAL),
    ],
)
def test_kinds(
    clientele: Clientele, address: str, agent: str | None, actor: Actor | None, kind: Kind
) -> None:
    assert clientele.caller(address, agent, actor).kind is kind


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::5", ""])
def test_addresses_come_back(address: str) -> None:
    assert len(packed_address(address)) == 16
    assert shown_address(packed_address(address)) == address


def test_what_is_no_address_is_none() -> None:
    assert shown_address(packed_address("unknown")) == ""
    assert shown_address(packed_address("fe80::1%eth0")) == "fe80::1"


def test_the_list_is_the_published_one() -> None:
    assert Robots.published().sha256 == SHA256


def test_the_list_ignores_case() -> None:
    robots = Robots.published()
    assert robots.names("GOOGLEBOT")
    assert not robots.names(BROWSER)


def test_user_agents_are_looked_at_as_far_as_is_cheap(clientele: Clientele) -> None:
    long = BROWSER + "x" * MAX_AGENT
    assert clientele.caller("198.51.100.1", long) == clientele.caller("198.51.100.1", long + "y")
