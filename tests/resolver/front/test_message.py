"""Messages that are questions, that are not quite, and that are nothing at all."""

from __future__ import annotations

import random

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rrset
import dns.tsig
import dns.update
import pytest
from dns.rcode import Rcode
from dns.rdataclass import CH
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from resolver.front.message import (
    MAX_DATAGRAM,
    MAX_MESSAGE,
    Refused,
    Said,
    Silence,
    is_truncated,
    read,
    truncated,
    written,
)

NAME = "sn1.1.118.88.id.example."


def asked(kind: str = "TXT", **more: object) -> dns.message.Message:
    return dns.message.make_query(NAME, kind, **more)


def refusal(octets: bytes) -> dns.message.Message:
    with pytest.raises(Refused) as caught:
        read(octets)
    answer = dns.message.from_wire(caught.value.octets)
    assert answer.rcode() == caught.value.rcode
    assert answer.flags & dns.flags.QR
    assert not answer.flags & (dns.flags.AA | dns.flags.RA)
    assert not answer.answer
    return answer


def test_a_question() -> None:
    query = asked("NAPTR")
    question = read(query.to_wire())
    assert (question.name.to_text(), question.kind) == (NAME, RdataType.NAPTR)
    assert question.room == 512
    answer = dns.message.from_wire(written(question, Said(), MAX_MESSAGE))
    assert answer.id == query.id
    assert answer.question == query.question
    assert answer.flags & dns.flags.AA
    assert answer.flags & dns.flags.RD
    assert not answer.flags & dns.flags.RA
    assert answer.edns < 0


@pytest.mark.parametrize(("payload", "room"), [(100, 512), (800, 800), (65_535, MAX_DATAGRAM)])
def test_edns(payload: int, room: int) -> None:
    query = asked(use_edns=0, payload=payload, want_dnssec=True)
    query.use_edns(0, dns.flags.DO, payload, options=[dns.edns.GenericOption(65_001, b"x")])
    question = read(query.to_wire())
    assert question.room == room
    answer = dns.message.from_wire(written(question, Said(), MAX_MESSAGE))
    assert (answer.edns, answer.payload, answer.ednsflags) == (0, MAX_DATAGRAM, dns.flags.DO)
    assert not answer.options


def test_padding_is_not_returned() -> None:
    query = asked(use_edns=0)
    query.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(12, b"")])
    assert len(written(read(query.to_wire()), Said(), MAX_MESSAGE)) < 100


@pytest.mark.parametrize("kind", ["ANY", "AXFR", "IXFR", "MAILB"])
def test_types_that_are_refused(kind: str) -> None:
    assert refusal(asked(kind).to_wire()).rcode() == Rcode.REFUSED


def test_other_classes_are_refused() -> None:
    query = dns.message.make_query("version.bind.", "TXT", CH)
    assert refusal(query.to_wire()).rcode() == Rcode.REFUSED


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 15])
def test_other_operations_are_not_done(opcode: int) -> None:
    octets = bytearray(asked().to_wire())
    octets[2] = opcode << 3
    answer = refusal(bytes(octets))
    assert (answer.rcode(), int(answer.opcode())) == (Rcode.NOTIMP, opcode)


def test_an_update_is_not_done() -> None:
    update = dns.update.UpdateMessage("id.example.")
    update.add("x", 300, "A", "192.0.2.1")
    assert refusal(update.to_wire()).rcode() == Rcode.NOTIMP


def test_versions_of_edns_to_come() -> None:
    answer = refusal(asked(use_edns=1).to_wire())
    assert (answer.rcode(), answer.edns) == (Rcode.BADVERS, 0)


def test_signed_questions() -> None:
    query = asked()
    query.use_tsig(dns.tsig.Key("key.example.", b"secret"))
    assert refusal(query.to_wire()).rcode() == Rcode.NOTAUTH


def test_no_question_and_several() -> None:
    query = asked()
    assert refusal(query.to_wire()[:12]).rcode() == Rcode.FORMERR
    query.question.append(dns.rrset.RRset(dns.name.from_text("x."), 1, RdataType.A))
    assert refusal(query.to_wire()).rcode() == Rcode.FORMERR


def test_records_where_none_belong() -> None:
    query = asked()
    query.answer.append(dns.rrset.from_text("x.", 1, "IN", "A", "192.0.2.1"))
    assert refusal(query.to_wire()).rcode() == Rcode.FORMERR


@pytest.mark.parametrize(
    "tail", [b"\0", b"\0" * 1300], ids=["an octet behind it", "longer than any"]
)
def test_what_is_too_long(tail: bytes) -> None:
    assert refusal(asked().to_wire() + tail).rcode() == Rcode.FORMERR


@pytest.mark.parametrize("octets", [b"", b"\0" * 11, b"\0\0\x80" + b"\0" * 20])
def test_what_is_not_answered(octets: bytes) -> None:
    """Two servers that answered each other's answers would never end."""
    with pytest.raises(Silence):
        read(octets)


def test_pointers_in_circles() -> None:
    header = asked().to_wire()[:12]
    for name in (b"\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0\xff", b"\x40a\0", b"\x80\0"):
        assert refusal(header + name + b"\0\x10\0\1").rcode() == Rcode.FORMERR


def test_what_has_no_room_is_cut_off() -> None:
    question = read(asked().to_wire())
    texts = [f'"{number:0200d}"' for number in range(5)]
    rrset = dns.rrset.from_text_list(NAME, 300, "IN", "TXT", texts)
    whole = written(question, Said(answer=(rrset,)), MAX_MESSAGE)
    assert not is_truncated(whole)
    assert len(dns.message.from_wire(whole).answer[0]) == 5
    cut = written(question, Said(answer=(rrset,)), question.room)
    assert is_truncated(cut)
    assert len(cut) <= 512
    assert not dns.message.from_wire(cut).answer
    assert cut == truncated(question)


def check(octets: bytes) -> None:
    """It is read, refused or passed over in silence, and what is answered is a message."""
    try:
        question = read(octets)
    except Silence:
        return
    except Refused as refused:
        answer = refused.octets
    else:
        answer = written(question, Said(), MAX_MESSAGE)
        assert len(truncated(question)) <= 512
    assert answer[:2] == octets[:2]
    assert answer[2] & 0x80
    dns.message.from_wire(answer)


@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    check(octets)


@given(st.binary(min_size=8, max_size=300))
def test_any_octets_behind_the_header_of_a_question(octets: bytes) -> None:
    check(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00" + octets)


def test_damaged_questions() -> None:
    chance = random.Random(1)
    signed = asked()
    signed.use_tsig(dns.tsig.Key("key.example.", b"secret"))
    cookie = asked(use_edns=0)
    cookie.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(10, b"12345678")])
    subnet = asked(use_edns=0)
    subnet.use_edns(0, 0, 1232, options=[dns.edns.ECSOption("192.0.2.0", 24)])
    seeds = [one.to_wire() for one in (asked(), asked(use_edns=0), signed, cookie, subnet)]
    for _ in range(20_000):
        octets = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        if chance.random() < 0.3:
            del octets[chance.randrange(len(octets)) :]
        check(bytes(octets))
