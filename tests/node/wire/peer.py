"""A client of the wire protocol, as plain as a test needs it, and what is seeded for one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from node.wire.surface import Open
from registry.identifier import Identifier
from registry.record.typed_data import Admin
from registry.record.value import DataIn, normalise
from resolver.wire.body import ChallengeAnswer, ResolutionRequest, Text, Values
from resolver.wire.code import OpCode, OpFlag, ResponseCode
from resolver.wire.digest import Challenge
from resolver.wire.fragment import Reassembly, split
from resolver.wire.key import RSA, TAIL, WireKey
from resolver.wire.message import ENVELOPE, Envelope, Message
from resolver.wire.proof import MacCode, SignatureProof, mac_proof
from resolver.wire.typed import key_from_wire
from resolver.wire.value import WireValue
from tests.node.handle_json.peer import (
    ADMIN_HANDLE,
    EVERY_RIGHT,
    add_enterprise,
    add_prefix,
    admin,
    owner_of,
    register,
    value,
)
from tests.node.live import Live

PATIENCE = 30.0  # seconds
STOCK = int(OpFlag.RECU | OpFlag.CACR | OpFlag.PUBL)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SECRET = "secret"


@dataclass
class Peer:
    """Sends messages to one listener and reads the answers."""

    open: Open
    host: str = "127.0.0.1"
    numbers: Callable[[], int] = field(default_factory=lambda: iter(range(1, 10**9)).__next__)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(self.host, self.open.port)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()

    async def tcp(self, *octets: bytes) -> Message:
        """The answer to a message over a connection of its own."""
        async with self.connection() as connection:
            return await connection.send(b"".join(octets))

    async def udp(self, *datagrams: bytes) -> Message:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as own:
            own.setblocking(False)
            own.connect((self.host, self.open.port))
            for datagram in datagrams:
                own.send(datagram)
            return await self._received(own)

    async def _received(self, own: socket.socket) -> Message:
        loop, reassembly = asyncio.get_running_loop(), Reassembly()
        async with asyncio.timeout(PATIENCE):
            while True:
                data = await loop.sock_recv(own, 65536)
                envelope, piece = Envelope.parse(data), data[ENVELOPE.size :]
                if not envelope.truncated:
                    return Message.parse(envelope, piece)
                whole = reassembly.add("node", envelope, piece, 0.0)
                if whole is not None:
                    return Message.parse(*whole)

    def message(self, opcode: int, body: bytes, *, flags: int = STOCK, session: int = 0) -> Message:
        envelope = Envelope(request_id=self.numbers(), session_id=session)
        return Message(envelope=envelope, opcode=opcode, flags=flags, body=body)

    async def ask(self, opcode: int, body: bytes, *, flags: int = STOCK) -> Message:
        return await self.tcp(self.message(opcode, body, flags=flags).build())

    async def resolve(self, handle: str, *, udp: bool = False, **more: object) -> Message:
        flags = int(more.pop("flags", STOCK))  # type: ignore[call-overload]
        body = ResolutionRequest(handle, **more).build()  # type: ignore[arg-type]
        message = self.message(OpCode.RESOLUTION, body, flags=flags)
        if udp:
            return await self.udp(*split(message.build()))
        return await self.tcp(message.build())

    async def admin(
        self, opcode: int, body: bytes, prove: Prover | None = None, *, flags: int = STOCK
    ) -> Message:
        """The answer to a request whose challenge is answered on another connection."""
        challenged = await self.ask(opcode, body, flags=flags)
        if challenged.response_code != ResponseCode.AUTHENTICATION_NEEDED:
            return challenged
        return await self.tcp(self.proof(challenged, prove or by_secret()).build())

    def proof(self, challenged: Message, prove: Prover) -> Message:
        answer = prove(Challenge.parse(challenged.body))
        number = challenged.envelope.session_id
        return self.message(OpCode.RESPONSE_TO_CHALLENGE, answer.build(), session=number)

    async def create(self, handle: str, *values: WireValue, **more: object) -> Message:
        return await self.admin(OpCode.CREATE_HANDLE, Values(handle, values).build(), **more)  # type: ignore[arg-type]

    async def delete(self, handle: str) -> Message:
        return await self.admin(OpCode.DELETE_HANDLE, Text(handle).build())


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, octets: bytes) -> Message:
        self.writer.write(octets)
        return await self.receive()

    async def receive(self) -> Message:
        async with asyncio.timeout(PATIENCE):
            envelope = Envelope.parse(await self.reader.readexactly(ENVELOPE.size))
            return Message.parse(envelope, await self.reader.readexactly(envelope.length))

    async def octets(self) -> tuple[Envelope, bytes]:
        """An answer as it stands: it may be encrypted."""
        async with asyncio.timeout(PATIENCE):
            envelope = Envelope.parse(await self.reader.readexactly(ENVELOPE.size))
            return envelope, await self.reader.readexactly(envelope.length)

    async def ended(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


Prover = Callable[[Challenge], ChallengeAnswer]


def by_secret(
    secret: str = SECRET,
    code: MacCode = MacCode.PBKDF2_HMAC_SHA1,
    handle: str = ADMIN_HANDLE,
    index: int = 301,
) -> Prover:
    def prove(challenge: Challenge) -> ChallengeAnswer:
        proof = mac_proof(code, secret.encode(), challenge.signed, os.urandom(16))
        return ChallengeAnswer("HS_SECKEY", handle, index, proof.build())

    return prove


def by_key(
    key: rsa.RSAPrivateKey = RSA_KEY,
    algorithm: str = "SHA-256",
    handle: str = ADMIN_HANDLE,
    index: int = 300,
) -> Prover:
    def prove(challenge: Challenge) -> ChallengeAnswer:
        digest: hashes.HashAlgorithm = hashes.SHA1() if "SHA1" in algorithm else hashes.SHA256()
        signature = key.sign(challenge.signed, padding.PKCS1v15(), digest)
        proof = SignatureProof(algorithm, signature)
        return ChallengeAnswer("HS_PUBKEY", handle, index, proof.build())

    return prove


def url(index: int = 1, data: str = "https://example.com/") -> WireValue:
    return WireValue(index=index, type="URL", data=data.encode())


def public_key(key: rsa.RSAPrivateKey = RSA_KEY) -> DataIn:
    numbers = key.public_key().public_numbers()
    return DataIn(key_from_wire(WireKey(RSA, (numbers.e, numbers.n), tail=TAIL)), "key")


async def furnish(live: Live) -> int:
    """The records of the recorded server: 88.118.8 and 88.118.9 are administered by the key
    300:88.118.8/ADMIN and the secret key 301 of the same record."""
    wiring = live.node.wiring
    enterprise_id = await add_enterprise(live)
    for code in ("8", "9"):
        await add_prefix(
            wiring,
            enterprise_id,
            code,
            Admin(ADMIN_HANDLE, 300, EVERY_RIGHT),
            Admin(ADMIN_HANDLE, 301, EVERY_RIGHT),
        )
    await register(
        wiring,
        enterprise_id,
        ADMIN_HANDLE,
        value(100, "HS_ADMIN", admin(ADMIN_HANDLE, 300)),
        value(300, "HS_PUBKEY", public_key()),
        value(301, "HS_SECKEY", SECRET),
    )
    await register(
        wiring,
        enterprise_id,
        "88.118.8/P000007",
        value(100, "HS_ADMIN", admin(ADMIN_HANDLE, 300)),
        value(1, "URL", "https://www.example.com/product/P/000007"),
        value(2, "EMAIL", "ops7@example.com"),
        value(3, "DESC", "Part number 7 batch P of the example enterprise"),
    )
    return enterprise_id


async def change_key(live: Live, index: int, key: object | None) -> None:
    """Change a key of the administrators' record, or take it away."""
    registrar, handle = live.node.wiring.registrar, Identifier.parse(ADMIN_HANDLE)
    if key is None:
        await registrar.upsert(owner_of(1), handle, (), remove=(index,))
        return
    type_ = "HS_PUBKEY" if index == 300 else "HS_SECKEY"
    new = normalise([value(index, type_, key)], now=live.node.wiring.now())  # type: ignore[arg-type]
    await registrar.upsert(owner_of(1), handle, new)
