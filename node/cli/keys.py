"""`biaoshi keys`: the keys of the certified log, on the node's own machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from metrics.log import keys as log_keys
from metrics.log.keys import LogKeys
from metrics.log.log import SHANGHAI
from node.cli.option import flag
from node.cli.terminal import console, print_json

Folder = Annotated[Path, Parameter(help="Folder of the keys: the setting log_keys_folder.")]
Origin = Annotated[str, Parameter(help="What the logs' names begin with: the setting log_origin.")]


def add_to(app: App) -> None:
    group = App(name="keys", help="Keys of the certified log: make, show, rotate (operators).")
    for command in (create, show, rotate, retire):
        group.command(command)
    app.command(group)


def create(
    folder: Folder,
    /,
    *,
    with_sm2: Annotated[bool, flag("Sign with SM2 and SM3 as well.", name="--sm2")] = False,
) -> None:
    """Make the keys of a new node. Nothing is ever written over."""
    log_keys.create(folder, with_sm2=with_sm2)
    out = console()
    out.print(f"已生成 made {folder}")
    out.print(
        "请将 leaf.key 加密后与数据库备份分开保管：丢失后无法再证明标识不重复。\n"
        "Keep an encrypted copy of leaf.key apart from the database's backup: without it nobody "
        "can show that nothing counts twice."
    )


def show(
    folder: Folder,
    /,
    *,
    origin: Origin,
    year: Annotated[int | None, Parameter(help="Year of the registrations' log.")] = None,
    json: Annotated[bool, flag("As JSON.")] = False,
) -> None:
    """Show the verifier keys: what witnesses and auditors must know."""
    keys = LogKeys.load(folder)
    year = year or datetime.now(UTC).astimezone(SHANGHAI).year
    found = {
        f"{origin}/{name}": [str(key) for key in keys.verifiers(f"{origin}/{name}")]
        for name in ("statements", f"registrations-{year}")
    }
    if json:
        return print_json({"logs": found, "leafKeyCommitment": keys.leaf.commitment.hex()})
    out = console()
    for name, some in found.items():
        out.print(f"{name} 的验证密钥 verifier keys:")
        for key in some:
            out.print(key, soft_wrap=True)  # neither cut nor wrapped, so that it can be copied
    out.print(f"K 的承诺值 commitment to K: {keys.leaf.commitment.hex()}", soft_wrap=True)
    return None


def rotate(
    folder: Folder,
    /,
    *,
    with_sm2: Annotated[
        bool, flag("Make an SM2 key too, though there is none yet.", name="--sm2")
    ] = False,
) -> None:
    """Make a further signing key, and one of SM2 where there is one. Old and new sign from the
    node's next start, and the statements log says so, signed by both; when all witnesses know the
    new one, retire the old one."""
    out = console()
    for made in log_keys.rotate(folder, with_sm2=with_sm2):
        out.print(f"已生成 made {made}")
    out.print("重启节点后新旧密钥同时签名。Old and new keys sign after the node's next start.")


def retire(folder: Folder, /) -> None:
    """Put the oldest of several signing keys of each kind aside: they sign no more after the node's
    next start."""
    for retired in log_keys.retire(folder):
        console().print(f"已停用 retired {retired}")
