"""Asking other servers over the Handle wire protocol.

An answer is believed if it bears the number of the request and comes from where it was sent; it may
be as long as a message may, or over UDP as what is put together of datagrams.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from registry.errors import RemoteUnavailable
from registry.prefix.prefix import Protocol
from resolver.wire.body import ResolutionRequest, Values
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from resolver.wire.digest import Digest
from resolver.wire.fragment import Reassembly, split
from resolver.wire.message import ENVELOPE, Envelope, Message
from resolver.wire.octets import Malformed, Reader
from resolver.wire.value import WireValue

# Without RECU: whom we ask shall not ask others for us, or two nodes would ask each other.
FLAGS = int(OpFlag.PUBL)


@dataclass(frozen=True, slots=True)
class Station:
    """Where a server answers over the wire."""

    address: str  # IPv4 or IPv6 text
    port: int
    protocol: Protocol = Protocol.TCP

    @property
    def url(self) -> str:
        v6 = ipaddress.ip_address(self.address).version == 6
        host = f"[{self.address}]" if v6 else self.address
        return f"hdl+{self.protocol.lower()}://{host}:{self.port}"


async def fixed(station: Station) -> tuple[Station, ...]:
    """A server that needs no discovery."""
    return (station,)


@dataclass(frozen=True, slots=True)
class Told:
    """What a server says of a handle."""

    code: ResponseCode
    handle: str = ""
    values: tuple[WireValue, ...] = ()


class WireClient:
    """Safe to share between tasks. Every request has a connection or a socket of its own."""

    def __init__(self, numbers: Callable[[], int] = lambda: secrets.randbits(31)) -> None:
        self._numbers = numbers

    async def resolve(
        self,
        station: Station,
        handle: str,
        seconds: float,
        *,
        types: tuple[str, ...] = (),
        recursion: int = 1,
    ) -> Told:
        """Raises RemoteUnavailable for what is no answer to this."""
        request = Message(
            envelope=Envelope(request_id=self._numbers()),
            opcode=OpCode.RESOLUTION,
            flags=FLAGS,
            recursion=recursion,
            body=ResolutionRequest(handle, (), types).build(),
        )
        try:
            async with asyncio.timeout(seconds):
                return _told(await self._ask(station, request))
        except TimeoutError:
            raise RemoteUnavailable("it is too slow") from None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise RemoteUnavailable(type(error).__name__) from None
        except Malformed as error:
            raise RemoteUnavailable(f"its answer is no message: {error.detail}") from None

    async def _ask(self, station: Station, request: Message) -> Message:
        if station.protocol is Protocol.UDP:
            answer = await _by_datagrams(station, request)
        else:
            answer = await _by_connection(station, request)
        if answer.envelope.request_id != request.envelope.request_id:
            raise Malformed("it answers another request")
        return answer


async def _by_connection(station: Station, request: Message) -> Message:
    reader, writer = await asyncio.open_connection(station.address, station.port)
    try:
        writer.write(request.build())
        envelope = Envelope.parse(await reader.readexactly(ENVELOPE.size))
        return Message.parse(envelope, await reader.readexactly(envelope.length))
    finally:
        writer.close()


async def _by_datagrams(station: Station, request: Message) -> Message:
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(
        lambda: _Asking(request.envelope.request_id, loop),
        remote_addr=(station.address, station.port),
    )
    try:
        for datagram in split(request.build()):
            transport.sendto(datagram)
        return await asking.answer
    finally:
        transport.close()


class _Asking(asyncio.DatagramProtocol):
    """Puts the answer together. The socket is connected, so only the server's datagrams come."""

    def __init__(self, request_id: int, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[Message] = loop.create_future()
        self._request_id = request_id
        self._reassembly = Reassembly()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self.answer.done():
            return
        try:
            envelope, piece = Envelope.parse(data), data[ENVELOPE.size :]
            if envelope.request_id != self._request_id:
                return  # somebody guessing
            if envelope.truncated:
                whole = self._reassembly.add("server", envelope, piece, 0.0)
                if whole is None:
                    return
                envelope, piece = whole
            self.answer.set_result(Message.parse(envelope, piece))
        except Malformed as error:
            self.answer.set_exception(error)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


def _told(answer: Message) -> Told:
    if answer.opcode != OpCode.RESOLUTION:
        raise Malformed("it answers another question")
    try:
        code = ResponseCode(answer.response_code)
    except ValueError:
        raise Malformed(f"there is no response code {answer.response_code}") from None
    if code is not ResponseCode.SUCCESS:
        return Told(code)
    body = answer.body
    if answer.flags & OpFlag.RRDG:
        reader = Reader(body)
        Digest.read(reader)
        body = reader.rest()
    found = Values.parse(body)
    return Told(code, found.handle, found.values)
