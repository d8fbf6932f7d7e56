"""What a supervisor and its child processes say to each other: JSON lines on the child's standard
input and output. The end of the child's input is the end of its supervisor."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from node.settings import Settings


class Role(StrEnum):
    WORKER = "worker"  # answers, and does what every process must
    KEEPER = "keeper"  # stands for election, and does what one alone must


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """The first line to a child: who it is. Sockets are numbers of inherited descriptors."""

    name: str
    role: Role
    settings: Settings
    metrics: int  # the socket its own metrics are asked on
    doors: tuple[int, ...] = ()  # the workers' listening sockets, in their order
    wire: tuple[tuple[int, int], ...] = ()  # so for the Handle protocol: TCP and UDP
    own: int = 0  # which of them is this worker's


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Any later line to a worker: take what comes to another one's door, or no longer."""

    door: int
    open: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The one line from a child: that it is at work, or why it is not. It closes its output when it
    takes no more connections."""

    failure: str | None = None
