"""What the sandbox received, for tests to read. In memory, bounded, oldest dropped first."""

from __future__ import annotations

import hashlib
from collections import deque

import msgspec

from node.sandbox.fault import FaultKind

MAX_ENTRIES = 1000
MAX_SHOWN = 16 * 1024  # bytes of each body


class Received(msgspec.Struct, frozen=True, rename="camel"):
    number: int  # rises by one, also across a clearing
    at: float  # unix seconds
    method: str
    target: str  # path?query
    app_id: str  # as claimed
    http_status: int | None  # of the answer; None when the connection was closed without one
    delivery: int  # 2 for a duplicated request
    fault: FaultKind | None
    body_bytes: int
    body_sha256: str
    body: str  # its beginning


class ReceivedLog:
    def __init__(self) -> None:
        self._entries: deque[Received] = deque(maxlen=MAX_ENTRIES)
        self._number = 0

    def add(
        self,
        *,
        at: float,
        method: str,
        target: str,
        app_id: str,
        body: bytes,
        http_status: int | None,
        fault: FaultKind | None,
        delivery: int,
    ) -> None:
        self._number += 1
        self._entries.append(
            Received(
                number=self._number,
                at=at,
                method=method,
                target=target,
                app_id=app_id,
                http_status=http_status,
                delivery=delivery,
                fault=fault,
                body_bytes=len(body),
                body_sha256=hashlib.sha256(body).hexdigest(),
                body=body[:MAX_SHOWN].decode(errors="replace"),
            )
        )

    def since(self, number: int) -> list[Received]:
        """The entries kept whose number is greater."""
        return [entry for entry in self._entries if entry.number > number]

    def clear(self) -> None:
        self._entries.clear()
