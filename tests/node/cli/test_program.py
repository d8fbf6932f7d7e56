"""Ways of ending: help, misuse, failures, and what each leaves as exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.program import execute
from node.version import VERSION
from tests.node.cli.command import biaoshi, environment

COMMANDS = ("doctor", "enterprise", "key", "migrate", "prefix", "register", "resolve", "run")
COMMANDS += ("sandbox", "serve", "settings", "version")


def test_version(tmp_path: Path) -> None:
    for arguments in (["version"], ["--version"]):
        told = biaoshi(*arguments, home=tmp_path)
        assert told.returncode == 0
        assert VERSION in told.stdout


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"│ {command} " in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([command, "--help"]) == 0
    assert f"Usage: biaoshi {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["run", "--port", "65536"],
        ["run", "--port", "many"],
        ["run", "--review-seconds", "-1"],
        ["resolve"],
        ["enterprise", "verify", "1"],
        ["key", "create", "--role", "king"],
        ["prefix", "list", "--state", "sad"],
        ["settings", "--colour"],
    ],
)
def test_misuse_is_one_line_and_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("biaoshi: ")
    assert printed.err.count("\n") == 1


def test_a_node_that_is_away_is_one_line_and_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["resolve", "88.118.1/x", "--url", "http://127.0.0.1:1"]) == 1
    told = "biaoshi: cannot reach the node at http://127.0.0.1:1: Connection refused\n"
    assert capsys.readouterr().err == told


def test_for_debugging_failures_show_where(tmp_path: Path) -> None:
    arguments = ("resolve", "88.118.1/x", "--url", "http://127.0.0.1:1")
    shown = biaoshi(*arguments, home=tmp_path, BIAOSHI_DEBUG="1")
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr


def test_a_reader_that_leaves_early_is_no_crash(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "node", "settings"],
        env=environment(tmp_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert b"Traceback" not in done.stderr


def test_a_terminal_without_chinese_is_no_crash(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "node", "settings"],
        env=environment(tmp_path) | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert shown.returncode == 0
    assert b"database_url" in shown.stdout
