"""The policy as the program finds it."""

from __future__ import annotations

from collections.abc import Mapping

from award.evidence.certified import days_of
from award.policy.parameter import Parameters, read
from award.policy.policy import Policy, digest_of, text_of
from award.policy.zhongshan_2025.facts import Facts
from award.policy.zhongshan_2025.readings import READINGS
from award.policy.zhongshan_2025.rules import judge
from award.policy.zhongshan_2025.what_if import CHANGES, change

PACKAGE = "award.policy.zhongshan_2025"
REMARK = (
    "所列均为最高可奖励金额：第十五条规定“均为最高扶持比例或最高扶持额度”，实际拨付依第六条以年度"
    "申报通知与资金安排为准；第（二十）条另许市政府个案研究决定。"
)


def describe() -> Policy:
    parameters = read(text_of(PACKAGE, "parameters.toml"))
    until = parameters["valid_until"].values[-1].value
    return Policy(
        name="zhongshan_2025",
        title="中山市工业互联网与数字赋能平台项目认定与奖励实施细则",
        clause="第四条 方向一（五）",
        remark=REMARK,
        valid_until=until,
        facts=Facts,
        template=text_of(PACKAGE, "template.toml"),
        parameters=parameters,
        readings=READINGS,
        judge=judge,
        change=change,
        changes=CHANGES,
        thresholds=thresholds,
        digest=digest_of(PACKAGE),
    )


def thresholds(parameters: Parameters, year: int) -> Mapping[str, int]:
    """What a year's sums must exceed, in integers."""
    daily = parameters.number("volume_resolutions_daily")
    return {
        "registrations": parameters.number("volume_registrations"),
        "resolutions": daily * days_of(year),
    }
