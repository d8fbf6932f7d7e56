"""The DNS front of a live node, asked by dnspython over UDP and TCP."""

from __future__ import annotations

from dataclasses import replace

import dns.flags
import dns.message
import dns.name
import msgspec
import pytest
from dns.rcode import Rcode

from metrics.journal.client import shown_address
from metrics.journal.entry import Flag, Kind, Outcome, Surface, records_of
from node.dns.surface import dns_front
from node.settings import Settings
from registry.identifier import Identifier
from resolver.front.name import name_of
from tests.node.dns.conftest import ZONE, Client, denial
from tests.node.handle_json.peer import register, value
from tests.node.live import Enterprise, Live, until


async def test_records_of_three_types(client: Client, sn1: str) -> None:
    assert await client.texts(sn1, "URI") == [
        '1 1 "https://example.com/1"',
        '2 1 "https://example.com/manual"',
    ]
    assert await client.texts(sn1, "NAPTR") == [
        '100 1 "U" "HDL+URL" "!^.*$!https://example.com/1!" .',
        '100 2 "U" "HDL+URL.MANUAL" "!^.*$!https://example.com/manual!" .',
    ]
    assert await client.texts(sn1, "TXT") == [
        '"POWER=12W"',
        '"URL.MANUAL=https://example.com/manual"',
        '"URL=https://example.com/1"',
    ]


async def test_what_an_answer_says_of_itself(client: Client, sn1: str) -> None:
    answer = await client.ask(sn1)
    assert answer.flags & dns.flags.AA
    assert not answer.flags & dns.flags.RA
    (rrset,) = answer.answer
    assert (rrset.name.to_text(), rrset.ttl) == (f"{sn1}.{ZONE}", 60)
    assert answer.authority == answer.additional == []


async def test_both_families_and_both_protocols(clients: list[Client], sn1: str) -> None:
    assert [client.host for client in clients] == ["127.0.0.1", "::1"]
    for client in clients:
        query = dns.message.make_query(f"{sn1}.{ZONE}", "TXT")
        for tcp in (False, True):
            assert len((await client.send(query, tcp=tcp)).answer[0]) == 3


async def test_one_listener_for_both_families(live: Live, settings: Settings, sn1: str) -> None:
    both = msgspec.structs.replace(settings, dns_listen=("[::]:0",))
    async with dns_front(replace(live.node.wiring, settings=both)) as ((_, port),):
        query = dns.message.make_query(f"{sn1}.{ZONE}", "TXT")
        for host in ("127.0.0.1", "::1"):
            for tcp in (False, True):
                assert len((await Client(host, port).send(query, tcp=tcp)).answer[0]) == 3
    addresses = {row[4] for row in await journalled(live, 4)}
    assert addresses == {"127.0.0.1", "::1"}  # not ::ffff:127.0.0.1


async def test_other_names_of_the_same(client: Client, sn1: str, under: str) -> None:
    """Resolvers change the case of what they ask; the answer has it as it was asked."""
    answer = await client.ask(sn1.swapcase())
    assert answer.answer[0].name.to_text() == f"{sn1.swapcase()}.{ZONE}"
    assert answer.question[0].name.to_text() == f"{sn1.swapcase()}.{ZONE}"
    assert len(answer.answer[0]) == 3
    assert len(await client.texts(f"edn32._b32.{under}")) == 3


async def test_any_suffix(live: Live, client: Client, owner: Enterprise) -> None:
    for suffix in ("灯/具.1", "a b", "x" * 63, "x" * 64, "灯" * 20, "_b32", "%2F#?+"):
        identifier = Identifier(owner.prefix, suffix)
        await register(
            live.node.wiring, owner.enterprise_id, identifier.text, value(1, "N", suffix)
        )
        name = name_of(identifier, dns.name.from_text(ZONE), case_sensitive=False)
        assert name is not None
        (text,) = (await client.ask(name.to_text())).answer[0]
        assert b"".join(text.strings).decode() == f"N={suffix}"


