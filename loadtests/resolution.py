"""Resolution: cached, uncached, under a scan, beside bad clients, and how soon changes are seen."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from loadtests.figure import Figure

CONNECTIONS = 64
SECONDS = 5.0
CACHED = 1000  # identifiers of the cached runs
ROUNDS = 3  # both sides take turns, and the medians are told
BAD_CLIENTS = 500
CHANGES = 200
PATTERN = "RES{serial:09d}"


class Node(NamedTuple):
    """A node under test. `pid` is its process."""

    url: str
    key: str
    prefix: str
    pid: int
    cache_mebibytes: int


class Rate(NamedTuple):
    rate: float
    p99_ms: float


def register(node: Node, count: int) -> None:
    """Register a block of identifiers, each with a URL."""
    wish = {
        "pattern": PATTERN,
        "start": 1,
        "count": count,
        "values": [{"index": 1, "type": "URL", "data": "https://example.com/products/lamp"}],
    }
    job = _ask(node, "POST", f"/v1/prefixes/{node.prefix}/blocks", wish)
    while (state := _ask(node, "GET", f"/v1/jobs/{job['job_id']}"))["state"] != "done":
        if state["state"] not in ("queued", "running"):
            raise SystemExit(f"the block was not registered: {state}")
        time.sleep(0.5)


def figures(node: Node, other: Node, count: int) -> list[Figure]:
    """`other` is a second process on the same database; `count` identifiers are registered."""
    return [
        *cached(node),
        *uncached(node, count),
        *beside_bad_clients(node),
        visibility(node, other),
    ]


def cached(node: Node) -> list[Figure]:
    """Against a plain aiohttp application that returns the same bytes, taking turns."""
    pattern = f"/api/handles/{node.prefix}/RES%09d"
    body = urllib.request.urlopen(node.url + pattern % 1).read()
    mine, theirs = [], []
    with _plain(body) as plain:
        drive(node.url, pattern, CACHED, 1.0)
        for _ in range(ROUNDS):
            theirs.append(drive(plain, pattern, CACHED, SECONDS))
            mine.append(drive(node.url, pattern, CACHED, SECONDS))
    ours, plain_rate = _median(mine), _median(theirs)
    return [
        Figure(
            f"resolution, cached, {CONNECTIONS} connections",
            f"{ours.rate:,.0f}/s",
            f"{ours.rate / plain_rate.rate:.2f}",
            "ratio ≥ 2.5, aim 3",
        ),
        Figure(
            "  p99, and against the plain application's",
            f"{ours.p99_ms:.1f} ms",
            f"{ours.p99_ms / plain_rate.p99_ms:.2f}",
            "ratio ≤ 0.5",
        ),
        Figure("  a plain aiohttp application", f"{plain_rate.rate:,.0f}/s"),
    ]


def uncached(node: Node, count: int) -> list[Figure]:
    """Uniformly random over all that is registered, against a plain aiohttp application that asks
    nobody, taking turns; and the worker's memory while they go by."""
    pattern = f"/api/handles/{node.prefix}/RES%09d"
    body = urllib.request.urlopen(node.url + pattern % 1).read()
    before = resident(node.pid)
    mine, theirs = [], []
    with _plain(body) as plain:
        drive(node.url, pattern, count, SECONDS, scattered=True)
        for _ in range(ROUNDS):
            theirs.append(drive(plain, pattern, count, SECONDS, scattered=True))
            mine.append(drive(node.url, pattern, count, SECONDS, scattered=True))
    grown = resident(node.pid) - before
    ours, plain_rate = _median(mine), _median(theirs)
    return [
        Figure(
            f"resolution, random over {count:,}",
            f"{ours.rate:,.0f}/s",
            f"{ours.rate / plain_rate.rate:.2f}",
            "≥ 20,000/s over 10,000,000",
        ),
        Figure(
            "  p99, and against the plain application's",
            f"{ours.p99_ms:.1f} ms",
            f"{ours.p99_ms / plain_rate.p99_ms:.2f}",
            "≤ 10 ms",
        ),
        Figure("  a plain aiohttp application", f"{plain_rate.rate:,.0f}/s"),
        Figure(
            f"  memory grown, cache of {node.cache_mebibytes} MiB",
            f"{grown / 2**20:.0f} MiB",
            f"{grown / 2**20 / node.cache_mebibytes:.2f}",
            "bounded by the setting",
        ),
    ]


