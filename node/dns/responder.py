"""From a message's octets to those of its answer, and to what is noted of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from metrics.instruments import Instruments
from metrics.journal.entry import Outcome
from node.wire.noting import Resolved
from registry.access.actor import anonymous
from registry.database import is_away
from registry.places import places
from resolver.front.front import Found, Front
from resolver.front.message import (
    MAX_MESSAGE,
    Question,
    Refused,
    Said,
    Silence,
    is_truncated,
    read,
    truncated,
    written,
)
from resolver.front.records import MAKERS

NAME = "dns"
_FAULTS = {Rcode.NOERROR: "2xx", Rcode.SERVFAIL: "5xx"}  # all others are the asker's own

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and what is noted once it was handed to the transport."""

    octets: bytes
    resolved: Resolved | None = None


class Responder:
    """Safe to share between connections."""

    def __init__(
        self, front: Front, told: Callable[[Resolved], None], instruments: Instruments
    ) -> None:
        self._front = front
        self._told = told
        self._instruments = instruments

    async def answer(self, octets: bytes, address: str, *, udp: bool) -> Reply | None:
        """Never raises but for being cancelled. None where nothing is to be said."""
        started = time.perf_counter()
        kind, rcode, reply = "unread", Rcode.NOERROR, None
        try:
            question = read(octets)
            kind = _name(question.kind)
            found = await self._found(question)
            rcode = found.said.rcode
            sent = written(question, found.said, question.room if udp else MAX_MESSAGE)
            reply = Reply(sent, _resolved(found, sent, address))
        except Refused as refused:
            rcode, reply = refused.rcode, Reply(refused.octets)
        except Silence:
            return None
        self._count(kind, rcode, time.perf_counter() - started)
        return reply

    def brief(self, octets: bytes) -> bytes | None:
        """The answer that is no longer than the question: to come again by TCP."""
        try:
            return truncated(read(octets))
        except Refused as refused:
            return refused.octets
        except Silence:
            return None

    def told(self, reply: Reply) -> None:
        """The answer has been handed to the transport."""
        if reply.resolved is not None:
            self._told(reply.resolved)

    async def _found(self, question: Question) -> Found:
        try:
            return await self._front.answer(question)
        except Exception as error:
            if is_away(error):
                log.error("database-away", surface=NAME, error=type(error).__name__)
            else:
                at = places(error)
                log.error("request-crashed", surface=NAME, error=type(error).__name__, at=at)
            return Found(Said(Rcode.SERVFAIL))

    def _count(self, kind: str, rcode: Rcode, seconds: float) -> None:
        outcome = _FAULTS.get(rcode, "4xx")
        self._instruments.requests.labels(NAME, kind, outcome).inc()
        self._instruments.latency.labels(NAME, kind).observe(seconds)


def _resolved(found: Found, sent: bytes, address: str) -> Resolved | None:
    """What the journal is to hear. An answer that was cut off told nothing: it is asked again."""
    if found.identifier is None or is_truncated(sent):
        return None
    outcome = Outcome.NOT_FOUND if found.answer is None else Outcome.of(found.answer.outcome)
    return Resolved(found.identifier, anonymous(), address, outcome, found.answer)


def _name(kind: RdataType) -> str:
    """A label's value, of which there must be few."""
    return kind.name.lower() if kind in MAKERS else "other"