async def test_what_is_not_there(live: Live, client: Client, sn1: str, under: str) -> None:
    for name in (
        f"sn2.{under}",
        f"a.{sn1}",
        "sn1.9.999.88",
        "9.999.88",
        "_b32.9.999.88",
        "www",
        f"c._b32.{under}",
    ):
        assert denial(await client.ask(name)) == ("NXDOMAIN", "SOA"), name


async def test_what_is_there_without_such_a_record(client: Client, sn1: str, under: str) -> None:
    for name in (under, f"_b32.{under}", "118.88", "88"):
        assert denial(await client.ask(name)) == ("NOERROR", "SOA"), name
    for kind in ("A", "AAAA", "NS", "DS", "HTTPS", "TYPE65280"):
        assert denial(await client.ask(sn1, kind)) == ("NOERROR", "SOA")
        assert denial(await client.ask(f"sn2.{under}", kind)) == ("NXDOMAIN", "SOA")


async def test_a_name_above_others_is_not_denied(
    live: Live, client: Client, owner: Enterprise
) -> None:
    """A resolver that goes label by label would look no further (RFC 8020, RFC 9156)."""
    identifier = Identifier(owner.prefix, "灯" * 20)
    await register(live.node.wiring, owner.enterprise_id, identifier.text, value(1, "N", "x"))
    name = name_of(identifier, dns.name.from_text(ZONE), case_sensitive=False)
    assert name is not None
    while (name := name.parent()).is_subdomain(dns.name.from_text(ZONE)):
        assert (await client.ask(name.to_text(), "NS")).rcode() == Rcode.NOERROR, name


async def test_records_without_public_values_or_urls(
    live: Live, client: Client, owner: Enterprise, under: str
) -> None:
    wiring, number = live.node.wiring, owner.enterprise_id
    await register(wiring, number, f"{owner.prefix}/A", value(1, "N", "x", permissions="1100"))
    await register(wiring, number, f"{owner.prefix}/B", value(1, "N", "x"))
    for name, kind in ((f"a.{under}", "TXT"), (f"b.{under}", "URI"), (f"b.{under}", "NAPTR")):
        assert denial(await client.ask(name, kind)) == ("NOERROR", "SOA")


async def test_withdrawn_and_registered_while_it_is_asked(
    live: Live, client: Client, owner: Enterprise, sn1: str
) -> None:
    assert len(await client.texts(sn1)) == 3
    identifier = Identifier(owner.prefix, "SN1")
    await live.ask("DELETE", f"/v1/identifiers/{identifier}", key=owner.key)
    assert denial(await client.ask(sn1)) == ("NXDOMAIN", "SOA")


async def test_the_zone_itself(client: Client) -> None:
    assert await client.texts(ZONE, "SOA") == [
        "ns1.id.example. hostmaster.id.example. 1 86400 7200 604800 30"
    ]
    answer = await client.ask(ZONE, "NS")
    assert len(answer.answer[0]) == 2
    assert len(answer.additional) == 2
    assert await client.texts("ns1", "A") == ["192.0.2.1"]
    assert await client.texts("ns1", "AAAA") == ["2001:db8::1"]
    assert denial(await client.ask("ns1", "TXT")) == ("NOERROR", "SOA")
    assert denial(await client.ask("x.ns1", "A")) == ("NXDOMAIN", "SOA")
    assert denial(await client.ask(ZONE, "TXT")) == ("NOERROR", "SOA")


async def test_what_is_refused(client: Client, sn1: str) -> None:
    for name, kind in (
        ("example.", "SOA"),
        (".", "NS"),
        ("xid.example.", "TXT"),
        ("www.example.com.", "A"),
        (f"{sn1}.{ZONE}", "ANY"),
        (ZONE, "AXFR"),
    ):
        query = dns.message.make_query(name, kind)
        answer = await client.send(query, tcp=kind == "AXFR")
        assert answer.rcode() == Rcode.REFUSED, name
        assert not answer.flags & (dns.flags.AA | dns.flags.RA)
        assert not (answer.answer)
        assert not (answer.authority)
        assert not (answer.additional)


