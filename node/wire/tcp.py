"""The TCP listener: all connections of a process, which answers them in turns.

They are not the event loop's: it wakes this listener when any of them has something to say, and
this asks the kernel itself which ones. So a question whose answer is ready costs little more than
the system calls that it takes, even where every question comes on a connection of its own.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
from collections import Counter
from collections.abc import Callable

import structlog

from node.wire.address import plain
from node.wire.connection import READABLE, Connection
from node.wire.noting import NAME
from node.wire.ready import Ready
from node.wire.responder import Responder
from registry.places import places
from registry.together import end as end_tasks

MAX_CONNECTIONS = 8192
MAX_EACH = 2048  # connections of one address
MAX_TURN = 256  # connections that are heard, or taken at a door, before others of the loop are
DEFER_SECONDS = 5  # that a connection may wait outside for its first request
SWEEP_SECONDS = 5.0
LOOK = 0.05  # seconds, while all are to end
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

log = structlog.get_logger()


class Connections:
    """Owned by whoever runs `run`, and ended by `close`. Doors stay their owners'."""

    def __init__(self, responder: Responder, ready: Ready, clock: Callable[[], float]) -> None:
        self.responder = responder
        self.ready = ready
        self.now = clock()
        self._clock = clock
        self._poll = select.epoll()
        self._doors: dict[int, socket.socket] = {}
        self._shut: set[int] = set()  # doors that wait until there is room
        self._open: dict[int, Connection] = {}
        self._each: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._poll.fileno(), self._turn)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def unsent(self) -> int:
        """Octets of answers that wait for clients who do not take them."""
        return sum(connection.unsent for connection in self._open.values())

    def open(self, door: socket.socket) -> None:
        """Take connections from a listening socket as well, whoever else does."""
        door.setblocking(False)
        # What the listener is told, its connections inherit.
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_SECONDS)
        self._doors[door.fileno()] = door
        self._poll.register(door.fileno(), READABLE)

    def shut(self, door: socket.socket) -> None:
        """Take no more of its connections; those that came stay."""
        number = door.fileno()
        if self._doors.pop(number, None) is not None and number not in self._shut:
            self._poll.unregister(number)
        self._shut.discard(number)

    def watch(self, connection: Connection, before: int, after: int) -> None:
        number = connection.fileno()
        if not after:
            self._poll.unregister(number)
        elif before:
            self._poll.modify(number, after)
        else:
            self._poll.register(number, after)

    def work(self, connection: Connection, message: bytes) -> None:
        task = self._loop.create_task(connection.work(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def leave(self, connection: Connection) -> None:
        del self._open[connection.fileno()]
        address = connection.line.address
        self._each[address] -= 1
        if not self._each[address]:
            del self._each[address]

    async def run(self) -> None:
        """Close those that keep us waiting, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.ready.count()
            self.now = self._clock()
            for connection in list(self._open.values()):
                connection.expire()
            for number in self._shut:
                self._poll.register(number, READABLE)
            self._shut.clear()

    async def close(self, seconds: float) -> None:
        """Take no more connections, and close those that are open as they fall quiet; all of them
        when the seconds are over."""
        for _ in range(1 + len(self._open) // MAX_TURN):  # everybody once
            self._turn()
        for door in list(self._doors.values()):
            self.shut(door)
        end = self._clock() + seconds
        while (self._open or self._tasks) and self.now < end:
            await asyncio.sleep(LOOK)
            self.now = self._clock()
            for connection in list(self._open.values()):
                connection.end_if_quiet()
        self._loop.remove_reader(self._poll.fileno())
        await end_tasks(self._tasks)
        for connection in list(self._open.values()):
            connection.close()
        self._poll.close()
        self.ready.count()

    def _turn(self) -> None:
        """Hear everybody who has something to say."""
        self.now = self._clock()
        for number, events in self._poll.poll(0, MAX_TURN):
            connection = self._open.get(number)
            if connection is not None:
                self._hear(connection, events)
            elif number in self._doors:
                self._welcome(self._doors[number])

    def _hear(self, connection: Connection, events: int) -> None:
        try:
            connection.act(events)
        except Exception as error:  # one's trouble is not the others'
            log.error("connection-failed", surface=NAME, at=places(error))
            connection.close()

    def _welcome(self, door: socket.socket) -> None:
        """Take the connections that have come to a door."""
        for _ in range(MAX_TURN):
            try:
                own, peer = door.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._wait_for_room(door, error)
                    return
                continue  # it went before it was taken
            self._admit(own, plain(peer[0]))

    def _admit(self, own: socket.socket, address: str) -> None:
        if len(self._open) >= MAX_CONNECTIONS or self._each[address] >= MAX_EACH:
            own.close()
            return
        connection = Connection(self, own, address)
        self._open[own.fileno()] = connection
        self._each[address] += 1
        self._hear(connection, READABLE)

    def _wait_for_room(self, door: socket.socket, error: OSError) -> None:
        log.error("no-room-for-connections", surface=NAME, error=errno.errorcode[error.errno or 0])
        self._poll.unregister(door.fileno())
        self._shut.add(door.fileno())
