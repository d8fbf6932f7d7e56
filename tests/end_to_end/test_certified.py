"""A certified report, end to end: node processes under load, a sandbox witness, a real Prometheus
that scrapes the workers. The day ends before midnight: the closer has a clock that is ahead."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from award.policy.policy import load
from award.report.verification import Check, State, Verification
from metrics.closing.closer import Closer
from metrics.counting.counter import Counter
from metrics.counting.day import DAY as A_DAY
from metrics.counting.day import SHANGHAI, moment, start_of
from metrics.counting.owners import OwnerTable
from tests.award.report.sample import FACTS
from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Sandbox, Served, eventually
from tests.end_to_end.test_prometheus import RECORD, Prometheus, start

WORKERS = 2
REGISTERED, RESOLVED, AT_ONCE = 300, 900, 8
SCRAPE = "250ms"
COUNTERS = ("biaoshi_registration_verdicts", "biaoshi_resolutions")
POINTS = 600  # of a series before the load; the more, the less `increase` extrapolates
REPORTS = "/v1/bureau/reports"
SOON = {"no-checkpoint", "uncosigned", "statements", "contradiction"}  # what time alone mends


@dataclass
class Watch:
    """A Prometheus that can be stopped, given blocks of the past, and started again."""

    folder: Path
    port: int
    session: aiohttp.ClientSession
    process: subprocess.Popen[bytes] | None = None
    blocks: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self, ports: list[int]) -> None:
        self.folder.mkdir()
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        (self.folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: {SCRAPE}, scrape_timeout: {SCRAPE}}}\n"
            "scrape_configs:\n"
            f"  - {{job_name: biaoshi, static_configs: [{{targets: [{targets}]}}]}}\n"
        )

    def backdate(self, text: str) -> None:
        """Samples of the past, as Prometheus's own tool writes them."""
        self.blocks += 1
        file = self.folder / f"past-{self.blocks}.txt"
        file.write_text(text)
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "openmetrics", file, self.folder / "data"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    async def start(self, up: int) -> Prometheus:
        """Return when so many targets are up."""
        file = self.folder / "prometheus.yml"
        self.process = start("prometheus", self.folder, file, self.port)
        prometheus = Prometheus(self.url, self.session)

        async def answers() -> bool:
            try:
                return await prometheus.value("sum(up) or vector(0)") >= up
            except aiohttp.ClientError:
                return False

        await eventually(answers)
        return prometheus

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None


@pytest.fixture
def watch(tmp_path: Path, session: aiohttp.ClientSession) -> Iterator[Watch]:
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip("prometheus is not installed")
    made = Watch(tmp_path / "prometheus", unused_port(), session)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()


@pytest.fixture
async def quiet_midnight() -> date:
    """Today in Shanghai, once it is neither about to end nor just begun."""

    async def found() -> bool:
        now = datetime.now(SHANGHAI)
        return timedelta(seconds=30) < now - _start(now.date()) < timedelta(hours=23, minutes=57)

    await eventually(found, 300)
    return datetime.now(SHANGHAI).date()


def _start(day: date) -> datetime:
    return moment(start_of(day)).astimezone(SHANGHAI)


@dataclass
class Scene:
    """What happens on the day."""

    office: Office
    holder: Holder
    served: Served
    asked: Tally[str] = field(default_factory=Tally)

    async def register(self, number: int) -> None:
        path = f"/v1/identifiers/{self.holder.prefix}/L{number}"
        reply = await self.served.ask("PUT", path, key=self.holder.key, json=RECORD)
        assert reply.status == 201, reply
        self.asked["registered"] += 1

    async def resolve(self, suffix: str) -> None:
        """On a connection of its own, so that the workers take turns."""
        url = f"{self.served.url}/v1/resolve/{self.holder.prefix}/{suffix}"
        async with aiohttp.ClientSession() as fresh, fresh.get(url) as response:
            await response.read()
        self.asked["resolved"] += 1

    async def warm_up(self, ports: list[int]) -> None:
        """Until every worker has every series of the load."""
        wanted = ('outcome="created"', "biaoshi_resolutions_total{")

        async def all_there() -> bool:
            await self.register(self.asked["registered"])
            await self.resolve("L0")
            told = [await metrics_of(port) for port in ports[1:]]
            both = self.asked["registered"] >= 2  # what the load resolves
            return both and all(one in text for one in wanted for text in told)

        await eventually(all_there)

    async def load(self) -> None:
        """Registrations and resolutions side by side."""
        todo = [*(("register", n) for n in range(1000, 1000 + REGISTERED)),
                *(("resolve", n % 40) for n in range(RESOLVED))]  # fmt: skip
        rest = iter(todo)

        async def one() -> None:
            for what, number in rest:
                if what == "register":
                    await self.register(number)
                else:
                    await self.resolve(f"L{number % 2}")

        await asyncio.gather(*(one() for _ in range(AT_ONCE)))

    async def end_of_day(self) -> None:
        """Count everything and close the day, with a clock that is a day ahead."""
        database = self.office.database
        counter = Counter(OwnerTable(), margin=-A_DAY)

        async def counted() -> bool:
            return not (await database.transaction(counter.round)).records

        await eventually(counted)
        assert await Closer(database, os.urandom).close() is not None


async def metrics_of(port: int) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        return await response.text()


