"""What the certified log costs registrations, and how fast it takes them in.

A node with a log and one without, each on a database of its own, take the same bulk streams in
turns; then the sequencer alone takes in what a node left behind.

    python -m loadtests.log [LINES]
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loadtests import bulk
from loadtests.bench import Bench, Figure, node, show
from metrics.log import keys as log_keys
from metrics.log.keys import LogKeys
from metrics.log.sequencer import Sequencer
from node.settings import Settings
from registry.database import connect

ORIGIN = "bench.invalid/log"
ROUNDS = 3
PUTS = 20_000
NEVER = 3600.0  # seconds between checkpoints, for a node that is to leave its leaves behind


def with_log(settings: Settings, folder: Path, *, seconds: float) -> Settings:
    log_keys.create(folder)
    return msgspec.structs.replace(
        settings, log_keys_folder=str(folder), log_origin=ORIGIN, log_seconds=seconds
    )


def figures(folder: Path, lines: int) -> list[Figure]:
    """Bulk without and with a log, publication, and the sequencer."""
    with ExitStack() as stack:
        bare = stack.enter_context(node(_made(folder / "bare")))
        logged = stack.enter_context(
            node(
                _made(folder / "logged"),
                lambda settings: with_log(settings, folder / "keys", seconds=1.0),
            )
        )
        best, lags = [0.0, 0.0], []
        for number in range(ROUNDS):
            for which, bench in enumerate((bare, logged)):
                best[which] = max(best[which], _streamed(bench, lines, number))
            lags.append(_lag(logged.url, lines * (number + 1)))
        alone = [_puts(bench) for bench in (bare, logged)]
    return [
        Figure("bulk stream without a log", f"{best[0]:,.0f}/s"),
        Figure(
            "bulk stream with the log, published beside it",
            f"{best[1]:,.0f}/s",
            f"{best[1] / best[0]:.2f}",
            "≥ 70,000/s, ratio ≥ 0.6",
        ),
        Figure(
            "single PUTs with the log",
            f"{alone[1]:,.0f}/s",
            f"{alone[1] / alone[0]:.2f}",
            "ratio ≥ 0.6",
        ),
        Figure("  last line to its checkpoint", f"{max(lags):.1f} s", target="≤ 2 s"),
        Figure("sequencer alone", f"{_sequencing(folder, lines):,.0f}/s", target="≥ 100,000/s"),
    ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(0o711)
    return folder


def _puts(bench: Bench) -> float:
    """Single registrations a second, from 64 connections."""
    command = [sys.executable, "-m", "loadtests.single", bench.url, bench.key, bench.prefix]
    done = subprocess.run([*command, str(PUTS), "64"], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["rate"])


def _streamed(bench: Bench, lines: int, number: int) -> float:
    """Lines a second."""
    source = bench.folder / "log.ndjson"
    bulk.write(source, bench.prefix, lines, scattered=False, start=number * lines)
    seconds, answer = bulk.stream(bench.url, bench.key, source)
    source.unlink()
    assert answer.summary["totals"]["created"] == lines, answer.summary
    return lines / seconds


def _lag(url: str, wanted: int) -> float:
    """Seconds from now until a checkpoint covers so many leaves."""
    started = time.perf_counter()
    name = f"registrations-{datetime.now(UTC).year}"
    while time.perf_counter() - started < 120:
        try:
            with urllib.request.urlopen(f"{url}/log/{name}/checkpoint", timeout=5) as answer:
                if int(answer.read().split(b"\n")[1]) >= wanted:
                    return time.perf_counter() - started
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit("the log did not catch up")


def _sequencing(folder: Path, lines: int) -> float:
    """Leaves a second of the sequencer alone, over what a node has left to it."""
    keys = folder / "late-keys"
    with node(
        _made(folder / "late"), lambda settings: with_log(settings, keys, seconds=NEVER)
    ) as bench:
        time.sleep(3)  # the keeper's first round is over, and there is no second one
        _streamed(bench, lines, 0)
        return asyncio.run(_sequenced(bench.database_url, keys))


async def _sequenced(database_url: str, keys: Path) -> float:
    async with connect(database_url, size=2, statement_timeout=60) as database:
        sequencer = Sequencer(database, LogKeys.load(keys), ORIGIN, lambda: datetime.now(UTC))
        started, taken = time.perf_counter(), 0
        while step := await sequencer.step():
            taken += step
        return taken / (time.perf_counter() - started)


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="biaoshi-bench-"))
    place.chmod(0o711)
    try:
        show(figures(place, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
    finally:
        shutil.rmtree(place, ignore_errors=True)
