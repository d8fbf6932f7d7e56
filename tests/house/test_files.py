"""What is kept in the repository: sources, not what they make."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST = 1 << 20  # bytes of a file
KEPT = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Makefile",
    "README.md",
    "award",
    "deploy",
    "docs",
    "loadtests",
    "metrics",
    "node",
    "pyproject.toml",
    "registry",
    "requirements",
    "resolver",
    "tests",
}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [Path(name) for name in listed.stdout.split("\0") if name]


def test_nothing_lies_about_at_the_top() -> None:
    assert {path.parts[0] for path in tracked()} <= KEPT


def test_no_file_is_large_but_fonts() -> None:
    found = [path for path in tracked() if (ROOT / path).is_file()]
    assert found
    large = {path for path in found if (ROOT / path).stat().st_size > MOST}
    assert {path for path in large if path.suffix != ".ttf"} == set()
