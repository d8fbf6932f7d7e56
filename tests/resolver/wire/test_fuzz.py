"""The coverage-guided fuzzer finds nothing: a minute in every run, an hour with `make soak`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MINUTE, HOUR = 60, 3600
# A developer's run takes a taste of it.
SECONDS = MINUTE if os.environ.get("CI", "").lower() not in ("", "0", "false") else 10


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this machine"
)
@pytest.mark.parametrize("seconds", [SECONDS, pytest.param(HOUR, marks=pytest.mark.soak)])
@pytest.mark.timeout(HOUR + 600)
def test_fuzzing(seconds: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.resolver.wire.fuzz", str(seconds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "DONE" in done.stderr or "Done" in done.stderr, done.stderr[-1000:]