def zeros(told: dict[int, str], day: date) -> str:
    """The workers' series as they were before any request, at both ends of the year so far."""
    first = _start(date(day.year, 1, 1)).timestamp()
    today, now = _start(day).timestamp(), datetime.now().timestamp() - 2
    step = (now - today) / POINTS
    times = [first + 60 * n for n in range(10)] if day.timetuple().tm_yday > 1 else []
    times += [today + step * n for n in range(1, POINTS)]
    lines = []
    for counter in COUNTERS:
        lines.append(f"# TYPE {counter} counter")
        for port, text in told.items():
            for labels in re.findall(rf"^{counter}_total{{(.*)}} ", text, re.MULTILINE):
                series = f'{counter}_total{{instance="127.0.0.1:{port}",job="biaoshi",{labels}}}'
                lines += [f"{series} 0 {time:.3f}" for time in times]
    return "\n".join([*lines, "# EOF", ""])


def ghost(day: date, number: int) -> str:
    """Requests of a worker that the ledger knows nothing of, on one day."""
    start = _start(day).timestamp()
    series = 'biaoshi_resolutions_total{instance="127.0.0.1:1",job="biaoshi"}'
    lines = [f"{series} {number * n // 100} {start + 3600 + 60 * n:.3f}" for n in range(101)]
    return "\n".join(["# TYPE biaoshi_resolutions counter", *lines, "# EOF", ""])


async def issue(served: Served, operator: str, year: int, kind: str = "certified") -> Any:
    """Once what the report rests on is published."""
    body = {"year": year, "facts": FACTS, "kind": kind}

    async def answered() -> Any:
        reply = await served.ask("POST", REPORTS, key=operator, json=body)
        return None if reply.status == 409 and reply.body["rule"] in SOON else reply

    return await eventually(answered)


async def package_of(served: Served, operator: str, issued: dict[str, Any]) -> dict[str, bytes]:
    path = f"{REPORTS}/{issued['number']}/{issued['revision']}/package"
    headers = {"Authorization": f"Bearer {operator}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(served.url + path) as response,
    ):
        content = await response.read()
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def json_of(files: dict[str, bytes]) -> Any:
    return json.loads(files["report.json"])


def first_page(pdf: bytes, folder: Path) -> str:
    """Its text without blanks."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (poppler-utils)")
    (folder / "first.pdf").write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-l", "1", "-enc", "UTF-8", folder / "first.pdf", "-"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return "".join(done.stdout.split())


def verified(files: dict[str, bytes]) -> dict[str, Check]:
    """Nothing but the package."""
    return {one.name: one for one in Verification(files, (), load).checks()}


async def test_a_year_is_certified_because_both_agree(
    serving: Any,
    holder: Holder,
    office: Office,
    sandbox: Sandbox,
    cosigned: dict[str, object],
    watch: Watch,
    quiet_midnight: date,
    tmp_path: Path,
) -> None:
    day, operator = quiet_midnight, await office.operator()
    served: Served = await serving(
        **cosigned, workers=WORKERS, metrics_port=0, prometheus_url=watch.url
    )
    ports = served.events("serving")[-1]["metrics"]
    scene = Scene(office, holder, served)
    await scene.warm_up(ports)
    watch.configure(ports)
    watch.backdate(zeros({port: await metrics_of(port) for port in ports}, day))
    prometheus = await watch.start(up=WORKERS + 1)
    await scene.load()

    async def seen() -> bool:
        return await prometheus.value("sum(biaoshi_resolutions_total)") == scene.asked["resolved"]

    async def shipped() -> bool:
        (row,) = await office.fetch("SELECT sum(count)::bigint AS noted FROM journal_piece")
        return row["noted"] == scene.asked["resolved"]

    await eventually(seen)
    await eventually(shipped)  # the end of the processes may not leave the time for it
    assert served.stop() == 0
    await scene.end_of_day()
    await served.start()

    made = await issue(served, operator, day.year)
    assert made.status == 201, made.body
    assert (made.body["agreement"], made.body["number"]) == ("within", f"88.118-{day.year}-001")
    files = await package_of(served, operator, made.body)
    checks = verified(files)
    assert {name for name, one in checks.items() if one.state is not State.PASSED} == {"log"}
    report = json_of(files)
    told = {one["title"]: one for one in report["cross_check"]["comparisons"]}
    registered, resolved = told["新增标识注册量"], told["收到的解析请求"]
    assert registered["certified"] == scene.asked["registered"]
    assert resolved["certified"] == scene.asked["resolved"]
    for one in told.values():
        assert one["witnessed"] == pytest.approx(one["certified"], rel=0.02), told

    # The witness saw more than the ledger has: nothing is certified.
    watch.stop()
    watch.backdate(ghost(day, scene.asked["resolved"] // 10))
    await watch.start(up=0)
    refused = await issue(served, operator, day.year)
    assert (refused.status, refused.body["rule"]) == (409, "tolerance")
    draft = await issue(served, operator, day.year, "draft")
    assert (draft.status, draft.body["agreement"]) == (201, "beyond")

    # It is silent: neither.
    watch.stop()
    silent = await issue(served, operator, day.year)
    assert (silent.status, silent.body["type"]) == (503, "/docs/problems#prometheus-unavailable")

    # There is none: the first page says so.
    assert served.stop() == 0
    alone: Served = await serving(**cosigned)
    made = await issue(alone, operator, day.year)
    assert (made.status, made.body["agreement"]) == (201, "none")
    files = await package_of(alone, operator, made.body)
    assert verified(files)["cross-check"].state is State.NOT_CHECKED
    assert "没有Prometheus作独立印证" in first_page(files["report.pdf"], tmp_path)
