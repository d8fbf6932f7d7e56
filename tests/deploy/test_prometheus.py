"""The rules as promtool sees them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.expressions import DEPLOY

FOLDER = DEPLOY / "prometheus"


@pytest.fixture
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed")
    return program


def run(promtool: str, *arguments: object) -> None:
    done = subprocess.run(
        [promtool, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_and_the_rules_it_names(promtool: str) -> None:
    run(promtool, "check", "config", FOLDER / "prometheus.yml")


def test_the_rules(promtool: str) -> None:
    run(promtool, "test", "rules", *sorted((FOLDER / "tests").glob("*.test.yml")))


@pytest.mark.parametrize("file", sorted((FOLDER / "tests").glob("*.test.yml")))
def test_groups_are_evaluated_in_order(file: Path) -> None:
    """Those that no order names are evaluated in another one each time; then tests fail at random
    that ask for what another group records."""
    order = re.search(r"^group_eval_order: \[(.*)\]$", file.read_text("utf-8"), re.MULTILINE)
    assert order is not None
    groups = [
        name
        for rules in ("recording.yml", "alerts.yml")
        for name in re.findall(r"^  - name: (\S+)$", (FOLDER / "rules" / rules).read_text(), re.M)
    ]
    assert order[1].split(", ") == groups
