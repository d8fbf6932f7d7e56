"""The desk: what all connections of a process share to answer resolutions themselves."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from typing import NamedTuple

from metrics.instruments import Instruments
from metrics.journal.entry import Outcome
from node.http.client import Clients, listed
from node.lane.head import Head, Heads
from node.lane.intake import Intake, Put, PutHead
from node.lane.wording import PAGE, WORDINGS, Clock, Worded, Wording, read_target, word
from node.recorder import Recorder
from registry.public.lookups import Public
from registry.record.registration import Verdict
from resolver.cache import Held
from resolver.records import Records

MAX_SPOTS = 2048  # targets remembered
MAX_WORDED = 4096  # bytes of an answer that is kept as it is sent


class Spot:
    """A target that is asked for, and the answer as it was last worded."""

    __slots__ = ("handle", "held", "key", "worded", "wording")

    def __init__(self, wording: Wording, handle: bytes, key: str) -> None:
        self.wording = wording
        self.handle = handle  # as it was sent
        self.key = key  # in comparison form
        self.held: Held | None = None  # what the answer says
        self.worded: Worded | None = None

    def word(self, held: Held) -> Worded:
        """What is asked for again is worded once."""
        if self.held is held and self.worded is not None:
            return self.worded
        worded = word(self.wording, self.handle, held)
        if len(worded.body) > MAX_WORDED:  # held here, it would outlive the cache's bounds
            self.held = self.worded = None
        elif self.held is held:
            self.worded = worded
        else:
            self.held, self.worded = held, None
        return worded


class Question(NamedTuple):
    """A request that the lane can answer."""

    spot: Spot
    key: str  # of the identifier, in comparison form
    head: Head
    since: float  # when it came, of time.perf_counter


class Desk:
    """Safe within one event loop."""

    def __init__(
        self,
        records: Records,
        clients: Clients,
        instruments: Instruments,
        recorder: Recorder,
        intake: Intake,
        *,
        case_sensitive: bool,
    ) -> None:
        self._records = records
        self._clients = clients
        self._case_sensitive = case_sensitive
        self._note = recorder.journal.note
        self._caller = recorder.clientele.caller
        self._closed = False
        self.intake = intake
        self._heads = Heads()
        self._spots: dict[bytes, Spot] = {}
        self._clock = Clock()
        self._numbers = itertools.count(secrets.randbits(32))
        self._run = secrets.token_hex(4).encode()
        self.at_hand = records.cache.get  # by a question's key
        self._tallies = {
            wording.surface: instruments.tally(
                wording.surface, wording.operation, wording.resolved_as
            )
            for wording in WORDINGS
        }

    @property
    def open(self) -> bool:
        """Whether the lane may answer at all."""
        return self._records.ready and not self._closed

    def close(self) -> None:
        """From now on aiohttp answers everything, and says good-bye."""
        self._closed = True

    def read(self, target: bytes, head: bytes) -> Question | None:
        """The question that a GET puts; None where aiohttp is to answer it."""
        known = self._heads.read(head)
        if known is None:
            return None
        spot = self._spots.get(target)
        if spot is None and (spot := self._spot(target)) is None:
            return None
        if spot.wording is PAGE and not known.json:
            return None
        return Question(spot, spot.key, known, time.perf_counter())

    def _spot(self, target: bytes) -> Spot | None:
        asked = read_target(target)
        if asked is None:
            return None
        key = asked.handle.decode()
        if self._case_sensitive:
            prefix, slash, suffix = key.partition("/")
            key = prefix.upper() + slash + suffix
        else:
            key = key.upper()
        if len(self._spots) >= MAX_SPOTS:
            self._spots.clear()
        self._spots[target] = spot = Spot(asked.wording, asked.handle, key)
        return spot

    def look_up(self, question: Question) -> asyncio.Future[Public]:
        """To be given to `found`, with the moment before."""
        prefix, _, suffix = question.key.partition("/")
        return self._records.ask((prefix, suffix))

    @property
    def moment(self) -> int:
        return self._records.cache.moment

    def found(self, question: Question, moment: int, public: Public) -> Held | None:
        return self._records.keep(question.key, moment, public).held

    def word(self, question: Question, held: Held) -> bytes:
        """The answer as bytes."""
        head, length, body = question.spot.word(held)
        return b"".join((head, self.request_id(), length, self._clock.tail(), body))

    def request_id(self) -> bytes:
        return b"%b%08x" % (self._run, next(self._numbers) & 0xFFFF_FFFF)

    def take(self, target: bytes, head: PutHead, body: bytes, peer: str) -> Put | None:
        """Begin a registration; None where aiohttp is to see to it."""
        return self.intake.take(target, head, body, peer, self.request_id().decode())

    def word_put(self, put: Put, verdict: Verdict) -> bytes:
        return self.intake.answer(put, verdict, self._clock.tail())

    def settle(self, question: Question, held: Held, client: str, peer: str) -> None:
        """Count and note an answer that was handed to the transport."""
        wording, head = question.spot.wording, question.head
        self._tallies[wording.surface].add(time.perf_counter() - question.since)
        address = self.address(peer, head.forwarded) if head.forwarded else client
        caller = self._caller(address, head.agent)
        self._note(held.mark, caller, Outcome.FOUND, wording.noted, prefix_id=held.prefix_id)

    def address(self, peer: str, forwarded: str = "") -> str:
        """The client's, as proxies tell it that are trusted."""
        return self._clients.behind(peer, listed(forwarded))
