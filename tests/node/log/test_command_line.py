"""keys, log and verify on the command line, against a live node's log."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from metrics.log.keys import LogKeys
from node.cli.program import execute
from node.settings import Settings
from tests.node.log.conftest import ORIGIN, Logged
from tests.node.log.test_receipts import receipt_of, registered

YEAR = f"registrations-{datetime.now(UTC).year}"


async def run(*arguments: str | Path) -> int:
    return await asyncio.to_thread(execute, [str(one) for one in arguments], {})


def written(settings: Settings, folder: Path) -> Path:
    """The settings as a file."""
    file = folder / "biaoshi.toml"
    found = msgspec.to_builtins(settings)
    lines = [
        f"{name} = {json.dumps(value)}"
        for name, value in found.items()
        if value is not None and value != [] and value != ()
    ]
    file.write_text("\n".join(lines))
    return file


async def test_export_and_verify(
    logged: Logged, tmp_path: Path, log_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, target = written(logged.settings, tmp_path), tmp_path / "out"
    owner, handle = await registered(logged, "A")
    await logged.checkpoint(YEAR, 1)
    assert await run("log", "export", target, "--config", config) == 0
    assert YEAR in capsys.readouterr().out
    assert await run("verify", target) == 0
    shown = capsys.readouterr().out
    assert "全部核验通过" in shown
    assert "演示数据" in shown
    assert "--log-key" in shown

    await logged.live.ask(
        "PUT",
        f"/v1/identifiers/{owner.prefix}/B",
        key=owner.key,
        json={"values": [{"index": 1, "type": "A", "data": "b"}]},
    )
    await logged.checkpoint(YEAR, 2)
    dump = tmp_path / "dump"
    assert await run("log", "export", target, "--dump", dump, "--config", config) == 0
    assert dump.read_text() == f"{owner.prefix}/A\n{owner.prefix}/B\n"
    end = {"type": "export", "complete": True, "identifiers": 1}
    spelled = [{"handle": f"{owner.prefix}/b", "values": []}, end]
    dump.write_text("\n".join([handle, *map(json.dumps, spelled)]))
    keys = [f"--log-key={key}" for name in ("statements", YEAR) for key in _keys(log_folder, name)]
    trusted = [*keys, f"--witness-key={logged.sandbox.witness_key}"]
    matching = ["--leaf-key", log_folder / "leaf.key", "--dump", dump]
    capsys.readouterr()
    assert await run("verify", target, *trusted, *matching, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] is True
    assert told["matched"] == 2
    assert {log["name"]: log["size"] for log in told["logs"]}[YEAR] == 2
    assert not [remark for remark in told["remarks"] if "--log-key" in remark]

    bundle = next((target / YEAR / "tile/entries/000.p").glob("2"))
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"?")
    assert await run("verify", target) == 1
    shown = capsys.readouterr().out
    assert "核验不通过" in shown
    assert "leaf-hash" in shown


def _keys(folder: Path, name: str) -> list[str]:
    return [str(key) for key in LogKeys.load(folder).verifiers(f"{ORIGIN}/{name}")]


async def test_a_receipt(
    logged: Logged, tmp_path: Path, log_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner, handle = await registered(logged, "A")
    file = tmp_path / "one.tlog-proof"
    file.write_text(await receipt_of(logged, handle, owner.key))
    trusted = [f"--log-key={key}" for key in _keys(log_folder, YEAR)]
    trusted.append(f"--witness-key={logged.sandbox.witness_key}")
    assert await run("verify", file, *trusted) == 0
    shown = capsys.readouterr().out
    assert "凭证有效" in shown
    assert "演示数据" in shown
    assert handle in shown
    assert await run("verify", file) == 1
    assert "核验不通过" in capsys.readouterr().out

    beside = [f"log {key}\n" for key in _keys(log_folder, YEAR)]
    (tmp_path / "keys").write_text("".join(beside) + f"witness {logged.sandbox.witness_key}\n")
    assert await run("verify", file) == 0
    assert "--log-key" in capsys.readouterr().out
    assert await run("verify", file, "--cosignatures=2") == 1
    assert "1 of 2 cosignatures" in capsys.readouterr().out


async def test_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "keys"
    assert await run("keys", "create", folder) == 0
    assert await run("keys", "create", folder) == 1
    capsys.readouterr()
    assert await run("keys", "show", folder, "--origin", ORIGIN, "--year", "2030", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["logs"]) == [f"{ORIGIN}/statements", f"{ORIGIN}/registrations-2030"]
    assert await run("keys", "rotate", folder) == 0
    assert await run("keys", "retire", folder) == 0
    assert sorted(one.name for one in folder.iterdir()) == [
        "leaf.key", "log-1.pem.retired", "log-2.pem",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [["verify"], ["verify", "nowhere"], ["verify", ".", "--dump", "dump"]]
)
async def test_misuse_is_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(*arguments) != 0
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


async def test_what_is_asked_of_a_log_is_not_passed_over_with_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.zip"
    report.write_bytes(b"")
    assert await run("verify", report, "--cosignatures", "2") != 0
    assert "--cosignatures are for logs" in capsys.readouterr().err
