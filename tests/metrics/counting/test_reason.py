from __future__ import annotations

import numpy as np
import pytest

from metrics.counting.reason import Reason, reasons_of
from metrics.journal.entry import Flag, Kind, Outcome
from tests.metrics.counting.conftest import Ask, records

OWNERS = np.array([0, 4, 5], np.uint32)  # enterprise 4 owns prefix 1


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (Ask(0), Reason.COUNTED),
        (Ask(0, party=5), Reason.COUNTED),
        (Ask(0, party=4), Reason.OWNER),
        (Ask(0, party=4, prefix=2), Reason.COUNTED),
        (Ask(0, flags=Flag.OWNER), Reason.OWNER),
        (Ask(0, flags=Flag.NOT_MODIFIED), Reason.COUNTED),
        (Ask(0, flags=Flag.CANARY), Reason.CANARY),
        (Ask(0, kind=Kind.OPERATOR), Reason.OPERATOR),
        (Ask(0, kind=Kind.CONSOLE), Reason.CONSOLE),
        (Ask(0, kind=Kind.PROBE), Reason.PROBE),
        (Ask(0, kind=Kind.LOAD_TEST), Reason.LOAD_TEST),
        (Ask(0, kind=Kind.ROBOT), Reason.ROBOT),
        (Ask(0, prefix=0), Reason.ELSEWHERE),
        (Ask(0, flags=Flag.RECURSIVE), Reason.ELSEWHERE),
        (Ask(0, outcome=Outcome.NOT_FOUND), Reason.NOT_FOUND),
        (Ask(0, outcome=Outcome.WITHDRAWN), Reason.NOT_FOUND),
        (Ask(0, outcome=Outcome.NO_VALUES), Reason.NO_VALUES),
        (Ask(0, outcome=Outcome.REFUSED), Reason.REFUSED),
        (Ask(0, outcome=Outcome.FAILED), Reason.FAILED),
        # What stands earlier in the chain has the first word.
        (Ask(0, outcome=Outcome.FAILED, prefix=0), Reason.FAILED),
        (Ask(0, prefix=0, kind=Kind.ROBOT), Reason.ELSEWHERE),
        (Ask(0, kind=Kind.OPERATOR, flags=Flag.OWNER | Flag.CANARY), Reason.OPERATOR),
        (Ask(0, kind=Kind.ROBOT, flags=Flag.CANARY), Reason.CANARY),
        (Ask(0, kind=Kind.PROBE, party=4), Reason.OWNER),
        (Ask(0, prefix=77, party=4), Reason.COUNTED),  # owned by nobody that is known
    ],
)
def test_what_a_record_tells(ask: Ask, reason: Reason) -> None:
    assert reasons_of(records([ask]), OWNERS).tolist() == [reason]


def test_every_outcome_and_kind_has_its_reason() -> None:
    """A new member must be given one: none may be counted by oversight."""
    unanswered = [Ask(0, outcome=one) for one in Outcome if one is not Outcome.FOUND]
    kinds = [Ask(0, kind=one) for one in Kind if one is not Kind.EXTERNAL]
    assert Reason.COUNTED not in reasons_of(records([*unanswered, *kinds]), OWNERS)
