"""The rules as promtool sees them."""

from __future__ import annotations

import shutil
import subprocess

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
