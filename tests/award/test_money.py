"""Amounts as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from award.money import Rate, Yuan, net_of, share_of, yuan


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("250万元", "2500000"),
        ("2,500,000", "2500000"),
        ("2,500,000.50元", "2500000.50"),
        (2500000, "2500000"),
        ("２５０万元", "2500000"),
        ("￥1.5亿", "150000000"),
        ("人民币 300 万元", "3000000"),
        ("8千元", "8000"),
        ("0", "0"),
        ("0.01", "0.01"),
        ("2，500，000", "2500000"),
        ("1.23456万元", "12345.60"),
    ],
)
def test_understood(written: object, amount: str) -> None:
    assert Yuan.parse(written) == Decimal(amount)


@pytest.mark.parametrize(
    "written",
    ["", "万元", "-1", -1, 1.5, True, "1.234", "25,00", "2,500,00", "1e6", "100美元", "1万千元",
     "100000亿元1", 10**14, "1.23456789万元", "五百万", None, ["1"], "1千"],
)  # fmt: skip
def test_refused(written: object) -> None:
    with pytest.raises(ValueError, match="金额"):
        Yuan.parse(written)


@pytest.mark.parametrize(("written", "rate"), [("13%", "0.13"), ("6 ％", "0.06"), ("0.09", "0.09")])
def test_rates(written: str, rate: str) -> None:
    assert Rate.parse(written) == Decimal(rate)


@pytest.mark.parametrize("written", ["13", "100%", "-1%", "", "一成", 0.13, None])
def test_no_rates(written: object) -> None:
    with pytest.raises(ValueError, match="税率"):
        Rate.parse(written)


def test_net_of_vat_as_invoices_print_it() -> None:
    assert net_of(Decimal(9_040_000), Decimal("0.13")) == 8_000_000
    assert net_of(Decimal("100"), Decimal("0.13")) == Decimal("88.50")  # 88.4955…


def test_a_share_is_rounded_down() -> None:
    assert share_of(Decimal("9999999.99"), Decimal("0.3")) == Decimal("2999999.99")


def test_shown() -> None:
    assert yuan(Decimal("2999999.7")) == "2,999,999.70 元"
    assert yuan(Decimal(3_000_000)) == "3,000,000 元"
