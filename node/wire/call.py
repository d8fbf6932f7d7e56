"""A request on its way: what was asked, which way it came, and who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from metrics.journal.client import Caller
from registry.access.actor import Actor
from registry.handshake.handshakes import Session
from resolver.wire.code import OpFlag, ResponseCode
from resolver.wire.message import Message
from resolver.wire.octets import Malformed

STANDARD = OpFlag.AUTH | OpFlag.RECU | OpFlag.CACR | OpFlag.PUBL


@dataclass(frozen=True, slots=True)
class Proven:
    """Who somebody is. `mark` stands for the key of a record that it was proven by; an application
    has a token instead."""

    actor: Actor
    mark: bytes = b""
    token: str = ""


@dataclass(slots=True)
class Login:
    """A connection's proof, and when it was looked at last."""

    proven: Proven
    seen: datetime


@dataclass(slots=True)
class Line:
    """The way messages come: a connection, or datagrams. Chinese clients log in on a connection and
    act as who they are until it ends."""

    address: str
    udp: bool = False
    login: Login | None = None
    caller: Caller | None = None  # who it is to the journal, once that was asked
    challenge: int = 0  # the last one of a login, for clients that choose session ids themselves

    @property
    def actor(self) -> Actor | None:
        return self.login.proven.actor if self.login else None


@dataclass(frozen=True, slots=True)
class Call:
    """`message` is what is asked for; after a challenge, the request that had been challenged.
    `request` is the message that is answered, whose number the answer bears."""

    message: Message
    request: Message
    line: Line
    actor: Actor
    session: Session | None = None
    proven: Proven | None = None  # by the answer to a challenge

    @property
    def minor(self) -> int:
        return self.request.envelope.answered_in

    @property
    def challengeable(self) -> bool:
        return self.actor.anonymous

    def has(self, flag: OpFlag) -> bool:
        return bool(self.message.flags & flag)

    @property
    def plain_dialect(self) -> bool:
        """Whether none of the flags is set that stock clients always set some of: Chinese clients
        leave all clear and mean a stock client's default."""
        return not self.message.flags & STANDARD


@dataclass(frozen=True, slots=True)
class Result:
    """A success. With `more`, others of the same request follow."""

    body: bytes = b""
    authoritative: bool = True
    more: bool = False
    bare: bool = False  # no flags and no digest, as logins are answered


class Refused(Exception):
    """A request that is not granted, for a reason of the protocol itself."""

    def __init__(self, code: ResponseCode, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Challenged(Exception):
    """Nobody unknown may have this: prove who you are."""


@dataclass(slots=True)
class Junk(Exception):
    """What is no request. Answered without an envelope of its own, as servers in use do."""

    code: ResponseCode
    message: str
    opcode: int = 0
    flags: int = 0
    expiration: int = field(default=0)


def misread(error: Malformed) -> Refused:
    return Refused(ResponseCode.PROTOCOL_ERROR, error.detail)
