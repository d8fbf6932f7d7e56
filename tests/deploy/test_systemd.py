"""The systemd unit fits the program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.program import program
from node.settings import Settings
from node.supervision.supervisor import OVERTIME
from tests.deploy.expressions import DEPLOY

UNIT = (DEPLOY / "systemd" / "biaoshi.service").read_text("utf-8")
SETTINGS = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))


def test_it_has_time_to_end_in_order() -> None:
    """First the workers, then the keeper."""
    default: float = Settings.__struct_defaults__[
        Settings.__struct_fields__.index("drain_seconds") - len(Settings.__struct_fields__)
    ]
    assert int(SETTINGS["TimeoutStopSec"]) >= 2 * (default + OVERTIME)
    assert SETTINGS["KillMode"] == "mixed"  # the supervisor passes the signal on


def test_systemd_takes_it(tmp_path: Path) -> None:
    """As installed: with the program there."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "biaoshi.service"
    unit.write_text(UNIT.replace("/opt/biaoshi/.venv/bin/biaoshi", sys.executable), "utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert unit.name not in told  # it may speak of the machine's own units


def test_its_commands_are_the_programs() -> None:
    for name in ("ExecStartPre", "ExecStart"):
        command, *rest = SETTINGS[name].split()[1:]
        assert command in program()
        assert rest == ["--config", "/etc/biaoshi/biaoshi.toml"]
