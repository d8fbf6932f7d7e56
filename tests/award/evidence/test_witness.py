"""The independent witness, and a year that contradicts itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from award import form
from award.evidence.certified import CertifiedYear, Checkpoint, Exclusion, contradictions
from award.evidence.prometheus import (
    REGISTRATIONS,
    SHANGHAI,
    Prometheus,
    PrometheusUnavailable,
)
from award.evidence.witness import Agreement, Witness, WitnessedDay, cross_check
from registry.errors import InvalidInput
from tests.award.build import certified


def seen(registrations: int, resolutions: int) -> Witness:
    day = date(2024, 1, 1)
    return Witness(
        source="prometheus:9090",
        first=day,
        last=day,
        queries=(),
        days=(WitnessedDay(day, registrations, resolutions),),
    )


@pytest.mark.parametrize(
    ("witnessed", "agreement"),
    [
        (100_000, Agreement.WITHIN),
        (98_000, Agreement.WITHIN),  # exactly 2 %
        (97_999, Agreement.BEYOND),
        (102_040, Agreement.WITHIN),
        (102_041, Agreement.BEYOND),  # by the larger of the two
        (0, Agreement.BEYOND),
    ],
)
def test_tolerance(witnessed: int, agreement: Agreement) -> None:
    year = certified(2024, 100_000)
    found = cross_check(year, seen(witnessed, year.resolutions.received))
    assert found.agreement is agreement
    assert found.comparisons[0].witnessed == witnessed


def test_no_witness_is_said() -> None:
    found = cross_check(certified(2024), None)
    assert found.agreement is Agreement.NONE
    assert found.agreement.chinese == "无独立交叉核对"


def test_another_tolerance() -> None:
    year = certified(2024, 100)
    wide = cross_check(year, seen(90, year.resolutions.received), Decimal("0.1"))
    assert wide.agreement is Agreement.WITHIN


class Fake:
    """Answers like Prometheus: so many a day, no samples on the days it was down."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.down: set[date] = set()
        self.answer: Any = None

    async def range(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        if self.answer is not None:
            return web.Response(text=self.answer)
        values = []
        at = float(form["start"])
        while at <= float(form["end"]):
            day = (datetime.fromtimestamp(at, SHANGHAI) - timedelta(days=1)).date()
            if day not in self.down:
                values.append([at, "10.4" if form["query"] == REGISTRATIONS else "20"])
            at += float(form["step"])
        result = [{"metric": {}, "values": values}] if values else []
        return web.json_response(
            {"status": "success", "data": {"resultType": "matrix", "result": result}}
        )


@pytest.fixture
async def asked() -> AsyncIterator[tuple[Fake, Prometheus]]:
    fake = Fake()
    app = web.Application()
    app.router.add_post("/api/v1/query_range", fake.range)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield fake, Prometheus(session, str(server.make_url("/")))


async def test_a_year_is_asked_for_in_shanghais_days(asked: tuple[Fake, Prometheus]) -> None:
    fake, prometheus = asked
    fake.down = {date(2024, 2, 29)}
    found = await prometheus.witness(2024, date(2024, 12, 31))
    assert (found.first, found.last, len(found.days)) == (
        date(2024, 1, 1), date(2024, 12, 31), 366,
    )  # fmt: skip
    assert (found.registrations, found.resolutions) == (365 * 10, 365 * 20)
    assert found.silent == 1
    assert found.days[59] == WitnessedDay(date(2024, 2, 29), None, None)
    first = datetime.fromtimestamp(float(fake.asked[0]["start"]), SHANGHAI)
    assert first == datetime(2024, 1, 2, tzinfo=SHANGHAI)
    assert "127.0.0.1" in found.source


async def test_half_a_year(asked: tuple[Fake, Prometheus]) -> None:
    _, prometheus = asked
    found = await prometheus.witness(2025, date(2025, 1, 1))
    assert len(found.days) == 1


NOT_A_NUMBER = '{"status": "success", "data": {"result": [{"values": [[1704124800, "NaN"]]}]}}'


@pytest.mark.parametrize(
    "answer",
    ["<html>", '{"status": "error", "error": "too many samples"}', NOT_A_NUMBER, " " * (2 << 20)],
)
async def test_answers_that_are_none(asked: tuple[Fake, Prometheus], answer: str) -> None:
    fake, prometheus = asked
    fake.answer = answer
    with pytest.raises(PrometheusUnavailable):
        await prometheus.witness(2024, date(2024, 12, 31))


async def test_nobody_there(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(PrometheusUnavailable, match="没有应答"):
            await Prometheus(session, f"http://127.0.0.1:{unused_tcp_port}").witness(
                2024, date(2024, 1, 1)
            )
        with pytest.raises(InvalidInput, match="Prometheus"):
            Prometheus(session, "prometheus")


def test_a_year_that_adds_up() -> None:
    year = certified(2024, 1000, 500, answered=600, deleted=3)
    assert not list(contradictions(year))
    assert form.decode(form.encode(year), CertifiedYear, "evidence") == year


def altered(**changes: Any) -> CertifiedYear:
    return msgspec.structs.replace(certified(2024, 1000, 500, answered=600), **changes)


YEAR = certified(2024, 1000, 500, answered=600)
REPLACE = msgspec.structs.replace


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"registrations": REPLACE(YEAR.registrations, gross=1001, by_method={})}, "逐日之和"),
        ({"registrations": REPLACE(YEAR.registrations, by_method={"stream": 999})}, "注册方式"),
        ({"registrations": REPLACE(YEAR.registrations, deleted=1001)}, "大于新增"),
        ({"resolutions": REPLACE(YEAR.resolutions, counted=501)}, "剔除链不闭合"),
        ({"resolutions": REPLACE(YEAR.resolutions, exclusions=(Exclusion("x", "x", 1),))}, "闭合"),
        ({"resolutions": REPLACE(YEAR.resolutions, answered=499)}, "大小关系"),
        ({"days": YEAR.days[1:]}, "逐日之和"),
        ({"days": YEAR.days[::-1]}, "乱序"),
        ({"through": date(2024, 12, 30)}, "晚于最后一个已结账日"),
        ({"year": 2023}, "以外的日期"),
        ({"log": Checkpoint(origin="o", size=999, root="", note="")}, "叶子数 999"),
    ],
)
def test_whatever_does_not_add_up(changes: dict[str, Any], said: str) -> None:
    assert any(said in line for line in contradictions(altered(**changes)))
