"""Faults that the management port arms, one per request, in the order they were armed."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import msgspec

from registry.errors import InvalidInput

MAX_ARMED = 100


class FaultKind(Enum):
    ANSWER_LOST = "answerLost"  # everything is done and committed, the answer is a 504
    DUPLICATE = "duplicate"  # the request arrives twice, the second answer is the one returned
    DELAY = "delay"  # the answer comes `seconds` late
    REJECT = "reject"  # a business refusal with `message`, nothing done
    REFUSE = "refuse"  # the connection is closed without an answer, nothing done
    BUSY = "busy"  # HTTP status `httpStatus`, nothing done


class Fault(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    kind: FaultKind
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None  # requests; None until cleared
    path: str = "/"  # requests whose path starts with this
    seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 1.0
    message: str = "rejected by fault injection"
    http_status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 503
    retry_after: Annotated[int, msgspec.Meta(ge=0, le=60)] | None = None  # seconds, with BUSY


class FaultBoard:
    """The armed faults with what is left of each count."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, fault: Fault) -> None:
        if len(self._armed) >= MAX_ARMED:
            raise InvalidInput(f"{MAX_ARMED} faults are armed already", rule="count")
        self._armed.append(fault)

    def armed(self) -> list[Fault]:
        return list(self._armed)

    def clear(self) -> None:
        self._armed.clear()

    def take(self, path: str) -> Fault | None:
        """The fault for a request to `path`, used up by one."""
        for place, fault in enumerate(self._armed):
            if path.startswith(fault.path):
                self._use(place, fault)
                return fault
        return None

    def _use(self, place: int, fault: Fault) -> None:
        if fault.count is None:
            return
        if fault.count == 1:
            del self._armed[place]
        else:
            self._armed[place] = msgspec.structs.replace(fault, count=fault.count - 1)
