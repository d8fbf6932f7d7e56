"""The sample upload: 1,000 rows that register without a complaint."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from importlib.resources import files

import pytest

from registry.code.pattern import Pattern
from registry.identifier import Identifier

COLUMNS = [
    "标识后缀",
    "产品名称",
    "型号",
    "批次",
    "生产日期",
    "生产线",
    "质检员编号",
    "规格",
    "详情网址",
]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    text = files("node.demo").joinpath("products.csv").read_text(encoding="utf-8")
    reader = csv.DictReader(io.StringIO(text), strict=True)
    found = list(reader)
    assert reader.fieldnames == COLUMNS
    return found


def test_a_thousand_different_identifiers(rows: list[dict[str, str]]) -> None:
    canonical = {Identifier("88.608.5288", row["标识后缀"]).canonical() for row in rows}
    assert len(rows) == len(canonical) == 1000


def test_every_cell_is_filled(rows: list[dict[str, str]]) -> None:
    for row in rows:
        assert list(row) == COLUMNS
        assert all(value and value == value.strip() for value in row.values())


def test_rows_agree_with_themselves(rows: list[dict[str, str]]) -> None:
    for row in rows:
        day = date.fromisoformat(row["生产日期"])
        pattern = Pattern.parse(row["型号"] + "-{yyyy}{mm}{dd}-{serial:06d}")
        assert pattern.match(row["标识后缀"], day)
        week = day.isocalendar()
        line = int(row["生产线"].removesuffix("号线"))
        assert row["批次"].startswith(f"B{week.year % 100:02d}{week.week:02d}-{line:02d}-")
        assert row["详情网址"].startswith("https://lamps.example.com/p/")


def test_no_person_is_named(rows: list[dict[str, str]]) -> None:
    assert all(re.fullmatch(r"QC-[0-9]{3}", row["质检员编号"]) for row in rows)


def test_the_rows_are_varied(rows: list[dict[str, str]]) -> None:
    for column, least in {"产品名称": 10, "批次": 80, "生产日期": 30, "规格": 25}.items():
        assert len({row[column] for row in rows}) >= least


def test_it_is_small() -> None:
    assert len(files("node.demo").joinpath("products.csv").read_bytes()) < 300_000
