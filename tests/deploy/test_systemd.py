"""The systemd unit fits the program."""

from __future__ import annotations

import re

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


def test_its_commands_are_the_programs() -> None:
    for name in ("ExecStartPre", "ExecStart"):
        command, *rest = SETTINGS[name].split()[1:]
        assert command in program()
        assert rest == ["--config", "/etc/biaoshi/biaoshi.toml"]
