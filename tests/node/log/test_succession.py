"""A database put back from a dump: the log is not forked, the operator opens successors, and what
was lost is said."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest

from metrics.log.keys import LogKeys, leaf_key_in
from metrics.log.statement import Statement
from metrics.log.store import owe_statement
from metrics.log.verification.run import Question, run
from node import foundation
from node.app import open_node
from node.embedded.account import server_account
from node.embedded.programs import find_programs
from node.sandbox.app import RunningSandbox
from node.serve import listening, working
from node.settings import Settings
from tests.node.live import Enterprise, Live
from tests.node.log.conftest import PATIENCE, Logged
from tests.node.log.test_command_line import run as biaoshi
from tests.node.log.test_command_line import written

YEAR = f"registrations-{datetime.now(UTC).year}"
NEXT = f"{YEAR}-2"


@asynccontextmanager
async def serving(settings: Settings, sandbox: RunningSandbox) -> AsyncIterator[Logged]:
    """A node, for a while."""
    await foundation.prepare(settings)
    async with (
        open_node(settings) as node,
        working(node),
        listening(node) as url,
        aiohttp.ClientSession() as session,
    ):
        keys = LogKeys.load(Path(settings.log_keys_folder or ""))
        yield Logged(Live(node, url, session, ""), keys, sandbox, settings)


async def put(logged: Logged, owner: Enterprise, *suffixes: str) -> None:
    for suffix in suffixes:
        path = f"/v1/identifiers/{owner.prefix}/{suffix}"
        body = {"values": [{"index": 1, "type": "A", "data": suffix}]}
        reply = await logged.live.ask("PUT", path, key=owner.key, json=body)
        assert reply.status == 201, reply.body


def dumped(url: str, file: Path) -> None:
    """A backup, as an operator makes one."""
    programs = find_programs(server_account())
    subprocess.run(
        [programs.bin / "pg_dump", "--format=custom", f"--file={file}", url], check=True, timeout=60
    )


def put_back(file: Path, url: str) -> None:
    programs = find_programs(server_account())
    subprocess.run(
        [programs.bin / "pg_restore", "--no-owner", f"--dbname={url}", file], check=True, timeout=60
    )


async def trouble_of(logged: Logged) -> str:
    """What the log's keeper says once it stops."""
    log = logged.live.node.wiring.log
    assert log is not None
    async with asyncio.timeout(PATIENCE):
        while log.keeping.trouble is None:  # noqa: ASYNC110 - production code needs no event for it
            await asyncio.sleep(0.02)
    return log.keeping.trouble


async def test_a_database_put_back_from_a_dump(
    settings: Settings,
    sandbox: RunningSandbox,
    empty_database_url: str,
    tmp_path: Path,
    log_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # some test runners set it
    backup, before, after = (tmp_path / name for name in ("backup", "before", "after"))
    async with serving(settings, sandbox) as logged:
        owner = await logged.live.enterprise()
        await put(logged, owner, "A", "B")
        await logged.checkpoint(YEAR, 2)
    dumped(settings.database_url, backup)
    async with serving(settings, sandbox) as logged:
        await put(logged, owner, "C", "D", "E")
        await logged.checkpoint(YEAR, 5)
        stated, _ = await logged.checkpoint("statements", 1)
        note = Statement("note", datetime.now(UTC), {})
        database = logged.live.node.wiring.database
        await database.transaction(lambda tx: owe_statement(tx, note.text))
        await logged.checkpoint("statements", stated.size + 1)
    assert await biaoshi("log", "export", before, "--config", written(settings, tmp_path)) == 0

    put_back(backup, empty_database_url)
    settings = msgspec.structs.replace(settings, database_url=empty_database_url)
    async with serving(settings, sandbox) as logged:
        assert "has seen" in await trouble_of(logged)
        await put(logged, owner, "F")  # registrations go on, and wait
        reply = await logged.live.ask("GET", f"/v1/receipts/{owner.prefix}/F", key=owner.key)
        assert reply.status == 202

    config = written(settings, tmp_path)
    arguments = ["--reason", "磁盘损坏", "--checkpoint", before / YEAR / "checkpoint"]
    capsys.readouterr()
    assert await biaoshi("log", "succeed", *arguments, "--config", config) == 0
    shown = capsys.readouterr().out
    assert NEXT in shown
    assert "statements-2" in shown
    assert "丢失" in shown
    assert await biaoshi("log", "succeed", "--reason", "again", "--config", config) == 0
    assert "none needs a successor" in capsys.readouterr().out

    async with serving(settings, sandbox) as logged:
        await logged.checkpoint(NEXT, 3)
        await put(logged, owner, "C", "G")  # one that was lost, by a client that sends it again
        checkpoint, _ = await logged.checkpoint(NEXT, 5)
        assert checkpoint.size == 5
        receipt = await logged.live.ask("GET", f"/v1/receipts/{owner.prefix}/A", key=owner.key)
        assert f"/{NEXT}\n" in str(receipt.body)
    assert await biaoshi("log", "export", after, "--config", config) == 0

    dump = [f"{owner.prefix}/{suffix}" for suffix in "ABCFG"]
    key = leaf_key_in(log_folder / "leaf.key")
    result = run(Question((before, after), key=key, dump=dump, processes=1))
    assert result.holds, result.findings
    assert result.matched == 5
    remark, _ = sorted(one for one in result.remarks if "磁盘损坏" in one)
    assert "3 leaves are lost" in remark
    assert "5 条里，2 条不在其中" in remark  # D and E; C was registered again
    assert await counted(empty_database_url) == 5
    assert run(Question((before,), processes=1)).holds


async def counted(url: str) -> int:
    """What the days' sums and so the award's are made of."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT sum(created) FROM batch"))
    finally:
        await connection.close()


async def test_a_log_that_can_go_on_is_not_succeeded(
    logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = await logged.live.enterprise()
    await put(logged, owner, "A")
    await logged.checkpoint(YEAR, 1)
    config = written(logged.settings, tmp_path)
    assert await biaoshi("log", "succeed", "--reason", "none", "--config", config) == 0
    assert "none needs a successor" in capsys.readouterr().out
    stranger = tmp_path / "stranger"
    note = (await logged.live.ask("GET", f"/log/{YEAR}/checkpoint")).body
    stranger.write_text(note.replace("node.example", "other.example"))
    arguments = ["--reason", "none", "--checkpoint", stranger, "--config", config]
    assert await biaoshi("log", "succeed", *arguments) == 1
    assert "is no log of" in capsys.readouterr().err
