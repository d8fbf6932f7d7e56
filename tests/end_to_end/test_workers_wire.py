"""The Handle protocol's questions while workers end, are replaced, and are covered for."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from node.http.entrance import probe
from resolver.wire.body import ResolutionRequest
from resolver.wire.code import OpCode, ResponseCode
from resolver.wire.message import ENVELOPE, Envelope, Message
from tests.end_to_end.office import Holder
from tests.end_to_end.served import Served, eventually

HOST = "127.0.0.1"
PATIENCE = 30.0
PAUSE = 0.5  # seconds between a lasting connection's questions
KINDS = ("datagrams", "connections", "lasting")


@dataclass
class Questions:
    """Asked one after the other by clients of three kinds, and whether they were answered."""

    port: int
    handle: str
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        kinds = (self.by_datagram, self.by_connection, self.by_lasting_connection)
        tasks = [asyncio.create_task(kind()) for kind in kinds for _ in range(4)]
        try:
            await self.goes_on()
            yield
            await self.goes_on()
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended

    async def goes_on(self) -> None:
        """Return when all kinds of clients have been answered a few times more."""
        wanted = {kind: self.answers[kind] + 8 for kind in KINDS}

        async def reached() -> bool:
            return all(self.answers[kind] >= number for kind, number in wanted.items())

        await eventually(reached)

    async def by_datagram(self) -> None:
        while True:
            await self._ask("datagrams", self.datagram)

    async def by_connection(self) -> None:
        while True:
            await self._ask("connections", self.connection)

    async def by_lasting_connection(self) -> None:
        """Ends only between an answer and the next question."""
        while True:
            reader, writer = await asyncio.open_connection(HOST, self.port)
            while not reader.at_eof():
                await self._ask("lasting", lambda r=reader, w=writer: self.over(r, w))
                await asyncio.sleep(PAUSE)
            writer.close()

    async def datagram(self) -> Message:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.connect((HOST, self.port))
            own.send(self._question())
            data = await loop.sock_recv(own, 65536)
        return Message.parse(Envelope.parse(data), data[ENVELOPE.size :])

    async def connection(self) -> Message:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            return await self.over(reader, writer)
        finally:
            writer.close()

    async def over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Message:
        writer.write(self._question())
        envelope = Envelope.parse(await reader.readexactly(ENVELOPE.size))
        return Message.parse(envelope, await reader.readexactly(envelope.length))

    def _question(self) -> bytes:
        return Message(
            envelope=Envelope(request_id=next(self._numbers)),
            opcode=OpCode.RESOLUTION,
            body=ResolutionRequest(self.handle).build(),
        ).build()

    async def _ask(self, kind: str, ask: Callable[[], Awaitable[Message]]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await ask()
        except (OSError, EOFError, TimeoutError) as error:
            self.failures.append(f"{kind} {error!r}")
        else:
            assert answer.response_code == ResponseCode.SUCCESS
            self.answers[kind] += 1
        await asyncio.sleep(0.005)  # both cores belong to the node


@pytest.fixture
def handle_port() -> int:
    with probe(HOST, 0) as port:
        return port


@pytest.fixture
async def served(serving, handle_port: int) -> Served:
    return await serving(workers=2, metrics_port=0, handle_port=handle_port)


@pytest.fixture
async def questions(served: Served, holder: Holder, handle_port: int) -> Questions:
    handle = f"{holder.prefix}/KNOWN"
    values = [{"index": 1, "type": "URL", "data": "https://example.com/"}]
    path = f"/v1/identifiers/{handle}"
    known = await served.ask("PUT", path, key=holder.key, json={"values": values})
    assert known.status == 201, known.body
    return Questions(handle_port, handle)


async def filled_anew(served: Served, before: int) -> None:
    async def filled() -> bool:
        return served.processes()["worker-1"] != before

    await eventually(filled)


async def test_no_question_is_lost_while_workers_are_replaced(
    served: Served, questions: Questions
) -> None:
    async with questions.flowing():
        asked = served.processes()["worker-1"]
        os.kill(asked, signal.SIGTERM)
        await filled_anew(served, asked)
        served.signal(signal.SIGHUP)

        async def replaced() -> bool:
            return bool(served.events("processes-replaced"))

        await eventually(replaced)
    assert questions.failures == []


async def test_others_cover_for_a_worker_that_cannot_start(
    served: Served, questions: Questions, settings: dict[str, object]
) -> None:
    key = str(settings["sealing_key_file"])
    os.rename(key, f"{key}.away")
    killed = served.processes()["worker-1"]
    os.kill(killed, signal.SIGKILL)

    async def failed() -> bool:
        return bool(served.events("process-not-started"))

    await eventually(failed)
    async with asyncio.timeout(PATIENCE):
        for ask in (questions.datagram, questions.connection):
            for _ in range(20):  # some of them come to the door of the one that is away
                assert (await ask()).response_code == ResponseCode.SUCCESS
    os.rename(f"{key}.away", key)
    await filled_anew(served, killed)
