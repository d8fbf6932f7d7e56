"""Benchmarks of a node, as ratios measured in one run on one machine.

    make bench [ARGS="--lines 5000000"]

Absolute rates depend on the machine and on what else it does; the ratio to what PostgreSQL makes
of the same rows, in the same minute, says what the node costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from loadtests import bulk, counting, mixed, native, resolution, yardstick
from loadtests.figure import Figure
from node import foundation
from node.app import open_node
from node.embedded.postgres import EmbeddedPostgres
from node.http.entrance import probe
from node.settings import Settings
from registry.access.actor import console
from registry.enterprise.subject import Subject
from registry.prefix.prefixes import PrefixWish

SUBJECT = Subject(
    name="压力测试企业",
    credit_code="91110108589104047H",
    legal_person="测试",
    contact_name="测试",
    contact_phone="0760-22345678",
    contact_email="bench@example.com",
    address="广东省中山市",
    industry="C3872",
)


@dataclass(frozen=True)
class Bench:
    url: str
    database_url: str
    key: str
    prefix: str
    folder: Path
    settings: Settings
    pid: int  # of the node

    @property
    def node(self) -> resolution.Node:
        cache = self.settings.cache_mebibytes
        return resolution.Node(self.url, self.key, self.prefix, self.pid, cache)


@contextmanager
def node(folder: Path, change: Callable[[Settings], Settings] | None = None) -> Iterator[Bench]:
    """A durable PostgreSQL and a node of its own process, with an enterprise that may register.
    `change` gives it other settings."""
    with EmbeddedPostgres(folder / "postgres") as server:
        with probe("127.0.0.1", 0) as free, probe("127.0.0.1", 0) as also_free:
            port, handle_port = free, also_free
        settings = Settings(
            database_url=server.url,
            secondary_prefix="88.118",
            sealing_key_file=str(folder / "sealing.key"),
            port=port,
            handle_port=handle_port,
            log_level="warning",
        )
        settings = change(settings) if change else settings
        key, prefix = asyncio.run(_enterprise(settings))
        with _serving(settings) as pid:
            url = f"http://127.0.0.1:{port}"
            yield Bench(url, server.url, key, prefix, folder, settings, pid)


@contextmanager
def another(bench: Bench) -> Iterator[resolution.Node]:
    """A second process on the same database."""
    with _another(bench, handle_port=None) as (port, pid):
        yield bench.node._replace(url=f"http://127.0.0.1:{port}", pid=pid)


@contextmanager
def _another(bench: Bench, *, handle_port: int | None) -> Iterator[tuple[int, int]]:
    """Its HTTP port and its number."""
    with probe("127.0.0.1", 0) as free:
        port = free
    settings = msgspec.structs.replace(bench.settings, port=port, handle_port=handle_port)
    with _serving(settings) as pid:
        yield port, pid


async def _enterprise(settings: Settings) -> tuple[str, str]:
    await foundation.prepare(settings)
    async with open_node(settings) as opened:
        wiring = opened.wiring
        application = await wiring.enterprises.apply(console(), SUBJECT)
        number = application.enterprise.enterprise_id
        await wiring.enterprises.verify(console(), number, "benchmark")
        prefix = await wiring.prefixes.request(console(), PrefixWish(enterprise_id=number))
        await wiring.prefixes.approve(console(), prefix.prefix)
        await wiring.prefixes.settle_review(console(), prefix.prefix, True, "")
        return application.key.secret, prefix.prefix


@contextmanager
def _serving(settings: Settings, program: str = "node") -> Iterator[int]:
    """The process's number, while it serves."""
    environment = os.environ | {
        f"BIAOSHI_{name.upper()}": str(value)
        for name, value in msgspec.to_builtins(settings).items()
        if isinstance(value, str | int | float)
    }
    process = subprocess.Popen([sys.executable, "-m", program, "serve"], env=environment)
    try:
        _wait_for(f"http://127.0.0.1:{settings.port}/readyz", process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit("the node did not start")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the node did not become ready")


def streams(bench: Bench, lines: int, *, scattered: bool) -> list[Figure]:
    """The bulk stream against raw COPY of the same rows."""
    name = "random" if scattered else "serial"
    source = bench.folder / f"{name}.ndjson"
    bulk.write(source, bench.prefix, lines, scattered=scattered)
    seconds, answer = bulk.stream(bench.url, bench.key, source)
    if answer.summary["totals"]["created"] != lines:
        raise SystemExit(f"not all were created: {answer.summary}")
    rate = lines / seconds
    copied = asyncio.run(yardstick.copy(bench.database_url, _rows(source)))
    source.unlink()
    target = "≥ 60,000/s" if scattered else "≥ 100,000/s, ratio ≥ 0.2"
    figures = [
        Figure(f"bulk stream, {name} suffixes", f"{rate:,.0f}/s", f"{rate / copied:.2f}", target),
        Figure("  raw COPY of the same rows", f"{copied:,.0f}/s"),
    ]
    flat = _flatness(answer.committed, lines)
    if flat is not None:
        figures.append(Figure("  last fifth against the first", "", f"{flat:.2f}", "≥ 0.9"))
    return figures


def _rows(source: Path) -> Path:
    """The rows of a file of registrations in COPY's text format."""
    target = source.with_suffix(".copy")
    with source.open() as lines, target.open("w") as out:
        for line in lines:
            item = json.loads(line)
            value = json.dumps(item["values"]).replace("\\", "\\\\")
            out.write(f"1\t1\t{item['handle'].partition('/')[2]}\t{value}\n")
    return target


def _flatness(committed: list[tuple[float, int]], lines: int) -> float | None:
    """The rate over the last fifth of the lines, divided by that over the first."""
    if len(committed) < 20:
        return None

    def rate(low: float, high: float) -> float:
        inside = [(t, n) for t, n in committed if low * lines <= n <= high * lines]
        return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])

    return rate(0.8, 1.0) / rate(0.0, 0.2)


