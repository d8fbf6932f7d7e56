"""Noting resolutions that were answered without the HTTP edge, over the wire or the DNS: in the
journal and in the counters."""

from __future__ import annotations

from dataclasses import dataclass

from metrics.journal.client import Caller
from metrics.journal.entry import Flag, Outcome, Surface
from node.recorder import owns
from node.wiring import Wiring
from registry.access.actor import Actor
from registry.identifier import Identifier
from resolver.query import Answer, Source

NAME = "wire"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A resolution on its way to be answered: with an answer, or with the reason for none."""

    identifier: Identifier
    actor: Actor
    address: str
    outcome: Outcome
    answer: Answer | None = None


class Noting:
    """To be told after an answer was handed to the transport, and never before."""

    def __init__(self, wiring: Wiring, name: str = NAME, surface: Surface = Surface.WIRE) -> None:
        self._wiring = wiring
        self._name = name
        self._surface = surface
        self._journal = wiring.recorder.journal
        self._clientele = wiring.recorder.clientele

    def told(self, resolved: Resolved) -> None:
        answer, identifier = resolved.answer, resolved.identifier
        flags = Flag.OWNER if owns(resolved.actor, identifier) else 0
        if answer is not None:
            self._wiring.instruments.resolutions.labels(
                self._name, answer.source, answer.outcome
            ).inc()
            flags |= Flag.RECURSIVE if answer.source is Source.RECURSIVE else 0
        self._journal.note(
            self.digest(identifier),
            self._clientele.caller(resolved.address, None, resolved.actor),
            resolved.outcome,
            self._surface,
            prefix_id=answer.prefix_id if answer else 0,
            flags=flags,
        )

    def digest(self, identifier: Identifier) -> bytes:
        """What stands for an identifier in the journal."""
        return self._journal.digest(identifier.canonical(self._wiring.settings.case_sensitive))

    def caller(self, address: str) -> Caller:
        """An anonymous client. Wire clients have no agent."""
        return self._clientele.caller(address, None)

    def ready(self, digest: bytes, caller: Caller, outcome: Outcome, prefix_id: int) -> None:
        """An anonymous resolution was answered with what was ready."""
        self._journal.note(digest, caller, outcome, self._surface, prefix_id=prefix_id)

    def count_ready(self, found: int, empty: int) -> None:
        """As many were answered since this was called last."""
        resolutions = self._wiring.instruments.resolutions
        for outcome, number in (("found", found), ("no-values", empty)):
            if number:
                resolutions.labels(self._name, Source.LOCAL, outcome).inc(number)
        requests = self._wiring.instruments.requests
        requests.labels(self._name, "resolution", "ok").inc(found)
        if empty:
            requests.labels(self._name, "resolution", "2xx").inc(empty)
