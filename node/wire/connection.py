"""One client's connection: what it has asked is answered in the order in which it was asked."""

from __future__ import annotations

import asyncio
import select
import socket
from typing import Protocol

from node.wire.call import Junk, Line
from node.wire.ready import Made, Ready
from node.wire.reply import junk
from node.wire.responder import Responder
from resolver.wire.code import ResponseCode
from resolver.wire.message import ENVELOPE, Envelope, message_end
from resolver.wire.octets import Malformed

CHUNK = 16 * 1024  # octets that are read at once
AT_ONCE = 64 * 1024  # octets of answers that are sent at once
IDLE_SECONDS = 300.0
QUIET_SECONDS = 0.25  # without a question, after which a connection may be closed between two
HASTE_SECONDS = 30.0  # for the rest of a request, for taking an answer, for going when told to

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT
_NOW = socket.MSG_DONTWAIT


class Host(Protocol):
    """What a connection knows of those who keep it."""

    responder: Responder
    ready: Ready
    now: float  # seconds, as of this turn

    def watch(self, connection: Connection, before: int, after: int) -> None:
        """Have `act` called for other events than before; 0 is none."""

    def work(self, connection: Connection, message: bytes) -> None:
        """Run `work` in a task."""

    def leave(self, connection: Connection) -> None:
        """The connection has ended."""


class Connection:
    """What the ready answers can serve is answered as it is read, everything else by one task at a
    time. Nothing is read while a task works or while the client has not taken what it was sent: so
    what waits here is bounded, and the client's own system makes it wait."""

    __slots__ = (
        "_closed", "_heard", "_host", "_inbox", "_outbox", "_parting", "_room", "_socket",
        "_watched", "_working", "line",
    )  # fmt: skip

    def __init__(self, host: Host, own: socket.socket, address: str) -> None:
        self.line = Line(address)
        self._host = host
        self._socket = own
        self._inbox = b""  # what has come and was not looked at: at most a message and a chunk
        self._outbox = b""  # what the client has yet to take
        self._watched = 0
        self._working = False
        self._parting = False  # nothing that comes is looked at any more
        self._closed = False
        self._room: asyncio.Event | None = None  # to come, where the task waits for it
        self._heard = host.now  # when the client last did what was its turn

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def unsent(self) -> int:
        """Octets of answers that wait for the client."""
        return len(self._outbox)

    @property
    def _quiet(self) -> bool:
        busy = self._closed or self._working or self._inbox or self._outbox
        return not busy and self._host.now - self._heard > QUIET_SECONDS

    def act(self, events: int) -> None:
        """Do what the client has made possible."""
        if events & WRITABLE:
            self._flush()
        else:
            self.read()

    def read(self) -> None:
        """Take what has come, and answer it."""
        try:
            data = self._socket.recv(CHUNK, _NOW)
        except BlockingIOError:
            self._watch()
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        if self._parting:
            return
        if not self._inbox:
            self._heard = self._host.now
            # Nearly always what comes is one whole request, and its answer is ready.
            at_hand = self._host.ready.answer(data, self.line)
            if at_hand is not None:
                answer, made = at_hand
                self._send(answer)
                self._host.ready.told(made, self.line)
                self._watch()
                return
        self._inbox += data
        self._advance()

    async def work(self, message: bytes) -> None:
        """Answer a message that takes time, and go on to the next."""
        envelope, payload = Envelope.parse(message), message[ENVELOPE.size :]
        await self._host.responder.serve(envelope, payload, self.line, self._give)
        self._working = False
        self._heard = self._host.now
        self._advance()

    def expire(self) -> None:
        """Close a connection that has been idle, or that keeps a request or an answer waiting."""
        waiting = self._inbox or self._outbox or self._parting
        limit = HASTE_SECONDS if waiting else IDLE_SECONDS
        busy = self._working and not self._outbox
        if not busy and self._host.now - self._heard > limit:
            self.close()

    def end_if_quiet(self) -> None:
        """Close a connection on which nothing is under way, as far as this end can know."""
        if self._quiet:
            self.read()  # what came and was not heard of yet is not to be lost
        if self._quiet:
            self.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._inbox = self._outbox = b""
        self._host.leave(self)
        self._socket.close()
        if self._room is not None:
            self._room.set()

    def _advance(self) -> None:
        """Answer what has come, up to what a task has to do."""
        while not (self._closed or self._working or self._outbox or self._parting):
            try:
                if not self._answer_some():
                    break
            except Malformed as error:
                self._part(error)
        self._watch()

    def _answer_some(self) -> bool:
        """Whether there was something to be answered. Raises Malformed where what has come is no
        message; those before it are answered."""
        inbox, at, size = self._inbox, 0, 0
        answers: list[bytes] = []
        of: list[Made] = []
        message = None
        try:
            while size < AT_ONCE and (end := message_end(inbox, at)) is not None:
                message, at = inbox[at:end], end
                at_hand = self._host.ready.answer(message, self.line)
                if at_hand is None:
                    break
                answers.append(at_hand[0])
                of.append(at_hand[1])
                size += len(at_hand[0])
                message = None
        finally:
            self._inbox = inbox[at:]
            if answers:
                self._send(b"".join(answers))
            for made in of:
                self._host.ready.told(made, self.line)
        if message is not None and not self._closed:
            self._working = True
            self._host.work(self, message)
        if at:
            self._heard = self._host.now
        return at > 0

    def _part(self, error: Malformed) -> None:
        """After what is no message nobody knows where the next one begins. The client is told, and
        is to close the connection: if this end did, what it has sent since could cost it the
        answer."""
        self._parting = True
        self._inbox = b""
        self._send(junk(Junk(ResponseCode.ERROR, error.detail)).build())

    async def _give(self, answer: bytes) -> None:
        """Send an answer; there is room for another when this returns."""
        self._send(answer)
        while self._outbox:
            self._watch()
            self._room = asyncio.Event()
            await self._room.wait()
        self._room = None

    def _send(self, octets: bytes) -> None:
        """Hand over what the kernel takes, and keep the rest."""
        if self._closed:
            return
        try:
            sent = self._socket.send(octets, _NOW)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        self._outbox = octets[sent:]
        if not self._outbox:
            self._heard = self._host.now
            if self._parting:
                self._say_that_is_all()

    def _flush(self) -> None:
        self._send(self._outbox)
        if not self._outbox and self._room is not None:
            self._room.set()
        self._advance()

    def _say_that_is_all(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()

    def _watch(self) -> None:
        """For what the client has to do next."""
        if self._closed:
            return
        wanted = WRITABLE if self._outbox else 0 if self._working else READABLE
        if wanted != self._watched:
            self._host.watch(self, self._watched, wanted)
            self._watched = wanted
