"""A real Prometheus on a node of several processes under a little load: every panel has something
to show, and the counters that come from the database survive what is killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from metrics.log.keys import create
from tests.deploy.expressions import DEPLOY, asked, rules
from tests.end_to_end.office import Holder
from tests.end_to_end.served import Served, eventually

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"}
RECORD = {"values": [{"index": 1, "type": "URL", "data": "https://example.com/"}]}
COUNTED = 'biaoshi:registered_identifiers:total{method="single"}'


@dataclass(frozen=True)
class Prometheus:
    url: str
    session: aiohttp.ClientSession

    async def ask(self, expression: str) -> list[Any]:
        """The samples of now."""
        async with self.session.get(
            f"{self.url}/api/v1/query", params={"query": expression}
        ) as response:
            answer = await response.json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    async def value(self, expression: str) -> float:
        samples = await self.ask(expression)
        return float(samples[0]["value"][1]) if samples else 0.0

    async def rules(self) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.url}/api/v1/rules") as response:
            answer = await response.json()
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]


def configured(folder: Path, ports: list[int]) -> Path:
    """The configuration that is deployed, but for the places and a quicker clock."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8")
    text = text.replace("interval: 15s", "interval: 1s")
    text = text.replace("rules/*.yml", str(DEPLOY / "prometheus" / "rules" / "*.yml"))
    (folder / "prometheus.yml").write_text(text, "utf-8")
    (folder / "targets").mkdir()
    targets = [f'{{"targets": ["127.0.0.1:{port}"]}}' for port in ports]
    (folder / "targets" / "biaoshi.json").write_text(f"[{', '.join(targets)}]")
    return folder / "prometheus.yml"


def start(program: str, folder: Path, file: Path, port: int) -> subprocess.Popen[bytes]:
    options = [
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([program, *options], stdout=log, stderr=log)


@pytest.fixture
def program() -> str:
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("prometheus is not installed")
    return found


@pytest.fixture
def watching(program: str, tmp_path: Path, session: aiohttp.ClientSession) -> Iterator[Any]:
    processes = []

    async def watch(served: Served) -> Prometheus:
        folder = tmp_path / "prometheus"
        folder.mkdir()
        file = configured(folder, served.events("serving")[-1]["metrics"])
        port = unused_port()
        processes.append(start(program, folder, file, port))
        prometheus = Prometheus(f"http://127.0.0.1:{port}", session)

        async def answers() -> bool:
            try:
                return bool(await prometheus.ask('up{job="biaoshi"} == 1'))
            except aiohttp.ClientError:
                return False

        await eventually(answers)
        return prometheus

    yield watch
    for process in processes:
        process.kill()
        process.wait()


@asynccontextmanager
async def a_little_load(served: Served, holder: Holder) -> AsyncIterator[None]:
    """Registrations and resolutions, some of them of what is not there."""

    async def flow() -> None:
        for number in itertools.count():
            handle = f"{holder.prefix}/L{number}"
            path = f"/v1/identifiers/{handle}"
            try:
                await served.ask("PUT", path, key=holder.key, json=RECORD)
                for asked_for in (handle, f"{holder.prefix}/NONE"):
                    async with browser.get(f"{served.url}/v1/resolve/{asked_for}"):
                        pass
            except aiohttp.ClientError:
                pass  # it was killed meanwhile
            await asyncio.sleep(0.1)

    async with aiohttp.ClientSession(headers=BROWSER) as browser, asyncio.TaskGroup() as group:
        task = group.create_task(flow())
        yield
        task.cancel()


async def test_every_panel_has_something_to_show(
    serving: Any, holder: Holder, watching: Any, tmp_path: Path
) -> None:
    create(tmp_path / "log-keys")
    served: Served = await serving(
        workers=1,
        metrics_port=0,
        log_keys_folder=tmp_path / "log-keys",
        log_origin="id.city.example/log",
        log_cosignatures=0,
    )
    prometheus: Prometheus = await watching(served)
    async with a_little_load(served, holder):
        missing = asked("20s")

        async def all_there() -> bool:
            for place, expression in list(missing.items()):
                if await prometheus.ask(expression):
                    del missing[place]
            return not missing

        try:
            await eventually(all_there, 120)
        except AssertionError:
            raise AssertionError(f"no data for {missing}") from None

        before = await prometheus.value(COUNTED)
        os.kill(served.processes()["keeper"], signal.SIGKILL)

        async def went_on() -> bool:
            return await prometheus.value(COUNTED) > before

        await eventually(went_on, 120)
        assert await prometheus.value("sum(resets(biaoshi_registered_identifiers_total[2m]))") == 0
    evaluated = {rule["name"]: rule["health"] for rule in await prometheus.rules()}
    assert evaluated == dict.fromkeys(dict(rules()), "ok")