def beside_bad_clients(node: Node) -> list[Figure]:
    """Good clients alone and beside hundreds that send a byte a second, nothing, or garbage."""
    pattern = f"/api/handles/{node.prefix}/RES%09d"
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(drive(node.url, pattern, CACHED, SECONDS / 2))
        with _bad_clients(node.url):
            beside.append(drive(node.url, pattern, CACHED, SECONDS / 2))
    without, with_them = _median(alone), _median(beside)
    return [
        Figure(
            f"  p99 beside {BAD_CLIENTS} slow, half-open and mad connections",
            f"{with_them.p99_ms:.1f} ms",
            f"{with_them.p99_ms / without.p99_ms:.2f}",
            "does not move",
        )
    ]


def visibility(node: Node, other: Node) -> Figure:
    """From the answer to a change on one process to its first sight on another."""
    handle = f"{node.prefix}/RES000000001"
    here, there = _connection(node.url), _connection(other.url)
    waits = []
    for number in range(CHANGES):
        _get(there, handle)
        value = {"index": 2, "type": "NUMBER", "data": str(number)}
        here.request(
            "PATCH",
            f"/v1/identifiers/{handle}",
            json.dumps({"values": [value]}),
            {"Authorization": f"Bearer {node.key}", "Content-Type": "application/json"},
        )
        here.getresponse().read()
        started = time.perf_counter()
        while f'"value":"{number}"'.encode() not in _get(there, handle):
            if time.perf_counter() - started > 30:
                raise SystemExit("a change is not seen")
        waits.append(time.perf_counter() - started)
    waits.sort()
    return Figure(
        "a change seen by another process: p50 / worst",
        f"{waits[len(waits) // 2] * 1000:.1f} / {waits[-1] * 1000:.1f} ms",
        target="≤ 50 ms",
    )


def drive(url: str, pattern: str, count: int, seconds: float, *, scattered: bool = False) -> Rate:
    """Ask for identifiers in turn or at random, with wrk where it is installed."""
    if shutil.which("wrk"):
        return _wrk(url, pattern, count, seconds, scattered=scattered)
    command = [sys.executable, "-m", "loadtests.resolving", url, str(seconds), str(CONNECTIONS)]
    paths = ""
    if scattered:
        command += ["--scattered", pattern, str(count)]
    else:
        paths = "\n".join(pattern % number for number in range(1, count + 1))
    done = subprocess.run(command, input=paths, text=True, capture_output=True, check=True)
    told = json.loads(done.stdout)
    return Rate(told["rate"], told["p99_ms"])


_LUA = """
local i = 0
math.randomseed(os.time())
request = function()
  i = %s
  return wrk.format("GET", string.format("%s", i))
end
"""


def _wrk(url: str, pattern: str, count: int, seconds: float, *, scattered: bool) -> Rate:
    step = f"math.random({count})" if scattered else f"i % {count} + 1"
    script = Path(tempfile.gettempdir()) / f"biaoshi-wrk-{time.time_ns()}.lua"
    script.write_text(_LUA % (step, pattern))
    try:
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency"]
        done = subprocess.run(
            [*command, "-s", str(script), url], text=True, capture_output=True, check=True
        )
    finally:
        script.unlink()
    if "Non-2xx" in done.stdout:
        raise SystemExit(done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if rate is None or tail is None:
        raise SystemExit(done.stdout)
    return Rate(float(rate[1]), float(tail[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[tail[2]])


@contextmanager
def _plain(body: bytes) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtests.plain", str(port)], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(body)
    process.stdin.close()
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/api/handles/1/1").read()
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _bad_clients(url: str) -> Iterator[None]:
    command = [sys.executable, "-m", "loadtests.bad_clients", url, str(BAD_CLIENTS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        if process.stdout.readline() != b"at work\n":
            raise SystemExit("the bad clients did not come")
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def _median(rates: list[Rate]) -> Rate:
    middle = len(rates) // 2
    return Rate(sorted(r.rate for r in rates)[middle], sorted(r.p99_ms for r in rates)[middle])


def _connection(url: str) -> http.client.HTTPConnection:
    target = urlsplit(url)
    assert target.hostname is not None
    return http.client.HTTPConnection(target.hostname, target.port)


def _get(connection: http.client.HTTPConnection, handle: str) -> bytes:
    connection.request("GET", f"/api/handles/{handle}")
    return connection.getresponse().read()


def _ask(node: Node, method: str, path: str, body: object = None) -> dict[str, Any]:
    request = urllib.request.Request(
        node.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {node.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.loads(answer.read())
        return found
