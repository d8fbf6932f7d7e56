"""The intake: registrations one by one, by a key that was good a moment ago.

Only what will be granted, or is there already, is answered here. Whatever else comes of it is told
by aiohttp, to which the request then goes: it changed nothing, so nothing happens twice.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from metrics.instruments import Instruments
from node.http.authentication import FAILURES, MINUTE
from node.http.client import Clients
from node.http.throttle import Throttle
from node.lane.head import fields
from node.lane.wording import HANDLE
from node.v1.item import Content
from node.v1.result import result_of
from registry.access.keyring import Keyring
from registry.errors import BiaoshiError
from registry.identifier import Identifier
from registry.record.creation import Wish
from registry.record.group import GroupCommit
from registry.record.registration import Outcome, Registration, Verdict
from registry.record.value import normalise

MAX_HEADS = 512  # heads remembered
MAX_BODY = 64 * 1024  # bytes; larger bodies are aiohttp's

_TARGET = re.compile(rb"/v1/identifiers/(" + HANDLE + rb")")
_KEY = re.compile(rb"[Bb]earer ([A-Za-z0-9_-]{1,200})")
_LENGTH = re.compile(rb"[1-9][0-9]{0,5}")
_decoder = msgspec.json.Decoder(Content)


class PutHead(NamedTuple):
    """What the head of a registration says."""

    key: str
    length: int  # of the body, bytes


class Put(NamedTuple):
    """A registration on its way."""

    verdict: asyncio.Future[Verdict]
    request_id: str
    since: float  # when it came, of time.perf_counter


class Intake:
    """Safe within one event loop."""

    def __init__(
        self,
        keyring: Keyring,
        singles: GroupCommit,
        clients: Clients,
        throttle: Throttle,
        instruments: Instruments,
        now: Callable[[], datetime],
        *,
        failures: int,
    ) -> None:
        """`failures` per minute are what an address may have."""
        self._keyring = keyring
        self._singles = singles
        self._clients = clients
        self._throttle = throttle
        self._now = now
        self._failures = failures
        self._heads: dict[bytes, PutHead | None] = {}
        self._requests = instruments.requests.labels("v1", "putIdentifier", "2xx")
        self._latency = instruments.latency.labels("v1", "putIdentifier")
        self._verdicts = {
            outcome: instruments.verdicts.labels("v1", outcome)
            for outcome in (Outcome.CREATED, Outcome.UNCHANGED)
        }

    def head(self, head: bytes) -> PutHead | None:
        """None for a head with anything in it that the lane does not know."""
        try:
            return self._heads[head]
        except KeyError:
            pass
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[head] = result = _read(head)
        return result

    def take(
        self, target: bytes, head: PutHead, body: bytes, peer: str, request_id: str
    ) -> Put | None:
        """Begin a registration; None where aiohttp is to see to it."""
        match = _TARGET.fullmatch(target)
        if match is None or b"/." in target or b"//" in target or not self._may(peer):
            return None
        actor = self._keyring.trusted(head.key, request_id)
        if actor is None:
            return None
        try:
            content = _decoder.decode(body)
            if content.template is not None or content.attributes is not None:
                return None
            identifier = Identifier.parse(match[1].decode())
            values = normalise(content.values, now=self._now())
        except (BiaoshiError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        wish = Wish(actor, Registration(identifier, values), False)
        return Put(self._singles.submit(wish), request_id, time.perf_counter())

    def answer(self, put: Put, verdict: Verdict, tail: bytes) -> bytes:
        """The bytes that aiohttp would send."""
        body = msgspec.json.encode(result_of(verdict))
        status = HTTPStatus.CREATED if verdict.outcome is Outcome.CREATED else HTTPStatus.OK
        head = (
            f'HTTP/1.1 {status.value} {status.phrase}\r\nETag: "{verdict.tag}"\r\n'
            f"Content-Type: application/json\r\nX-Request-Id: {put.request_id}\r\n"
            f"Content-Length: {len(body)}"
        )
        return head.encode() + tail + body

    def settle(self, put: Put, verdict: Verdict) -> None:
        """Count what was answered."""
        self._requests.inc()
        self._verdicts[verdict.outcome].inc()
        self._latency.observe(time.perf_counter() - put.since)

    def _may(self, peer: str) -> bool:
        """Whether credentials are taken from there, as far as that is known without waiting."""
        if not self._clients.takes(peer, ()):
            return False
        client = self._clients.behind(peer, ())
        return not self._throttle.blocked(FAILURES, client, limit=self._failures, window=MINUTE)


def _read(head: bytes) -> PutHead | None:
    found = fields(head, {b"authorization", b"content-type", b"content-length"})
    if found is None or any(name.startswith(b"x-forwarded") for name in found):
        return None
    key = _KEY.fullmatch(found.get(b"authorization", b""))
    length = _LENGTH.fullmatch(found.get(b"content-length", b""))
    if key is None or length is None or found.get(b"content-type") != b"application/json":
        return None
    if int(length[0]) > MAX_BODY:
        return None
    return PutHead(key[1].decode(), int(length[0]))
