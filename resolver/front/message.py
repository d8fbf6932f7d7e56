"""Questions as they come, and answers as they go: DNS messages within bounds."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rrset
from dns.rcode import Rcode
from dns.rdatatype import RdataType

MAX_QUESTION: Final = 1232  # octets; a question has 255 of name, and options
MAX_DATAGRAM: Final = 1232  # octets of an answer that pass everywhere in one piece (DNS flag day)
PLAIN_DATAGRAM: Final = 512  # without EDNS
MAX_MESSAGE: Final = 65_535
_HEADER = struct.Struct("!6H")
_MAX_ADDITIONAL = 4  # records behind a question: EDNS, a signature
_OPCODE_SHIFT = 11
_META = range(128, 256)  # types that stand for no records, ANY and transfers among them


class Silence(Exception):
    """What deserves no answer: too short to be one, or itself an answer."""


class Refused(Exception):
    """What is answered without looking at any name. `octets` is that answer."""

    def __init__(self, rcode: Rcode, octets: bytes) -> None:
        super().__init__(rcode)
        self.rcode = rcode
        self.octets = octets


@dataclass(frozen=True, slots=True)
class Question:
    message: dns.message.Message
    name: dns.name.Name
    kind: RdataType

    @property
    def room(self) -> int:
        """Octets of a datagram that the asker takes."""
        if self.message.edns < 0:
            return PLAIN_DATAGRAM
        return max(PLAIN_DATAGRAM, min(self.message.payload, MAX_DATAGRAM))


@dataclass(frozen=True, slots=True)
class Said:
    """What is answered to a question."""

    rcode: Rcode = Rcode.NOERROR
    answer: tuple[dns.rrset.RRset, ...] = ()
    authority: tuple[dns.rrset.RRset, ...] = ()
    additional: tuple[dns.rrset.RRset, ...] = ()

    @property
    def authoritative(self) -> bool:
        return self.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN)


def read(octets: bytes) -> Question:
    """The one question of a message. Raises Silence or Refused."""
    if len(octets) < _HEADER.size:
        raise Silence
    number, flags, *counts = _HEADER.unpack_from(octets)
    if flags & dns.flags.QR:
        raise Silence
    opcode = flags >> _OPCODE_SHIFT & 0xF
    if opcode != dns.opcode.QUERY:
        raise Refused(Rcode.NOTIMP, _bare(number, flags, Rcode.NOTIMP))
    questions, answers, authorities, additional = counts
    odd = questions != 1 or answers or authorities or additional > _MAX_ADDITIONAL
    message = None if odd or len(octets) > MAX_QUESTION else _parsed(octets)
    if message is None or len(message.question) != 1:
        raise Refused(Rcode.FORMERR, _bare(number, flags, Rcode.FORMERR))
    asked = message.question[0]
    question = Question(message, asked.name, asked.rdtype)
    for wrong, rcode in (
        (message.had_tsig, Rcode.NOTAUTH),  # we share no key with anybody
        (message.edns > 0, Rcode.BADVERS),
        (asked.rdclass != dns.rdataclass.IN, Rcode.REFUSED),
        (asked.rdtype in _META, Rcode.REFUSED),
    ):
        if wrong:
            raise Refused(rcode, written(question, Said(rcode), MAX_MESSAGE))
    return question


def written(question: Question, said: Said, room: int) -> bytes:
    """The message; where there is no room for the whole of it, one that says so (TC)."""
    response = _response(question, said)
    try:
        return response.to_wire(max_size=room)
    except dns.exception.TooBig:
        return truncated(question)


def truncated(question: Question) -> bytes:
    """Nothing, to be asked for again over TCP."""
    response = _response(question, Said())
    response.flags |= dns.flags.TC
    return response.to_wire(max_size=PLAIN_DATAGRAM)


def is_truncated(octets: bytes) -> bool:
    return bool(int.from_bytes(octets[2:4], "big") & dns.flags.TC)


def _response(question: Question, said: Said) -> dns.message.Message:
    query = question.message
    response = dns.message.make_response(query, our_payload=MAX_DATAGRAM, pad=0)
    if query.ednsflags & dns.flags.DO:
        response.want_dnssec(True)  # heard, RFC 3225 §3; nothing here is signed
    response.set_rcode(said.rcode)
    if said.authoritative:
        response.flags |= dns.flags.AA
    response.answer.extend(said.answer)
    response.authority.extend(said.authority)
    response.additional.extend(said.additional)
    return response


def _parsed(octets: bytes) -> dns.message.Message | None:
    """None for what is no message. A signature is passed over: whoever signs is told that we have
    no key."""
    try:
        return dns.message.from_wire(octets, keyring=False)
    except (dns.exception.DNSException, ValueError, struct.error):
        return None


def _bare(number: int, flags: int, rcode: Rcode) -> bytes:
    """A header alone, for questions that are not understood."""
    kept = flags & (0xF << _OPCODE_SHIFT | dns.flags.RD)
    return _HEADER.pack(number, dns.flags.QR | kept | rcode, 0, 0, 0, 0)
