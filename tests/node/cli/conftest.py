"""The command line against a live node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from node.cli.program import execute
from tests.node.live import Live


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


Cli = Callable[..., Awaitable[Done]]


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """What a command set up would go on writing to a stream that is gone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def cli(
    live: Live,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Cli:
    """Run a command in a thread with an operator's key (or `key`) for the live node."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    monkeypatch.delenv("COLUMNS", raising=False)  # some test runners set it
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIAOSHI_URL", live.url)

    async def run(*arguments: str | Path, key: str | None = live.operator) -> Done:
        if key is None:
            monkeypatch.delenv("BIAOSHI_KEY", raising=False)
        else:
            monkeypatch.setenv("BIAOSHI_KEY", key)
        status = await asyncio.to_thread(execute, [str(one) for one in arguments])
        printed = capsys.readouterr()
        return Done(status, printed.out, printed.err)

    return run
