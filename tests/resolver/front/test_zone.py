"""The zone as the settings give it."""

from __future__ import annotations

import dns.name
import pytest
from dns.rdatatype import RdataType

from resolver.front.zone import NoZone, Zone

SERVERS = ("ns1.id.example 192.0.2.1 2001:db8::1", "ns.elsewhere.example")


def zone(name: str = "id.example", servers: tuple[str, ...] = SERVERS, contact: str = "") -> Zone:
    return Zone.of(name, servers, contact, seconds=300, absent=30)


def test_its_records() -> None:
    made = zone()
    assert made.soa.to_text() == (
        "id.example. 30 IN SOA ns1.id.example. hostmaster.id.example. 1 86400 7200 604800 30"
    )
    assert sorted(one.to_text() for one in made.ns) == ["ns.elsewhere.example.", "ns1.id.example."]
    assert [rrset.to_text() for rrset in made.glue] == [
        "ns1.id.example. 86400 IN A 192.0.2.1",
        "ns1.id.example. 86400 IN AAAA 2001:db8::1",
    ]
    elsewhere = dns.name.from_text("ns.elsewhere.example")
    assert made.addresses(elsewhere, RdataType.A) is None
    assert made.addresses(dns.name.from_text("ns1.id.example"), RdataType.TXT) is None


def test_who_keeps_it() -> None:
    made = zone(contact="zone.keeper@city.example")
    assert made.soa[0].rname.to_text() == r"zone\.keeper.city.example."


@pytest.mark.parametrize(
    ("name", "servers", "contact", "told"),
    [
        (".", SERVERS, "", "dns_zone"),
        ("", SERVERS, "", "dns_zone"),
        ("a..b", SERVERS, "", "dns_zone"),
        ("x" * 64, SERVERS, "", "dns_zone"),
        ("id.example", (), "", "dns_name_servers"),
        ("id.example", ("",), "", "dns_name_servers"),
        ("id.example", ("ns1.id.example",), "", "dns_name_servers"),
        ("id.example", ("ns.other.example 192.0.2.1",), "", "dns_name_servers"),
        ("id.example", ("ns1.id.example 192.0.2",), "", "dns_name_servers"),
        ("id.example", ("ns1..example",), "", "dns_name_servers"),
        ("id.example", SERVERS, "hostmaster", "dns_contact"),
        ("id.example", SERVERS, "@id.example", "dns_contact"),
        ("id.example", SERVERS, "x" * 64 + "@id.example", "dns_contact"),
        ("id.example", SERVERS, "x@a..b", "dns_contact"),
    ],
)
def test_settings_that_make_none(
    name: str, servers: tuple[str, ...], contact: str, told: str
) -> None:
    with pytest.raises(NoZone, match=told):
        zone(name, servers, contact)
