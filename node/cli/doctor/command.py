"""The command itself: what is examined, and how it is shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text
from yarl import URL

from node.cli.doctor import database, front, log, machine, neighbours
from node.cli.doctor.finding import Finding, Level, failed, warning, well
from node.cli.serve import Config
from node.cli.terminal import console, facts, table
from node.demo.demonstration import FILE_NAME, Demonstration
from node.embedded.postgres import running_url
from node.run import settings_of
from node.sandbox.witness import verifier_in
from node.settings import Settings, load
from registry.errors import BiaoshiError

STYLES = {Level.WELL: "green", Level.WARNING: "yellow", Level.FAILED: "red"}


def add_to(app: App) -> None:
    app.command(doctor)


async def doctor(
    *,
    config: Config = None,
    data: Annotated[
        Path | None, Parameter(help="Look at a data folder of `biaoshi run` instead.")
    ] = None,
) -> int:
    """Check everything a node depends on, and say what to do where something is wrong.

    Exits with 1 when something essential fails.
    """
    here = Path.cwd()  # so that paths are shown in full
    found = await (_run_folder(here / data) if data else _configured(config, here))
    _show(found)
    return 1 if any(one.level is Level.FAILED for one in found) else 0


async def _configured(config: Path | None, here: Path) -> list[Finding]:
    subject = "设置 settings"
    try:
        settings = load(config, os.environ)
    except BiaoshiError as error:
        return [failed(subject, error.detail, "correct it; `biaoshi settings` lists all of them")]
    source = f"{config} and the environment" if config else "from the environment"
    folder = (here / settings.sealing_key_file).parent
    return [well(subject, source), *await _examine(settings, folder)]


async def _run_folder(folder: Path) -> list[Finding]:
    subject = "数据目录 data folder"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        there = os.access(folder, os.F_OK)
        said = f"{folder} cannot be written to" if there else f"there is no {folder}"
        remedy = "use the user who ran it" if there else "`biaoshi run` makes one"
        return [failed(subject, said, remedy)]
    try:
        demo = Demonstration.load(folder)
        url = running_url(folder / "postgres")
    except BiaoshiError as error:
        return [failed(subject, error.detail, "see above")]
    found = [well(subject, str(folder)), *_demo_file(folder)]
    if demo is None or url is None:
        stopped = warning("节点 node", "not running here", f"`biaoshi run --data {folder}`")
        return [*found, stopped, machine.disk(folder), machine.descriptors()]
    port = URL(demo.base_url).port or 0
    witness = verifier_in(folder / "sandbox")
    settings = settings_of(folder, url, port, demo.national_node_url, witness)
    return [*found, *await _examine(settings, folder)]


async def _examine(settings: Settings, folder: Path) -> list[Finding]:
    return [
        *await database.examine(settings),
        *await neighbours.examine(settings),
        *await front.examine(settings),
        *log.examine(settings),
        *machine.examine(settings, folder),
    ]


def _demo_file(folder: Path) -> list[Finding]:
    file = folder / FILE_NAME
    if file.exists() and file.stat().st_mode & 0o077:
        said = f"{file} can be read by others, and holds keys"
        return [failed("演示密钥 demonstration", said, f"run `chmod 600 {file}`")]
    return []


def _show(found: Sequence[Finding]) -> None:
    out = console()
    shown = table("", "检查项 Checked", "结果 Found")
    for one in found:
        shown.add_row(Text(one.level, STYLES[one.level]), one.subject, one.said)
    out.print(shown)
    todo = [(one.subject, one.remedy) for one in found if one.remedy]
    if todo:
        out.print("处理建议 What to do\n")
        out.print(facts(todo))
    else:
        out.print("一切正常。All is well.")
