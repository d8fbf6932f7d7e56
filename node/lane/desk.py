"""The desk: what all connections of a process share to answer resolutions themselves."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from metrics.instruments import Instruments
from metrics.journal.client import Caller
from metrics.journal.entry import Outcome
from metrics.journal.journal import Note
from node.http.client import Clients, listed
from node.lane.head import Head, Heads
from node.lane.intake import Intake, Put, PutHead
from node.lane.wording import WORDINGS, Clock, Worded, Wording, read_target, word
from node.recorder import Recorder
from registry.public.lookups import Public
from registry.record.registration import Verdict
from resolver.cache import Held
from resolver.records import Records

MAX_SPOTS = 2048  # targets remembered
MAX_WORDED = 4096  # bytes of an answer that is kept as it is sent
_SURFACE = itemgetter(3)  # of a note


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
    """A request that the lane answers when the database has told."""

    spot: Spot
    caller: Caller
    since: float  # when it came, of time.perf_counter

    @property
    def key(self) -> str:
        """Of the identifier, in comparison form."""
        return self.spot.key


class Desk:
    """Safe within one event loop.

    Answers at hand are written down once a turn of the event loop, all together, when the transport
    has them.
    """

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
        self._journal = recorder.journal
        self._caller = recorder.clientele.caller
        self._closed = False
        self.intake = intake
        self._heads = Heads()
        self._spots: dict[bytes, Spot] = {}
        self._clock = Clock()
        self._run = secrets.token_hex(4).encode()
        self._ids = request_ids(self._run, secrets.randbits(24))
        self._tallies = {
            wording.noted: instruments.tally(
                wording.surface, wording.operation, wording.resolved_as
            )
            for wording in WORDINGS
        }
        # Of the present turn: what was answered, when it began, and how answers end.
        self._answered: list[Note] = []
        self._began = 0.0  # of time.perf_counter
        self.now = 0.0  # of the event loop's own clock
        self._tail = b""

    @property
    def open(self) -> bool:
        """Whether the lane may look up, and register."""
        return self._records.ready and not self._closed

    def close(self) -> None:
        """From now on aiohttp answers everything, and says good-bye."""
        self._closed = True

    def at_hand(self, spot: Spot) -> Held | None:
        """What can be answered at once."""
        return None if self._closed else self._records.cache.get(spot.key)

    def read_head(self, head: bytes) -> Head | None:
        """None for one with anything in it that the lane does not know."""
        return self._heads.read(head)

    def spot(self, target: bytes) -> Spot | None:
        """What a GET asks for; None where aiohttp is to answer it."""
        return self._spots.get(target) or self._make_spot(target)

    def _make_spot(self, target: bytes) -> Spot | None:
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

    def word(self, spot: Spot, held: Held, tail: bytes) -> bytes:
        """The answer as bytes."""
        head, length, body = spot.word(held)
        return b"".join((head, next(self._ids), length, tail, body))

    def answer(self, spot: Spot, held: Held, caller: Caller) -> bytes:
        """The answer as bytes, which the caller hands to the transport before anything else."""
        if not self._answered:
            self._begin_turn()
        self._answered.append(
            (held.mark, caller, Outcome.FOUND, spot.wording.noted, held.prefix_id, 0)
        )
        return self.word(spot, held, self._tail)

    def answer_late(self, question: Question, held: Held) -> bytes:
        """The same for one that had to wait, which is settled for itself."""
        return self.word(question.spot, held, self._clock.tail())

    def settle(self, question: Question, held: Held) -> None:
        """Count and note an answer that had to wait, once it was handed to the transport."""
        noted = question.spot.wording.noted
        self._tallies[noted].add(time.perf_counter() - question.since)
        self._journal.note(
            held.mark, question.caller, Outcome.FOUND, noted, prefix_id=held.prefix_id
        )

    def _begin_turn(self) -> None:
        loop = asyncio.get_running_loop()
        self._began, self.now = time.perf_counter(), loop.time()
        self._tail = self._clock.tail()
        loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """Count and note what was answered. None took longer than the turn."""
        notes, self._answered = self._answered, []
        self._journal.note_all(notes)
        took = time.perf_counter() - self._began
        for surface, number in Counter(map(_SURFACE, notes)).items():
            self._tallies[surface].add(took, number)

    def take(self, target: bytes, head: PutHead, body: bytes, peer: str) -> Put | None:
        """Begin a registration; None where aiohttp is to see to it."""
        return self.intake.take(target, head, body, peer, next(self._ids).decode())

    def word_put(self, put: Put, verdict: Verdict) -> bytes:
        return self.intake.answer(put, verdict, self._clock.tail())

    def caller(self, peer: str, head: Head) -> Caller:
        """Who asks from the socket's other end."""
        address = self._clients.behind(peer, listed(head.forwarded))
        return self._caller(address, head.agent)


def request_ids(run: bytes, start: int) -> Iterator[bytes]:
    """Ids of requests, one after the other: the process's own eight digits, then eight of a
    number."""
    last = [b"%02x" % number for number in range(256)]
    for number in itertools.count(start):
        begin = b"%b%06x" % (run, number & 0xFF_FFFF)
        for digits in last:
            yield begin + digits
