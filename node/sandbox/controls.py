"""What the management port turns while the sandbox runs. A restart forgets it."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.sandbox.detour import DetourBoard
from node.sandbox.fault import FaultBoard
from node.sandbox.foreign import Conduct
from node.sandbox.received import ReceivedLog
from node.sandbox.settings import ReviewPolicy


@dataclass
class Controls:
    review: ReviewPolicy
    foreign: Conduct = field(default_factory=Conduct)
    faults: FaultBoard = field(default_factory=FaultBoard)
    detours: DetourBoard = field(default_factory=DetourBoard)
    received: ReceivedLog = field(default_factory=ReceivedLog)
