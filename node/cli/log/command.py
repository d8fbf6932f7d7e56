"""`biaoshi log`: exporting logs, and succession after a restore."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from yarl import URL

from metrics.log.dumping.dump import dumped
from metrics.log.export import export as export_logs
from metrics.log.fault import LogFault
from metrics.log.keys import LogKeys
from metrics.log.note import SignedNote, VerifierKey
from metrics.log.succession import Succeeded
from metrics.log.succession import succeed as succeed_logs
from node import foundation
from node.app import open_node
from node.cli.log.progress import Advance, bar
from node.cli.option import repeated
from node.cli.serve import Config
from node.cli.terminal import console, table
from node.demo.demonstration import Demonstration
from node.embedded.postgres import running_url
from node.run import settings_of
from node.sandbox.witness import verifier_in
from node.settings import InvalidSettings, Settings, load
from registry.database import Connection

Data = Annotated[Path | None, Parameter(help="A data folder of `biaoshi run` that is running.")]


def add_to(app: App) -> None:
    group = App(name="log", help="The certified log: export, succession after a restore.")
    group.command(export)
    group.command(succeed)
    app.command(group)


async def export(
    folder: Annotated[Path, Parameter(help="Where to; a folder exported to before is continued.")],
    /,
    *,
    dump: Annotated[
        Path | None,
        Parameter(help="Write all identifiers with a leaf in it here, for whoever is given K."),
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Export all logs as plain files, to hand over on any medium and verify offline.

    Any web server that serves the folder serves the logs.
    """
    settings = _settings(config, data)
    keys, origin = _log_of(settings)
    connection = await foundation.connect(settings.database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            with bar() as progress:
                done = await export_logs(
                    connection,
                    folder,
                    lambda name: keys.verifiers(f"{origin}/{name}"),
                    _witnesses(settings),
                    Advance(progress).tell,
                )
            if dump is not None:
                await _write_dump(connection, dump)
    finally:
        await connection.close()
    shown = table("日志 Log", "条目 Leaves", "新文件 New files")
    for one in done:
        shown.add_row(one.name, f"{one.size:,}", f"{one.files:,}")
    console().print(shown if done else "尚无已发布的日志。No log is published yet.")


async def _write_dump(connection: Connection, file: Path) -> None:
    """Whole or not at all."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    with unfinished.open("wb") as out:
        async for lines in dumped(connection):
            out.write(lines)
    unfinished.replace(file)


async def succeed(
    *,
    reason: Annotated[str, Parameter(help="Why, as the statement will say.")],
    checkpoint: Annotated[
        tuple[Path, ...],
        repeated("The last checkpoint of an old log, where somebody has it: its root is stated."),
    ] = (),
    config: Config = None,
    data: Data = None,
) -> None:
    """Open successors of logs that cannot go on, after the database was put back to an old state.

    Their witnesses have seen leaves that are lost. The successors begin with what there is; a
    statement says what was lost, and why. Stop the node first, unless --data names it: that one
    goes on with the successors by itself.
    """
    settings = _settings(config, data)
    keys, origin = _log_of(settings)
    seen = [_note(path) for path in checkpoint]
    async with open_node(settings) as node:
        log, database = node.wiring.log, node.wiring.database
        assert log is not None  # `_log_of` has seen to it
        at = datetime.now(UTC)
        made = await succeed_logs(database, log.publisher, keys, origin, reason, at, seen)
    shown = table("日志 Log", "后继 Successor", "见证 Witnessed", "保留 Carried over", "丢失 Lost")
    for one in made:
        shown.add_row(one.log, one.successor, f"{one.witnessed:,}", f"{one.carried:,}", _lost(one))
    console().print(
        shown if made else "各日志均可继续，无需后继。Every log can go on: none needs a successor."
    )


def _lost(one: Succeeded) -> str:
    if one.lost_at_least == one.lost_at_most:
        return f"{one.lost_at_most:,}"
    return f"{one.lost_at_least:,}–{one.lost_at_most:,}"


def _note(path: Path) -> SignedNote:
    try:
        return SignedNote.parse(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise LogFault(f"cannot read {path}: {error}", field="checkpoint", rule="file") from None


def _settings(config: Path | None, data: Path | None) -> Settings:
    """Of a node with a config, or of what runs from a data folder."""
    if data is None:
        return load(config, os.environ)
    folder = data.absolute()
    demo, url = Demonstration.load(folder), running_url(folder / "postgres")
    if demo is None or url is None:
        raise InvalidSettings(f"no node is running from {folder}")
    port = URL(demo.base_url).port or 0
    return settings_of(folder, url, port, demo.national_node_url, verifier_in(folder / "sandbox"))


def _log_of(settings: Settings) -> tuple[LogKeys, str]:
    if settings.log_keys_folder is None or settings.log_origin is None:
        raise InvalidSettings("these settings keep no certified log: see log_keys_folder")
    return LogKeys.load(Path(settings.log_keys_folder)), settings.log_origin


def _witnesses(settings: Settings) -> list[VerifierKey]:
    texts = [text.partition(" ")[2].strip() for text in settings.log_witnesses]
    if settings.national_node_witness_key is not None:
        texts.insert(0, settings.national_node_witness_key)
    return [VerifierKey.parse(text) for text in texts]
