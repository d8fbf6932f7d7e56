"""The policy as a whole: clauses in their order, amounts, and the total."""

from __future__ import annotations

from award.policy.judgement import Judgement
from award.policy.zhongshan_2025 import caps
from award.policy.zhongshan_2025.construction import construction, premise
from award.policy.zhongshan_2025.gates import gates
from award.policy.zhongshan_2025.recognition import CHECKLIST
from award.policy.zhongshan_2025.validity import Asked
from award.policy.zhongshan_2025.volume import conditions, volume


def judge(case: Asked) -> Judgement:
    """Under one set of readings. A pure function of the case."""
    passed = gates(case)
    built = construction(case, passed)
    reached = conditions(case)
    counted = volume(case, passed, reached)
    counted = caps.under_node_cap(case, counted, built)
    counted = caps.under_premise(case, counted, built)
    checklist = tuple(item(case) for item in CHECKLIST)
    return Judgement(
        findings=(*passed, premise(case), *reached, *checklist),
        amounts=(built, counted),
        total=caps.total(case, (built, counted)),
    )
