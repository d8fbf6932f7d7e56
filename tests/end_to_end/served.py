"""Node processes and the sandbox national node as the end-to-end tests see them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from node.sandbox.app import RunningSandbox

START_SECONDS = STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any  # decoded JSON, or text
    seconds: float


class Served:
    """A node process. It keeps its port when it is started again."""

    def __init__(
        self, session: aiohttp.ClientSession, settings: Mapping[str, object], log: Path
    ) -> None:
        self._session = session
        self._settings = dict(settings)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    async def start(self) -> None:
        """Return when it listens."""
        self.url = await self._until_serving(self._launch())
        self._settings["port"] = self.url.rpartition(":")[2]

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Ask it to end in order; its exit status."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def ask(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Reply:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        began = time.monotonic()
        async with self._session.request(
            method, self.url + path, headers=headers, **options
        ) as response:
            text = await response.text()
            body = json.loads(text) if "json" in response.content_type else text
            return Reply(response.status, body, time.monotonic() - began)

    async def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        text = (await self.ask("GET", "/metrics")).body
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(name)))

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event, oldest first."""
        return [event for event in self._lines(0) if event.get("event") == name]

    def processes(self) -> dict[str, int]:
        """The process last at work on every post under a supervisor, by its log."""
        return {event["process"]: event["pid"] for event in self.events("process-at-work")}

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _launch(self) -> int:
        """Start the process; the place in the log where its lines begin."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "node", "serve"],
                env=_environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            return log.tell()

    async def _until_serving(self, place: int) -> str:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for event in self._lines(place):
                if event.get("event") == "serving":
                    return str(event["url"])
            assert self.alive, f"the node ended while starting: {self._log.read_text()[-2000:]}"
            await asyncio.sleep(0.02)
        raise AssertionError(f"the node does not listen: {self._log.read_text()[-2000:]}")

    def _lines(self, place: int) -> list[dict[str, Any]]:
        """The whole JSON lines of the log from a place on."""
        with self._log.open("rb") as log:
            log.seek(place)
            lines = log.read().split(b"\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith(b"{")]


class Sandbox:
    """The sandbox national node and what its management port turns."""

    def __init__(self, running: RunningSandbox, session: aiohttp.ClientSession) -> None:
        self.running = running
        self._session = session

    async def manage(self, method: str, path: str, body: object = None) -> Any:
        """The data of a management answer, which must be a success."""
        url = self.running.management_url + path
        async with self._session.request(method, url, json=body) as response:
            answer = await response.json()
        assert answer["status"] == 1, answer
        return answer["data"]

    async def up(self, up: bool) -> None:
        await self.manage("PUT", "/service", {"up": up})

    async def arm(self, kind: str, **details: object) -> None:
        """Faults for filings alone, unless a path is named."""
        await self.manage("POST", "/faults", {"kind": kind, "path": "/ntn/v1/prefixes"} | details)

    async def filed(self, prefix: str) -> list[dict[str, Any]]:
        """Every act on the prefix that the national node has taken."""
        acts: list[dict[str, Any]] = await self.manage("GET", f"/prefixes/{prefix}")
        return acts

    async def filings_received(self) -> list[dict[str, Any]]:
        """Every filing that arrived, repeated ones too."""
        received = await self.manage("GET", "/received")
        return [one for one in received if one["method"] in ("POST", "PUT")]


async def eventually(found: Any, seconds: float = 60.0) -> Any:
    """The first true thing that the asynchronous function finds, asked again and again."""
    end = time.monotonic() + seconds
    while True:
        result = await found()
        if result:
            return result
        assert time.monotonic() < end, f"not within {seconds:g} s"
        await asyncio.sleep(0.05)


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """The environment variables that stand for these settings."""
    return {f"BIAOSHI_{name.upper()}": str(value) for name, value in settings.items()}


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's environment, with no settings but these."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("BIAOSHI_")}
    return inherited | environment(settings)
