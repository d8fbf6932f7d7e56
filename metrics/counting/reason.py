"""What becomes of a request on its way from received to counted. The members stand in the order of
the chain: the first that holds is a request's reason, and each request has exactly one, so the sums
over all reasons are what was received. The numbers are stored for good.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from metrics.journal.entry import Flag, Kind, Outcome, Records


class Reason(IntEnum):
    LATE = 1  # it came in after its day was closed
    NOT_FOUND = 2  # also withdrawn
    NO_VALUES = 3  # the record was found, but nothing of it was asked for
    REFUSED = 4
    FAILED = 5
    ELSEWHERE = 6  # another node's identifier, resolved by recursion
    OPERATOR = 7
    OWNER = 8  # the owner's own keys
    CONSOLE = 9
    PROBE = 10
    CANARY = 11
    LOAD_TEST = 12
    ROBOT = 13
    REPEAT = 14
    COUNTED = 15

    @property
    def label(self) -> str:
        """The name that stands in statements, reports and metrics."""
        return self.name.lower().replace("_", "-")


OWN = (
    Reason.OPERATOR,
    Reason.OWNER,
    Reason.CONSOLE,
    Reason.PROBE,
    Reason.CANARY,
    Reason.LOAD_TEST,
)
# What the national node calls 单日解析成功响应量: external requests that were found and answered.
ANSWERED = (Reason.ROBOT, Reason.REPEAT, Reason.COUNTED)

Reasons = NDArray[np.uint8]
Owners = NDArray[np.uint32]  # by number of prefix: the enterprise that owns it, 0 for none

OUTCOMES = {
    Reason.NOT_FOUND: (Outcome.NOT_FOUND, Outcome.WITHDRAWN),
    Reason.NO_VALUES: (Outcome.NO_VALUES,),
    Reason.REFUSED: (Outcome.REFUSED,),
    Reason.FAILED: (Outcome.FAILED,),
}
KINDS = {
    Reason.OPERATOR: Kind.OPERATOR,
    Reason.CONSOLE: Kind.CONSOLE,
    Reason.PROBE: Kind.PROBE,
    Reason.LOAD_TEST: Kind.LOAD_TEST,
    Reason.ROBOT: Kind.ROBOT,
}
# What a record tells by itself. Whether it is late or a repeat hangs on others.
_CHAIN = tuple(
    reason for reason in Reason if reason not in (Reason.LATE, Reason.REPEAT, Reason.COUNTED)
)


def reasons_of(records: Records, owners: Owners) -> Reasons:
    """The reason of each record, leaving aside when it was asked: those that may count are COUNTED
    so far."""
    found = np.full(len(records), Reason.COUNTED, np.uint8)
    for reason in reversed(_CHAIN):
        found[_holds(reason, records, owners)] = reason
    return found


def _holds(reason: Reason, records: Records, owners: Owners) -> NDArray[np.bool_]:
    """Of which records this holds, whatever else does."""
    flags, outcome = records["flags"], records["outcome"]
    holds: NDArray[np.bool_]
    if reason in KINDS:
        holds = records["kind"] == KINDS[reason]
    elif reason in OUTCOMES:
        holds = np.isin(outcome, OUTCOMES[reason])
    elif reason is Reason.ELSEWHERE:
        holds = (records["prefix"] == 0) | (flags & Flag.RECURSIVE != 0)
    elif reason is Reason.OWNER:
        holds = (flags & Flag.OWNER != 0) | _owned(records, owners)
    else:
        assert reason is Reason.CANARY
        holds = flags & Flag.CANARY != 0
    return holds


def _owned(records: Records, owners: Owners) -> NDArray[np.bool_]:
    """Whether the key used is one of the enterprise that owns the prefix."""
    prefix, party = records["prefix"], records["party"]
    if not len(owners):
        return np.zeros(len(records), bool)
    known = np.where(prefix < len(owners), prefix, 0)
    owned: NDArray[np.bool_] = (party != 0) & (owners[known] == party)
    return owned
