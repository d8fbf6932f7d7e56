"""A load client of as little cost as can be: requests of fixed octets, answers of a fixed size.

    python -m loadtests.native_client MODE HOST PORT CONNECTIONS SECONDS < REQUEST

MODE is tcp (each connection sends when it was answered), oneshot (a connection for every request)
or udp (CONNECTIONS requests are on their way at once). Prints one line of JSON. In a process of its
own, so that it shares no interpreter with what it measures; its answers are told by their size
alone, after the first was read whole.
"""

from __future__ import annotations

import itertools
import json
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field

SETTLE = 0.3  # seconds that the first answer may take to come whole
LATE = 1.0  # seconds after which an answer is a stall
PATIENCE = 5.0
# Where connections come from. One address has 28,000 ports, which rest for a second or two after
# use: with a connection for every request they would be the limit, and not the node.
SOURCES = tuple(f"127.0.0.{number}" for number in range(2, 34))
BIND_ADDRESS_NO_PORT = 24  # of the kernel: the port is chosen when it connects


@dataclass
class Measured:
    answers: int = 0
    lost: int = 0
    started: float = 0.0
    times: list[float] = field(default_factory=list)

    def show(self, seconds: float) -> str:
        times = sorted(self.times)
        at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000  # noqa: E731
        return json.dumps(
            {
                "rate": self.answers / seconds,
                "lost": self.lost,
                "p50_ms": at(0.5),
                "p99_ms": at(0.99),
                "max_ms": at(1.0),
                "stalls": sum(one >= LATE for one in times),
            }
        )


def size_of_answer(host: str, port: int, request: bytes) -> int:
    with socket.create_connection((host, port), PATIENCE) as own:
        own.sendall(request)
        size = len(own.recv(1 << 20))
        own.settimeout(SETTLE)
        try:
            while more := own.recv(1 << 20):
                size += len(more)
        except TimeoutError:
            pass
        return size


def tcp(host: str, port: int, connections: int, seconds: float, request: bytes) -> Measured:
    size, measured, clock = size_of_answer(host, port, request), Measured(), time.perf_counter
    poll, open_ = select.epoll(), {}
    for _ in range(connections):
        own = socket.create_connection((host, port), PATIENCE)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own.setblocking(False)
        poll.register(own.fileno(), select.EPOLLIN)
        open_[own.fileno()] = [own, size, clock()]
    for own, _, _ in open_.values():
        own.send(request)
    end = clock() + seconds
    while (now := clock()) < end:
        for number, _ in poll.poll(PATIENCE):
            state = open_[number]
            state[1] -= len(state[0].recv(65536))
            if state[1] <= 0:
                measured.answers += 1
                measured.times.append(now - state[2])
                state[1], state[2] = size, now
                state[0].send(request)
    return measured


def oneshot(host: str, port: int, connections: int, seconds: float, request: bytes) -> Measured:
    size, measured, clock = size_of_answer(host, port, request), Measured(), time.perf_counter
    poll, open_, source = select.epoll(), {}, itertools.cycle(SOURCES)

    def begin(now: float) -> None:
        own = socket.socket()
        own.setblocking(False)
        own.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        own.bind((next(source), 0))
        own.connect_ex((host, port))
        try:  # on the same machine it mostly is connected by now
            own.send(request)
            wanted = select.EPOLLIN
        except BlockingIOError:
            wanted = select.EPOLLOUT
        poll.register(own.fileno(), wanted)
        open_[own.fileno()] = [own, size, now]

    for _ in range(connections):
        begin(clock())
    end = clock() + seconds
    while (now := clock()) < end:
        for number, event in poll.poll(PATIENCE):
            state = open_[number]
            if event & select.EPOLLOUT:
                poll.modify(number, select.EPOLLIN)
                state[0].send(request)
                continue
            data = state[0].recv(65536)
            state[1] -= len(data)
            if state[1] <= 0 or not data:
                measured.answers += bool(data)
                measured.lost += not data
                measured.times.append(now - state[2])
                state[0].close()
                del open_[number]
                begin(now)
    return measured


def udp(host: str, port: int, connections: int, seconds: float, request: bytes) -> Measured:
    measured, clock = Measured(), time.perf_counter
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    own.connect((host, port))
    own.settimeout(0.2)
    under_way: deque[float] = deque()
    send, receive = own.send, own.recv
    for _ in range(connections):
        send(request)
        under_way.append(clock())
    end = clock() + seconds
    while (now := clock()) < end:
        try:
            receive(2048)
        except TimeoutError:  # all that were under way are lost
            measured.lost += len(under_way)
            under_way.clear()
            for _ in range(connections):
                send(request)
                under_way.append(now)
            continue
        measured.answers += 1
        measured.times.append(now - under_way.popleft())
        send(request)
        under_way.append(now)
    return measured


def main() -> None:
    mode, host, port, connections, seconds = sys.argv[1:]
    request = sys.stdin.buffer.read()
    run = {"tcp": tcp, "oneshot": oneshot, "udp": udp}[mode]
    measured = run(host, int(port), int(connections), float(seconds), request)
    print(measured.show(float(seconds)))


if __name__ == "__main__":
    main()
