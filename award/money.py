"""Money in yuan and fen, and rates, exactly as people write them. Never a float."""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

FEN = Decimal("0.01")
MOST = Decimal(10) ** 13  # yuan; more than any budget, so a slip of the keyboard

_UNITS = {"": 1, "元": 1, "千元": 1_000, "万": 10_000, "万元": 10_000, "亿": 10**8, "亿元": 10**8}
_AMOUNT = re.compile(
    r"(?P<number>\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<unit>[千万亿]?元?)"
)
_RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[%％]?)")


class Yuan(Decimal):
    """An amount as it was written, in yuan: "250万元", "2,500,000", "￥1.5亿" or 2500000."""

    @classmethod
    def parse(cls, written: object) -> Yuan:
        """Raises ValueError in words for whoever wrote it. Floats are refused: 0.1 is none."""
        if isinstance(written, int) and not isinstance(written, bool):
            return cls._bounded(Decimal(written), written)
        if not isinstance(written, str):
            raise ValueError(f'金额应写作 2500000 或 "250万元"，不能写作 {written!r}')
        text = _plain(written).removeprefix("人民币").removeprefix("¥")
        found = _AMOUNT.fullmatch(text)
        if not found or found["unit"] == "千":
            raise ValueError(f'看不懂的金额“{written}”，应写作 2500000、"2,500,000" 或 "250万元"')
        number = Decimal(found["number"].replace(",", "").replace("，", ""))
        return cls._bounded(number * _UNITS[found["unit"]], written)

    @classmethod
    def _bounded(cls, amount: Decimal, written: object) -> Yuan:
        if not 0 <= amount <= MOST:
            raise ValueError(f"金额 {written} 超出 0 至 10 万亿元的范围")
        if amount != amount.quantize(FEN):
            raise ValueError(f"金额 {written} 不足一分，最多保留两位小数（元）")
        return cls(amount)


class Rate(Decimal):
    """A rate of tax between 0 and 1: "13%", "0.13"."""

    @classmethod
    def parse(cls, written: object) -> Rate:
        found = _RATE.fullmatch(_plain(written)) if isinstance(written, str) else None
        if not found:
            raise ValueError(f'税率应写作 "13%"，不能写作 {written!r}')
        rate = Decimal(found["number"]) / (100 if found["unit"] else 1)
        if rate >= 1:
            raise ValueError(f"税率 {written} 不小于 100%")
        return cls(rate)


def net_of(gross: Decimal, rate: Decimal) -> Decimal:
    """What an invoice comes to without VAT, to the fen as invoices are (half a fen goes up)."""
    return (gross / (1 + rate)).quantize(FEN, ROUND_HALF_UP)


def share_of(amount: Decimal, ratio: Decimal) -> Decimal:
    """A ratio of an amount, rounded down to the fen: an award is never rounded up."""
    return (amount * ratio).quantize(FEN, ROUND_DOWN)


def yuan(amount: Decimal) -> str:
    """An amount to read: 2,999,999.70 元; whole yuan without fen."""
    whole = amount == amount.to_integral_value()
    return f"{amount:,.0f} 元" if whole else f"{amount:,.2f} 元"


def _plain(written: str) -> str:
    """Without spaces, and full-width digits and points as usual ones."""
    wide = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if code != 0xFF0C}
    return "".join(written.split()).translate(wide | {0xFFE5: "¥"})
