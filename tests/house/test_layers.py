"""The shape of the source: who imports whom, who knows SQL, what happens at import, how long."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("node", "award", "metrics", "resolver", "registry")
NAMES = sorted(
    str(file.relative_to(ROOT)) for layer in LAYERS for file in (ROOT / layer).rglob("*.py")
)
LONGEST = 400  # lines

# Besides the stores: what makes tables, and what makes the database itself.
KNOWING = {"registry/migration.py", "node/embedded/cluster.py"}

# What makes a text a statement of SQL and not a sentence.
SQL = re.compile(
    r"\bSELECT\b.+\bFROM\b|\bSELECT pg_|\bINSERT INTO\b|\bUPDATE \w+\s+SET\b|\bDELETE FROM\b"
    r"|\b(CREATE|ALTER|DROP) (TABLE|INDEX|VIEW|DATABASE|ROLE)\b",
    re.DOTALL,
)
# Calls that make what must be made in one place and passed on.
MAKERS = {
    "create_pool", "connect", "from_url", "ClientSession", "Redis", "Counter", "Gauge", "Histogram",
    "Info", "Summary", "CollectorRegistry", "Instruments", "Settings", "load", "getenv", "open",
}  # fmt: skip
VAGUE = re.compile(r"(utils?|helpers?|common|managers?|services?|misc|stuff|base)\.py")


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text("utf-8"))


def texts(tree: ast.AST) -> Iterator[str]:
    """The strings of a module that are used: docstrings say things, they do nothing."""
    said = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def at_import(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that run when the module is imported: those within no function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from at_import(node)


def test_imports_run_in_one_straight_line() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("layer", LAYERS[1:])
def test_only_the_node_knows_http_servers(layer: str) -> None:
    for file in (name for name in NAMES if name.startswith(f"{layer}/")):
        for node in ast.walk(parsed(file)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            assert not [name for name in names if name.startswith("aiohttp.web")], file


def test_only_stores_know_sql() -> None:
    found = [
        (name, text)
        for name in NAMES
        if not (name.endswith("/store.py") or name in KNOWING)
        for text in texts(parsed(name))
        if SQL.search(text)
    ]
    assert not found


def test_statements_are_found_where_they_are() -> None:
    knowing = [name for name in NAMES if any(SQL.search(text) for text in texts(parsed(name)))]
    assert len(knowing) >= 6
    assert set(knowing) >= KNOWING


def test_columns_are_named() -> None:
    everything = [(name, text) for name in NAMES for text in texts(parsed(name))]
    assert not [pair for pair in everything if re.search(r"SELECT\s+(\w+\.)?\*", pair[1])]


def test_nothing_is_made_at_import() -> None:
    for name in NAMES:
        for call in at_import(parsed(name)):
            path = ast.unparse(call.func)
            assert path.rpartition(".")[2] not in MAKERS, f"{name} line {call.lineno}: {path}"
            assert "os.environ" not in ast.unparse(call), f"{name} line {call.lineno}"


def test_files_are_one_noun_long() -> None:
    lengths = {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in NAMES}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST}
    assert not [name for name in NAMES if VAGUE.fullmatch(Path(name).name)]


def test_every_module_says_what_it_is() -> None:
    assert not [name for name in NAMES if parsed(name).body and not ast.get_docstring(parsed(name))]


def test_no_task_is_left_alone() -> None:
    """A task has an owner that awaits it: a TaskGroup, or somebody who keeps the task."""
    for name in NAMES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                called = ast.unparse(node.value.func)
                bare = called in ("asyncio.create_task", "asyncio.ensure_future")
                assert not bare, f"{name} line {node.lineno}"
