"""`biaoshi key`: API keys, over the API or (the first one) directly in the database."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from node import foundation
from node.cli.access import USUAL, Access, Json
from node.cli.option import repeated
from node.cli.terminal import console, moment, print_json, table
from node.settings import Settings, load
from registry.access.actor import Role, Scope
from registry.access.actor import console as at_console
from registry.access.key import ALL_SCOPES, KeyWish, NewKey
from registry.access.keyring import Keyring
from registry.access.once import OnceRunner
from registry.database import connect
from registry.sealing import SealingKey


def add_to(app: App) -> None:
    group = App(name="key", help="Make, list and revoke API keys (operators).")
    for command in (create, list_, revoke):
        group.command(command, name=command.__name__.rstrip("_"))
    app.command(group)


async def create(
    *,
    role: Annotated[Role, Parameter(help="Whose key it is.")],
    label: Annotated[str, Parameter(help="What it is for, to know it again by.")] = "console",
    enterprise: Annotated[
        int | None, Parameter(help="The enterprise's number, for an enterprise's key.")
    ] = None,
    scope: Annotated[
        tuple[Scope, ...], repeated("What an enterprise's key may do; both where none is named.")
    ] = (),
    expires: Annotated[
        datetime | None, Parameter(help="When it expires (UTC where no zone is named).")
    ] = None,
    config: Annotated[
        Path | None,
        Parameter(help="Settings of a node: make the key directly in its database."),
    ] = None,
    access: Access = USUAL,
    json: Json = False,
) -> None:
    """Make a key, and show it this once.

    An operator's key makes further ones. The very first has nobody to ask: give --config, on the
    node's own machine.
    """
    wish = KeyWish(
        role=role,
        label=label,
        enterprise_id=enterprise,
        scopes=scope or ALL_SCOPES,
        expires_at=expires if expires is None or expires.tzinfo else expires.replace(tzinfo=UTC),
    )
    if config is not None:
        made = msgspec.to_builtins(await _make_at_console(load(config, os.environ), wish))
    else:
        async with access.as_("operator") as client:
            made = await client.post("/v1/keys", wish)
    if json:
        return print_json(made)
    out = console()
    out.print("密钥仅显示这一次，请妥善保存。This key is shown this once: keep it well.")
    return out.print(made["secret"], soft_wrap=True)


async def list_(
    *,
    enterprise: Annotated[
        int | None, Parameter(help="That enterprise's; else operators' and the bureau's.")
    ] = None,
    access: Access = USUAL,
    json: Json = False,
) -> None:
    """List keys. Their secrets are not kept anywhere."""
    query = {} if enterprise is None else {"enterprise_id": enterprise}
    async with access.as_("operator") as client:
        found = await client.get("/v1/keys", **query)
    if json:
        return print_json(found)
    shown = table("编号 Key", "角色 Role", "用途 Label", "创建 Made", "最近使用 Used", "状态 State")
    for one in found:
        shown.add_row(
            one["key_id"],
            one["role"],
            one["label"],
            moment(one["created_at"]),
            moment(one["last_used_at"]),
            _state(one),
        )
    return console().print(shown if found else "没有密钥 No keys.")


async def revoke(
    key_id: Annotated[str, Parameter(help="The key's 12 characters, without its secret.")],
    /,
    *,
    access: Access = USUAL,
) -> None:
    """Revoke a key at once and for good."""
    async with access.as_("operator") as client:
        await client.call("DELETE", f"/v1/keys/{_id_of(key_id)}")
    console().print(f"{_id_of(key_id)}: 已吊销 revoked")


async def _make_at_console(settings: Settings, wish: KeyWish) -> NewKey:
    connection = await foundation.connect(settings.database_url)
    try:
        await foundation.check(connection, settings)
    finally:
        await connection.close()
    sealing = SealingKey.load(Path(settings.sealing_key_file))
    timeout = settings.statement_seconds
    async with connect(settings.database_url, size=1, statement_timeout=timeout) as database:
        keyring = Keyring(database, OnceRunner(database, sealing), lambda: datetime.now(UTC))
        return await keyring.create(at_console(), wish)


def _id_of(text: str) -> str:
    """The id, also out of a whole key pasted by mistake: its secret must not travel in a path."""
    parts = text.split("_")
    return "".join(c for c in (parts[1] if len(parts) > 2 else text) if c.isalnum())


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"]:
        return f"已吊销 revoked {moment(key['revoked_at'])}"
    expires = key["expires_at"]
    if not expires:
        return "有效 valid"
    over = datetime.fromisoformat(expires) <= datetime.now(UTC)
    return f"已过期 expired {moment(expires)}" if over else f"有效至 valid until {moment(expires)}"