def blocks(bench: Bench, count: int) -> list[Figure]:
    """Serial blocks with a data template against `insert … select` of as many rows: new, and sent
    again."""
    asked = mixed.block(bench.url, bench.key, bench.prefix, count)
    new, again = asyncio.run(asked)
    inserted = asyncio.run(yardstick.insert_select(bench.database_url, count))
    target = "≥ 150,000/s"
    return [
        Figure("serial block, new", f"{new:,.0f}/s", f"{new / inserted:.2f}", target),
        Figure("  sent again", f"{again:,.0f}/s", f"{again / inserted:.2f}", target),
        Figure("  insert … select of as many rows", f"{inserted:,.0f}/s"),
    ]


def sizes(bench: Bench, count: int) -> list[Figure]:
    """Bytes for an identifier of 12 characters with a data template, in a table like the node's
    that is filled in either order."""
    figures = []
    for name, scattered in (("in serial order", False), ("at random", True)):
        size = asyncio.run(yardstick.templated_bytes(bench.database_url, count, scattered))
        what = f"bytes per identifier, {name}"
        figures.append(Figure(what, f"{size:.1f}", target="≤ 130"))
    return figures


def company(bench: Bench, known: int, count: int) -> list[Figure]:
    """Single resolutions while a stream, an upload, an export and a query are going on."""
    command = [sys.executable, "-m", "loadtests.mixed", bench.url, bench.key, bench.prefix]
    done = subprocess.run(
        [*command, str(known), str(count)], check=True, stdout=subprocess.PIPE, text=True
    )
    result = json.loads(done.stdout)
    return [
        Figure(
            "resolutions in company, p50 / p99",
            f"{result['p50_ms']:.1f} / {result['p99_ms']:.1f} ms",
            target="p99 ≤ 50 ms",
        ),
        Figure("  alone", f"{result['alone_p50_ms']:.1f} / {result['alone_p99_ms']:.1f} ms"),
    ]


