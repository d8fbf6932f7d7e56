"""The Handle protocol under load, as ratios to a plain aiohttp application in the same minute."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop
from aiohttp import web

from resolver.wire.body import ResolutionRequest
from resolver.wire.code import OpCode, OpFlag
from resolver.wire.message import Envelope, Message

SECONDS = 5.0
STOCK = int(OpFlag.RECU | OpFlag.CACR | OpFlag.PUBL)
HOST = "127.0.0.1"
# What is wanted where the plain application makes 32,000 a second.
WANTED = {"udp": 80 / 32, "tcp": 60 / 32, "oneshot": 18 / 32}


@dataclass(frozen=True)
class Line:
    """One measurement: what, how many a second, the ratio to the plain application."""

    what: str
    rate: float
    ratio: float
    wanted: float
    p99_ms: float
    max_ms: float
    stalls: int
    lost: int


def measure(port: int, handle: str, body: bytes, seconds: float = SECONDS) -> list[Line]:
    """`body` is what the plain application answers: the record in JSON."""
    request = Message(
        envelope=Envelope(request_id=1),
        opcode=OpCode.RESOLUTION,
        flags=STOCK,
        body=ResolutionRequest(handle).build(),
    ).build()
    with _plain(body) as plain_port:
        get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        plain = _run("tcp", plain_port, 64, seconds, get)
        lines = [_line("plain aiohttp application, 64 connections", plain, plain, 0.0)]
        for mode, connections, what in (
            ("udp", 64, "UDP, 64 under way"),
            ("tcp", 64, "TCP, 64 connections that last"),
            ("oneshot", 64, "TCP, a connection each, 64 at once"),
            ("oneshot", 1000, "TCP, a connection each, 1,000 at once"),
        ):
            told = _run(mode, port, connections, seconds, request)
            lines.append(_line(what, told, plain, WANTED[mode]))
    return lines


def _line(what: str, told: dict[str, float], plain: dict[str, float], wanted: float) -> Line:
    return Line(
        what,
        told["rate"],
        told["rate"] / plain["rate"],
        wanted,
        told["p99_ms"],
        told["max_ms"],
        int(told["stalls"]),
        int(told["lost"]),
    )


def _run(
    mode: str, port: int, connections: int, seconds: float, request: bytes
) -> dict[str, float]:
    command = [sys.executable, "-m", "loadtests.native_client", mode, HOST, str(port)]
    done = subprocess.run(
        [*command, str(connections), str(seconds)],
        input=request,
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds + 60,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


@contextmanager
def _plain(body: bytes) -> Iterator[int]:
    """A plain aiohttp application that answers everything with the same octets."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtests.native", str(port)], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(body)
    process.stdin.close()
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the plain application did not start")


async def _serve(port: int, body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.stdin.buffer.read()))
