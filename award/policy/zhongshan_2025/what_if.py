"""What-ifs: the same facts with one thing changed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from award.money import Yuan
from award.policy.zhongshan_2025.facts import Facts, Investment, Level, Subsidy

CHANGES = {
    "investment": "追加已支出的投资（不含税）",
    "planned": "追加计划投资（不含税）",
    "national": "追加国家奖补资金",
    "provincial": "追加省奖补资金",
    "city": "追加市级及以下财政资助",
}
_LEVELS = {"national": Level.NATIONAL, "provincial": Level.PROVINCIAL, "city": Level.CITY}
_NAME = "假设"


def change(facts: Facts, name: str, amount: Decimal, on: date) -> Facts:
    """Raises KeyError for a name that is none of CHANGES."""
    if name in _LEVELS:
        added = Subsidy(level=_LEVELS[name], name=_NAME, amount=Yuan(amount), approved=on, paid=on)
        return msgspec.structs.replace(facts, subsidy=(*facts.subsidy, added))
    if name not in CHANGES:
        raise KeyError(name)
    paid = on if name == "investment" else None
    number = f"{_NAME}-{len(facts.investment) + 1}"
    item = Investment(name=_NAME, invoice=number, net=Yuan(amount), paid=paid)
    return msgspec.structs.replace(facts, investment=(*facts.investment, item))
