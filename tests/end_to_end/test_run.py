"""`biaoshi run` as a newcomer starts it, and everything that can befall it."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from node.embedded.postgres import EmbeddedPostgres, running_url
from tests.node.cli.command import FREE_PORTS, Started, biaoshi, environment

NOBODY = 65534
READY = "Ctrl-C stops everything"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Where the data folder of most tests here is; they run one after the other on it.

    Not below pytest's own folder, which every other run of pytest closes: as root the database
    has a user of its own, who must get in.
    """
    home = Path(tempfile.mkdtemp(prefix="biaoshi-run-"))
    home.chmod(0o711)
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def first(home: Path) -> subprocess.CompletedProcess[str]:
    return biaoshi("run", "--once", *FREE_PORTS, home=home)


@pytest.fixture
def serving(home: Path, first: object) -> Iterator[Started]:
    with Started("run", *FREE_PORTS, home=home) as started:
        yield started.wait_for(READY)


def demo(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / ".data" / "demo.json").read_text())
    return found


def ask(url: str, *, key: str | None = None, method: str = "GET", body: str | None = None) -> Any:
    request = urllib.request.Request(url, method=method, data=body.encode() if body else None)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def test_once_takes_the_tour_and_exits_with_0(
    first: subprocess.CompletedProcess[str],
) -> None:
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    for told in (
        "中山市示范灯饰有限公司",
        "核验通过",
        "88.118.1 正常",
        "1,000 created",
        "新中式餐厅吊灯",
        "86.1000.1/DEMO-0001",
        "永磁同步伺服电机",
    ):
        assert told in first.stdout
    assert len(re.findall(r"^\d +\S.* [\d,]+\.\d *$", first.stdout, re.MULTILINE)) == 9


def test_piped_output_has_no_codes_and_no_keys(
    first: subprocess.CompletedProcess[str], home: Path
) -> None:
    assert "\x1b" not in first.stdout
    assert "bsk_" not in first.stdout + (home / ".data" / "node.log").read_text()


def test_demo_json_is_for_its_owner(first: object, home: Path) -> None:
    assert (home / ".data" / "demo.json").stat().st_mode & 0o777 == 0o600
    found = demo(home)
    assert found["prefix"] == "88.118.1"
    for name in ("enterprise_key", "operator_key", "bureau_key"):
        assert re.fullmatch(r"bsk_\w{12}_[\w-]{43}", found[name])
    assert found["handle_admin"] == "300:88.118.1/ADMIN"


def test_again_on_the_same_data_nothing_is_doubled(first: object, home: Path) -> None:
    before = demo(home)
    again = biaoshi("run", "--once", *FREE_PORTS, home=home)
    assert again.returncode == 0, again.stderr
    assert "1,000 unchanged" in again.stdout
    assert "created" not in again.stdout
    addresses = {name for name in before if name.endswith("_url")}
    after = demo(home)
    assert {k: v for k, v in after.items() if k not in addresses} == {
        k: v for k, v in before.items() if k not in addresses
    }


def test_lost_keys_are_made_anew(first: object, home: Path) -> None:
    before = demo(home)
    (home / ".data" / "demo.json").unlink()
    again = biaoshi("run", "--once", *FREE_PORTS, home=home)
    assert again.returncode == 0, again.stderr
    after = demo(home)
    assert after["prefix"] == before["prefix"]
    assert after["enterprise_key"] != before["enterprise_key"]


def test_it_serves_and_its_lines_work_when_pasted(serving: Started, home: Path) -> None:
    known = demo(home)
    for name, status in (("operator_key", 200), ("enterprise_key", 200), ("bureau_key", 403)):
        assert _status(f"{known['base_url']}/v1/keys", known[name]) == status
    lines = [line for line in serving.output.splitlines() if line.startswith("curl ")]
    resolved, registered, handle = (_pasted(line) for line in lines)
    assert resolved["handle"] == known["example"]
    assert registered["outcome"] in ("created", "unchanged")
    assert handle["responseCode"] == 1
    assert ask(f"{known['base_url']}/readyz")["status"] == "ready"


def test_a_second_one_on_the_same_folder_is_refused(serving: Started, home: Path) -> None:
    second = biaoshi("run", *FREE_PORTS, home=home)
    assert_one_line(second, "in use by process")
    assert serving.process.poll() is None


def test_a_taken_port_is_named_before_anything_is_made(serving: Started, home: Path) -> None:
    port = demo(home)["base_url"].rpartition(":")[2]
    refused = biaoshi("run", "--data", "other", *FREE_PORTS[1:], "--port", port, home=home)
    assert_one_line(refused, f"port {port}", "--port")
    assert not (home / "other" / "postgres").exists()


