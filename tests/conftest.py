"""A real PostgreSQL for every test that asks for one, and a plain word about what was skipped."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog

from node.embedded.postgres import EmbeddedPostgres

TEMPLATE = "migrated"


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    """Thousands of lines about requests would bury what a failed test has to say."""
    _log_from(logging.WARNING)
    yield
    structlog.reset_defaults()


@pytest.fixture
def every_log_line(_quiet_log: None) -> None:
    """For tests of the log itself, whose every line `capture_logs` then gets."""
    _log_from(logging.DEBUG)


def _log_from(level: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))


@pytest.fixture(scope="session")
def scratch() -> Path:
    """Where files go that need not last: in memory, where databases are copied ten times as fast.

    Containers often have a few megabytes there, too few for a cluster; then on the disk.
    """
    memory = Path("/dev/shm")
    try:
        roomy = shutil.disk_usage(memory).free > 4 << 30
    except OSError:
        roomy = False
    return memory if roomy else Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def postgres_server(scratch: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL for the whole run. Its data may be lost, so nothing is flushed to disk."""
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-test-", dir=scratch))
    folder.chmod(0o711)  # as root the server has an account of its own, which must get in
    settings = {"max_connections": "200", "max_wal_size": "256MB"}
    server = EmbeddedPostgres(folder, durable=False, settings=settings)
    try:
        with server:
            yield server
    finally:
        for place in (server.home, folder):
            shutil.rmtree(place or folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database with our schema and no rows, which others are copied from."""
    _as_superuser(postgres_server, f"CREATE DATABASE {TEMPLATE} OWNER biaoshi")
    asyncio.run(_migrate(postgres_server.url_of(TEMPLATE)))
    return TEMPLATE


@pytest.fixture(scope="session")
def _database_names() -> Iterator[str]:
    return (f"test_{number}" for number in itertools.count())


@pytest.fixture
def database_url(
    postgres_server: EmbeddedPostgres, template_database: str, _database_names: Iterator[str]
) -> Iterator[str]:
    """The address of a fresh database with our schema, for one test."""
    name = next(_database_names)
    copied = f"OWNER biaoshi TEMPLATE {template_database} STRATEGY file_copy"
    _as_superuser(postgres_server, f"CREATE DATABASE {name} {copied}")
    yield postgres_server.url_of(name)
    _as_superuser(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database_url(
    postgres_server: EmbeddedPostgres, _database_names: Iterator[str]
) -> Iterator[str]:
    """The address of a database without our schema, for one test."""
    name = next(_database_names)
    _as_superuser(postgres_server, f"CREATE DATABASE {name} OWNER biaoshi")
    yield postgres_server.url_of(name)
    _as_superuser(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


async def _migrate(url: str) -> None:
    from registry.migration import migrate

    connection = await asyncpg.connect(url)
    try:
        await migrate(connection)
    finally:
        await connection.close()


def _as_superuser(server: EmbeddedPostgres, statement: str) -> None:
    asyncio.run(_execute(server.url_of("postgres", "postgres"), statement))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = _skipped(terminalreporter)
    if reasons:
        told = "; ".join(f"{len(tests)} because {reason}" for reason, tests in reasons.items())
        terminalreporter.line("")
        terminalreporter.line(f"Not tested on this machine: {told}")
        if _strict():
            terminalreporter.line("In CI nothing may be skipped: install what is missing.")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI set, a run that skipped anything has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if _strict() and reporter and _skipped(reporter) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped(reporter: pytest.TerminalReporter) -> dict[str, list[str]]:
    """Reasons, each with the tests skipped for it."""
    reasons: dict[str, list[str]] = {}
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        reasons.setdefault(reason, []).append(report.nodeid)
    return reasons


def _strict() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")
