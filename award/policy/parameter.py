"""Parameters of a policy: every number and date with its unit, its article and since when.

A policy's `parameters.toml` holds them as tables:

    [volume_registrations]
    unit = "个"
    article = "第四条（五）"
    quote = "年度新增标识注册量超 1 亿"
    values = [{ from = 2020-01-01, value = 100000000 }]

Amounts are texts ("300万元"), so that no float ever stands for money.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from award.money import Rate, Yuan


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    since: date
    value: Any


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number or date of the law, with where it stands."""

    unit: str  # 元, %, 个, 次/日, 日期
    article: str
    quote: str
    values: tuple[Value, ...]  # in order of time

    def __post_init__(self) -> None:
        dates = [one.since for one in self.values]
        if not dates or dates != sorted(set(dates)):
            raise ValueError("values need dates that rise")

    def at(self, day: date) -> Any:
        """The value in force on a day. Before the first there is none: KeyError."""
        for one in reversed(self.values):
            if one.since <= day:
                return one.value
        raise KeyError(f"{self.quote}: no value on {day}")


class Parameters:
    """All parameters of a policy, as they stand on one day."""

    def __init__(self, table: Mapping[str, Parameter], day: date) -> None:
        self._table = table
        self.day = day

    def yuan(self, name: str) -> Decimal:
        return Decimal(Yuan.parse(self._table[name].at(self.day)))

    def ratio(self, name: str) -> Decimal:
        return Decimal(Rate.parse(self._table[name].at(self.day)))

    def number(self, name: str) -> int:
        return int(self._table[name].at(self.day))

    def date(self, name: str) -> date:
        found = self._table[name].at(self.day)
        assert isinstance(found, date)
        return found


def read(content: str) -> dict[str, Parameter]:
    """The parameters of a `parameters.toml`. Raises where it breaks its own rules."""
    return msgspec.convert(tomllib.loads(content), dict[str, Parameter])