async def test_a_long_answer_comes_by_tcp(
    live: Live, client: Client, owner: Enterprise, under: str
) -> None:
    values = [value(index, "D", f"{index:03d}" * 60) for index in range(1, 251)]
    await register(live.node.wiring, owner.enterprise_id, f"{owner.prefix}/LONG", *values)
    query = dns.message.make_query(f"long.{under}.{ZONE}", "TXT", use_edns=0, payload=4096)
    cut = await client.send(query, cut=True)
    assert cut.flags & dns.flags.TC
    assert not cut.answer
    assert len((await client.send(query)).answer[0]) == 250


async def journalled(live: Live, wanted: int) -> list[tuple[object, ...]]:
    journal = live.node.wiring.recorder.journal
    await until(lambda: journal.position >= wanted)
    assert journal.position == wanted
    return [
        (
            Outcome(int(record["outcome"])),
            Surface(int(record["surface"])),
            Kind(int(record["kind"])),
            Flag(int(record["flags"])),
            shown_address(record["address"].tobytes()),
            int(record["prefix"]) > 0,
        )
        for record in records_of(journal.stretch(0, wanted).records)
    ]


async def test_what_counts_as_a_resolution(
    live: Live, clients: list[Client], owner: Enterprise, sn1: str, under: str
) -> None:
    """What was answered with the record, or asked for it in vain; not what looks for name servers
    or addresses, was cut off or was refused."""
    values = [value(index, f"D{index}", "x" * 200) for index in range(1, 10)]
    await register(live.node.wiring, owner.enterprise_id, f"{owner.prefix}/LONG", *values)
    four, six = clients
    for name, kind in ((sn1, "A"), (sn1, "ANY"), (under, "TXT"), (ZONE, "SOA"), ("www", "TXT")):
        await four.ask(name, kind)
    query = dns.message.make_query(f"long.{under}.{ZONE}", "TXT")
    assert (await four.send(query, cut=True)).flags & dns.flags.TC
    await four.ask(sn1, "URI")
    await six.send(query, tcp=True)
    await four.ask(f"none.{under}", "NAPTR")
    await four.ask("sn1.9.999.88", "TXT")
    await four.ask(f"long.{under}", "NAPTR")
    plain = (Surface.DNS, Kind.EXTERNAL, Flag(0))
    assert await journalled(live, 5) == [
        (Outcome.FOUND, *plain, "127.0.0.1", True),
        (Outcome.FOUND, *plain, "::1", True),
        (Outcome.NOT_FOUND, *plain, "127.0.0.1", True),
        (Outcome.NOT_FOUND, *plain, "127.0.0.1", False),
        (Outcome.NO_VALUES, *plain, "127.0.0.1", True),
    ]
    counted = live.node.wiring.instruments.registry.get_sample_value
    labels = {"surface": "dns", "source": "local", "outcome": "found"}
    assert counted("biaoshi_resolutions_total", labels) == 2.0
    requests = {"surface": "dns", "operation": "txt", "outcome": "2xx"}
    assert counted("biaoshi_requests_total", requests) == 3.0


async def test_while_the_database_is_away(
    live: Live, client: Client, sn1: str, under: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(type(live.node.wiring.records), "_ask", away)
    for name in (sn1, under):
        answer = await client.ask(name)
        assert answer.rcode() == Rcode.SERVFAIL
        assert not answer.flags & dns.flags.AA
        assert not answer.authority
    monkeypatch.undo()
    assert len(await client.texts(sn1)) == 3


async def test_a_crash_is_one_questions_own(
    live: Live, client: Client, sn1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(live.node.wiring.local), "resolve", crash)
    assert (await client.ask(sn1)).rcode() == Rcode.SERVFAIL
    monkeypatch.undo()
    assert len(await client.texts(sn1)) == 3


async def test_a_node_without_a_zone_listens_nowhere(live: Live) -> None:
    wiring = live.node.wiring
    bare = msgspec.structs.replace(
        wiring.settings, dns_zone=None, dns_listen=(), dns_name_servers=()
    )
    async with dns_front(replace(wiring, settings=bare)) as addresses:
        assert addresses == ()