def test_ctrl_c_stops_everything_in_order(serving: Started, home: Path) -> None:
    assert serving.stop(signal.SIGINT) == 0
    assert serving.errors == ""
    assert serving.output.splitlines()[-1].startswith("已依次停止")
    assert running_url(home / ".data" / "postgres") is None


def test_ctrl_c_while_starting_stops_as_well(first: object, home: Path) -> None:
    lock = home / ".data" / "lock"
    with Started("run", *FREE_PORTS, home=home) as started:
        while lock.read_text().strip() != str(started.process.pid):
            assert started.process.poll() is None, started.errors
            time.sleep(0.01)
        status = started.stop(signal.SIGINT)
    assert status == 0
    assert started.errors == ""
    assert running_url(home / ".data" / "postgres") is None


def test_killed_it_starts_again_at_once(serving: Started, home: Path) -> None:
    known = demo(home)
    handle = f"{known['prefix']}/KILLED-1"
    body = '{"values": [{"index": 1, "type": "URL", "data": "https://example.com"}]}'
    url = f"{known['base_url']}/v1/identifiers/{handle}"
    assert ask(url, key=known["enterprise_key"], method="PUT", body=body)["batch"]
    assert serving.stop(signal.SIGKILL) == -signal.SIGKILL
    port = known["base_url"].rpartition(":")[2]
    with Started("run", *FREE_PORTS[1:], "--port", port, home=home) as again:
        again.wait_for(READY)
        resolved = ask(f"{demo(home)['base_url']}/v1/resolve/{handle}")
        assert resolved["values"][0]["data"]["value"] == "https://example.com"
        assert again.stop(signal.SIGTERM) == 0


def test_a_tour_that_cannot_go_on_says_why(home: Path, first: object) -> None:
    with Started("run", *FREE_PORTS, home=home) as started:
        started.wait_for(READY)
        decide(home, "suspend", '{"note": "x"}')
    once = biaoshi("run", "--once", *FREE_PORTS, home=home)
    assert_one_line(once, "the demonstration's enterprise is suspended")
    with Started("run", *FREE_PORTS, home=home) as started:
        started.wait_for(READY)  # it serves all the same
        assert "the tour ended early" in started.errors
        decide(home, "resume")


def test_the_data_of_another_postgresql_are_left_alone(first: object, home: Path) -> None:
    cluster = home / ".data" / "postgres" / "cluster"
    version = (cluster / "PG_VERSION").read_text()
    (cluster / "PG_VERSION").write_text("9\n")
    try:
        assert_one_line(biaoshi("run", *FREE_PORTS, home=home), "PostgreSQL 9")
    finally:
        (cluster / "PG_VERSION").write_text(version)


def test_the_data_of_a_newer_program_are_left_alone(first: object, home: Path) -> None:
    _execute(home, "INSERT INTO migration (name, checksum) VALUES ('9999_future.sql', 'x')")
    try:
        assert_one_line(biaoshi("run", *FREE_PORTS, home=home), "9999_future.sql", "newer version")
    finally:
        _execute(home, "DELETE FROM migration WHERE name = '9999_future.sql'")


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    # As root the rights are given up after all code was read, which may be closed to others.
    script = f"""
import os
from node.cli.program import execute
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
raise SystemExit(execute(["run", "--data", {str(closed / "data")!r}]))
"""
    refused = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert_one_line(refused, "closed", "Permission denied")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    refused = biaoshi("run", "--data", "file", home=tmp_path)
    assert_one_line(refused, "Not a directory")
    assert (tmp_path / "file").read_text() == "mine"


def decide(home: Path, step: str, body: str | None = None) -> None:
    """What an operator decides on the demonstration's enterprise."""
    known = demo(home)
    url = f"{known['base_url']}/v1/enterprises/{known['enterprise_id']}/{step}"
    ask(url, key=known["operator_key"], method="POST", body=body)


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """It failed, with one line that says all that."""
    assert done.returncode == 1
    assert done.stderr.startswith("biaoshi: ")
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def _status(url: str, key: str) -> int:
    try:
        ask(url, key=key)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    return 200


def _pasted(line: str) -> Any:
    """What a line for curl answers, without needing curl: the shell itself splits it."""
    show = "curl() { printf '%s\\0' \"$@\"; }; " + line
    split = subprocess.run(["bash", "-c", show], capture_output=True, text=True, check=True)
    arguments = iter(split.stdout.split("\0")[:-1])
    method, headers, body, url = "GET", {}, None, ""
    for argument in arguments:
        if argument == "-X":
            method = next(arguments)
        elif argument == "-H":
            name, _, value = next(arguments).partition(":")
            headers[name] = value.strip()
        elif argument == "-d":
            body = next(arguments).encode()
        else:
            url = argument
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _execute(home: Path, statement: str) -> None:
    async def work(url: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with EmbeddedPostgres(home / ".data" / "postgres") as server:
        asyncio.run(work(server.url))
