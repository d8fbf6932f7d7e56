"""Challenges that wait for their answers and sessions that clients have set up, for all processes
and hosts of a node."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from registry.database import Connection, Database
from registry.errors import TooManyRequests
from registry.handshake import store
from registry.record.typed_data import Reference
from registry.sealing import SealingKey

CHALLENGE_SECONDS = 60.0
MAX_SESSION_SECONDS = 24 * 3600
MAX_CHALLENGES, MAX_SESSIONS = 1024, 256  # of one client
ATTEMPTS = 4  # at a number that nobody uses
NONCE_BYTES = 16
KEY_BITS = 2048
WINDOW = 63
MAX_MACS = 4096  # of one session, where they are remembered
MAC_BYTES = 16
_SERVER_KEY = "wire-server-key"


@dataclass(frozen=True, slots=True)
class Pending:
    """A challenge that was answered in time: its nonce and the message that it was about."""

    nonce: bytes
    request: bytes


@dataclass(frozen=True, slots=True)
class Session:
    session_id: int
    key: bytes  # empty while the client has yet to send it
    identity: Reference | None  # once it has been proven
    proof: bytes | None = None  # what stands for the key that it was proven by


class Handshakes:
    """Safe to share between tasks. A challenge is taken once, whatever comes of it."""

    def __init__(
        self, database: Database, sealing: SealingKey, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._random = random_bytes

    async def challenge(
        self, address: str, request: bytes, session: Session | None = None
    ) -> tuple[int, bytes]:
        """Open a challenge: its number, which within a session is the session's, and its nonce.
        Raises TooManyRequests."""
        nonce, client = self._random(NONCE_BYTES), self._client(address)
        async with self._database.connection() as connection:
            if session is not None:
                await store.take_challenge(connection, session.session_id)
            for _ in range(ATTEMPTS):
                number = session.session_id if session else self._number()
                sealed = self._sealing.seal(request, f"wire-challenge/{number}")
                if await store.open_challenge(
                    connection,
                    number,
                    client,
                    nonce,
                    sealed,
                    seconds=CHALLENGE_SECONDS,
                    most=MAX_CHALLENGES,
                ):
                    return number, nonce
        raise TooManyRequests("too many unanswered challenges", retry_after=60)

    async def take(self, number: int) -> Pending | None:
        """The challenge of this number, None where there is none or its time is over."""
        async with self._database.connection() as connection:
            row = await store.take_challenge(connection, number)
        if row is None or not row["fresh"]:
            return None
        request = self._sealing.unseal(row["request"], f"wire-challenge/{number}")
        return Pending(row["nonce"], request)

    async def begin(self, address: str, key: bytes, seconds: int) -> int:
        """Set a session up; its number. Raises TooManyRequests."""
        client, seconds = self._client(address), max(1, min(seconds, MAX_SESSION_SECONDS))
        async with self._database.connection() as connection:
            for _ in range(ATTEMPTS):
                number = self._number()
                sealed = self._sealing.seal(key, f"wire-session/{number}")
                if await store.open_session(
                    connection, number, client, sealed, seconds=seconds, most=MAX_SESSIONS
                ):
                    return number
        raise TooManyRequests("too many sessions", retry_after=60)

    async def take_key(self, number: int, key: bytes) -> bool:
        """Give its key to a session that waits for it. False where it has one, or is over."""
        async with self._database.connection() as connection:
            row = await store.session(connection, number)
            if row is None or self._sealing.unseal(row["key"], f"wire-session/{number}"):
                return False
            sealed = self._sealing.seal(key, f"wire-session/{number}")
            return await store.take_key(connection, number, row["key"], sealed)

    async def session(self, number: int) -> Session | None:
        async with self._database.connection() as connection:
            row = await store.session(connection, number)
        if row is None:
            return None
        key = self._sealing.unseal(row["key"], f"wire-session/{number}")
        return Session(number, key, _reference(row["identity"]), row["proof"])

    async def use(self, number: int, counter: int) -> bool:
        """Note that the session's message of this number has come; False where it came before, or
        so long ago that nobody knows."""

        async def work(tx: Connection) -> bool:
            row = await store.session(tx, number, lock=True)
            if row is None:
                return False
            moved = slide(row["highest"], row["window_63"], counter)
            if moved is not None:
                await store.note_number(tx, number, *moved)
            return moved is not None

        return await self._database.transaction(work)

    async def use_mac(self, number: int, mac: bytes) -> bool:
        """The same for a message whose MAC does not cover its number: note the MAC itself. False
        too where as many as are remembered have come."""

        async def work(tx: Connection) -> bool:
            row = await store.session(tx, number, lock=True)
            if row is None or await store.macs(tx, number) >= MAX_MACS:
                return False
            if not await store.note_mac(tx, number, mac[:MAC_BYTES]):
                return False
            await store.note_number(tx, number, row["highest"], row["window_63"])
            return True

        return await self._database.transaction(work)

    async def identify(self, number: int, identity: Reference, proof: bytes) -> None:
        name = f"{identity.index}:{identity.handle}"
        async with self._database.connection() as connection:
            await store.identify(connection, number, name, proof)

    async def end(self, number: int) -> None:
        async with self._database.connection() as connection:
            await store.end_session(connection, number)

    async def forget(self) -> None:
        """Delete what has expired."""
        async with self._database.connection() as connection:
            await store.forget(connection)

    async def server_key(self) -> rsa.RSAPrivateKey:
        """The node's signing key, made when it is first wanted."""
        async with self._database.connection() as connection:
            sealed = await store.server_key(connection)
            if sealed is None:
                made = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
                await store.keep_server_key(connection, self._sealed(made))
                sealed = await store.server_key(connection)
        assert sealed is not None  # it was just kept
        der = self._sealing.unseal(sealed, _SERVER_KEY)
        key = serialization.load_der_private_key(der, password=None)
        assert isinstance(key, rsa.RSAPrivateKey)  # no other was ever kept
        return key

    def _sealed(self, key: rsa.RSAPrivateKey) -> bytes:
        der = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return self._sealing.seal(der, _SERVER_KEY)

    def _number(self) -> int:
        return int.from_bytes(self._random(4), "big") or 1

    def _client(self, address: str) -> bytes:
        keyed = f"{self._sealing.key_id}\0{address}".encode()
        return hashlib.blake2b(keyed, digest_size=16).digest()


def slide(highest: int, window: int, counter: int) -> tuple[int, int] | None:
    """The highest number and which of those below it came, once `counter` has; None where it came
    before or lies below the window."""
    if counter > highest:
        shifted = (window << 1 | 1) << (counter - highest - 1) if highest else 0
        return counter, shifted & ((1 << WINDOW) - 1) if counter - highest <= WINDOW else 0
    below = highest - counter
    if not 0 < below <= WINDOW or window >> (below - 1) & 1:
        return None
    return highest, window | 1 << (below - 1)


def _reference(text: str | None) -> Reference | None:
    if text is None:
        return None
    index, _, handle = text.partition(":")
    return Reference(handle, int(index))
