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


def describe() -> Policy:
    parameters = read(text_of(PACKAGE, "parameters.toml"))
    until = parameters["valid_until"].values[-1].value
    return Policy(
        name="zhongshan_2025",
        title="中山市工业互联网与数字赋能平台项目认定与奖励实施细则",
        clause="第四条 方向一（五）",
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
