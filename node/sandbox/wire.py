"""The Handle wire protocol of the sandbox: the national node's prefix records with HS_SITE values,
and the foreign node's records. TCP alone, resolution alone."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from node.sandbox.foreign import Conduct, ConductKind
from node.sandbox.foreign_records import PREFIX, RECORDS
from node.uplink.messages import RoutingItem
from registry.identifier import fold_case
from resolver.wire.body import ResolutionRequest, Text, Values
from resolver.wire.code import MAX_MESSAGE, OpCode, OpFlag, ResponseCode, Transport
from resolver.wire.message import ENVELOPE, Envelope, Message
from resolver.wire.octets import Malformed
from resolver.wire.site import QUERY, WireInterface, WireServer, WireSite
from resolver.wire.value import WireValue

PREFIX_RECORDS = "0.NA/"
Find = Callable[[str], tuple[WireValue, ...] | None]


class WireListener:
    """Answers from what `find` says of a handle, as the conduct has it."""

    def __init__(self, find: Find, host: str, port: int, conduct: Callable[[], Conduct]) -> None:
        self._find = find
        self._host = host
        self.port = port
        self._conduct = conduct
        self._server: asyncio.Server | None = None

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, Malformed):
            envelope = Envelope.parse(await reader.readexactly(ENVELOPE.size))
            request = Message.parse(envelope, await reader.readexactly(envelope.length))
            await self._answer(request, writer)
        writer.close()

    async def _answer(self, request: Message, writer: asyncio.StreamWriter) -> None:
        conduct = self._conduct()
        match conduct.kind:
            case ConductKind.DEAD:
                return
            case ConductKind.GARBLED:
                writer.write(b"\2\x0b\2\x0b" + bytes(40))
            case ConductKind.ENDLESS:
                writer.write(Envelope(length=MAX_MESSAGE).build())
                await asyncio.sleep(conduct.seconds)
            case _:
                if conduct.kind is ConductKind.SLOW:
                    await asyncio.sleep(conduct.seconds)
                lying = conduct.kind is ConductKind.LYING
                writer.write(self._told(request, lying=lying).build())
        await writer.drain()

    def _told(self, request: Message, *, lying: bool) -> Message:
        asked = ResolutionRequest.parse(request.body)
        handle = asked.handle
        if lying:
            handle = next(other for other in RECORDS if fold_case(other) != fold_case(handle))
        values = self._find(handle)
        if request.opcode != OpCode.RESOLUTION:
            return _message(request, ResponseCode.OPERATION_NOT_SUPPORTED, Text("").build())
        if values is None:
            return _message(request, ResponseCode.HANDLE_NOT_FOUND, Text("").build())
        chosen = tuple(_chosen(values, asked))
        if not chosen:
            return _message(request, ResponseCode.VALUES_NOT_FOUND, Text("").build())
        return _message(request, ResponseCode.SUCCESS, Values(handle, chosen).build())


def foreign_record(handle: str) -> tuple[WireValue, ...] | None:
    """A record of the foreign node, whose own prefix is all that it has."""
    for known, values in RECORDS.items():
        if fold_case(known) == fold_case(handle):
            return tuple(
                WireValue(index=value.index, type=value.type, data=value.value.encode())
                for value in values
            )
    return None


def prefix_record(services: Iterable[RoutingItem], foreign_port: int, handle: str) -> WireValue:
    """HS_SITE of the services that answer for a prefix. Those of the foreign node beside us also
    speak the wire protocol there."""
    servers = tuple(
        WireServer(
            number,
            ipaddress.ip_address(service.ip).packed.rjust(16, b"\0"),
            b"",
            _interfaces(service, foreign_port if handle.endswith(PREFIX) else None),
        )
        for number, service in enumerate(services, 1)
    )
    return WireValue(index=1, type="HS_SITE", data=WireSite(servers=servers).build())


def _interfaces(service: RoutingItem, wire_port: int | None) -> tuple[WireInterface, ...]:
    if wire_port is not None:
        return (WireInterface(QUERY, Transport.TCP, wire_port),)
    return tuple(
        WireInterface(QUERY, Transport[port.protocol.value], port.port) for port in service.ports
    )


def _chosen(values: Iterable[WireValue], asked: ResolutionRequest) -> Iterable[WireValue]:
    for value in values:
        if (
            not (asked.types or asked.indexes)
            or value.type in asked.types
            or value.index in asked.indexes
        ):
            yield value


def _message(request: Message, code: ResponseCode, body: bytes) -> Message:
    envelope = Envelope(minor=request.envelope.answered_in, request_id=request.envelope.request_id)
    flags = int(OpFlag.AUTH)
    return msgspec.structs.replace(
        request, envelope=envelope, response_code=int(code), flags=flags, body=body
    )