def singles(bench: Bench, count: int) -> list[Figure]:
    """Concurrent PUTs against one connection's commits."""
    alone = asyncio.run(yardstick.one_commit_each(bench.database_url))
    command = [sys.executable, "-m", "loadtests.single", bench.url, bench.key, bench.prefix]
    done = subprocess.run([*command, str(count), "64"], check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    return [
        Figure(
            "single PUTs, 64 connections",
            f"{result['rate']:,.0f}/s",
            f"{result['rate'] / alone:.2f}",
            "≥ 8,000/s, ratio ≥ 2",
        ),
        Figure(
            "  their p50 / p99",
            f"{result['p50_ms']:.1f} / {result['p99_ms']:.1f} ms",
            target="p99 ≤ 50 ms",
        ),
        Figure("  one connection, a commit for each row", f"{alone:,.0f}/s"),
    ]


def counts(bench: Bench) -> list[Figure]:
    """Resolutions with the journal against those of a node without, and the keeper's rounds."""
    with probe("127.0.0.1", 0) as free:
        port = free
    settings = msgspec.structs.replace(bench.settings, port=port, handle_port=None)
    pattern = f"/api/handles/{bench.prefix}/RES%09d"
    with _serving(settings, "loadtests.unnoted") as pid:
        noted = counting.Side(bench.url, bench.pid)
        cost = counting.cost(noted, counting.Side(f"http://127.0.0.1:{port}", pid), pattern)
    return [
        Figure(
            "resolutions with the journal, 64 connections",
            f"{cost.noted.rate:,.0f}/s",
            f"{cost.rate:.2f}",
            "ratio ≥ 0.92",
        ),
        Figure("  without it", f"{cost.unnoted.rate:,.0f}/s"),
        Figure(
            "  processor time for an answer, with and without",
            f"{cost.noted.processor:.2f} / {cost.unnoted.processor:.2f} µs",
            f"{cost.processor:.2f}",
        ),
        Figure("records judged and summed up", f"{counting.round_rate():,.0f}/s"),
    ]


def _register(bench: Bench, handle: str) -> None:
    body = b'{"values":[{"index":1,"type":"URL","data":"https://example.com/p/1"}]}'
    headers = {"Authorization": f"Bearer {bench.key}", "Content-Type": "application/json"}
    url = f"{bench.url}/v1/identifiers/{handle}"
    request = urllib.request.Request(url, body, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=10):
        pass


def natively(bench: Bench, seconds: float) -> list[Figure]:
    """The Handle protocol against a plain aiohttp application that answers the same record. It is
    a worker that answers: the keeper, which counts, is another process."""
    handle = f"{bench.prefix}/WIRE"
    _register(bench, handle)
    with urllib.request.urlopen(f"{bench.url}/api/handles/{handle}") as answer:
        record = answer.read()
    with probe("127.0.0.1", 0) as free:
        handle_port = free
    with _another(bench, handle_port=handle_port):
        lines = native.measure(handle_port, handle, record, seconds)
    figures = []
    for line in lines:
        target = f"ratio ≥ {line.wanted:.2f}, no stalls" if line.wanted else ""
        figures.append(Figure(line.what, f"{line.rate:,.0f}/s", f"{line.ratio:.2f}", target))
        slowest = f"{line.p99_ms:.1f} / {line.max_ms:.0f} ms, {line.stalls} stalls"
        figures.append(Figure("  p99 / slowest", slowest))
    return figures


def show(figures: list[Figure]) -> None:
    table = Table(title="Benchmarks of this run", title_justify="left")
    for column in ("what", "measured", "ratio", "wanted"):
        table.add_column(column, justify="left" if column in ("what", "wanted") else "right")
    for figure in figures:
        table.add_row(figure.what, figure.value, figure.ratio, figure.target)
    Console(width=100).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of each bulk stream")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each native load")
    parser.add_argument("--puts", type=int, default=30_000, help="single registrations")
    parser.add_argument(
        "--identifiers", type=int, default=1_000_000, help="identifiers to resolve among"
    )
    parser.add_argument("--only", choices=["resolution"], help="this part alone")
    parser.add_argument("--block", type=int, default=500_000, help="identifiers of a serial block")
    parser.add_argument("--resolutions", type=int, default=3_000, help="in company and alone")
    options = parser.parse_args()
    from loadtests import log  # which stands on this module

    folder = Path(tempfile.mkdtemp(prefix="biaoshi-bench-"))
    folder.chmod(0o711)  # as root the server has an account of its own, which must get in
    try:
        with node(folder) as bench:
            resolution.register(bench.node, options.identifiers)
            asyncio.run(yardstick.settle(bench.database_url))
            with another(bench) as other:
                figures = resolution.figures(bench.node, other, options.identifiers)
            if options.only:
                show(figures)
                return
            figures += [
                *counts(bench),
                *natively(bench, options.seconds),
                *singles(bench, options.puts),
                *streams(bench, options.lines, scattered=False),
                *streams(bench, options.lines, scattered=True),
                *blocks(bench, options.block),
                *sizes(bench, options.block),
                *company(bench, options.lines, options.resolutions),
            ]
        figures += log.figures(folder, options.lines)
        show(figures)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
