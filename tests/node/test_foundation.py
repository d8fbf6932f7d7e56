"""A node's database: made once, and refused to whoever has other ideas of it."""

# ruff: noqa: ASYNC240 - one small file, and nobody else waits for this loop

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import asyncpg
import msgspec
import pytest

from node import foundation
from node.app import open_node
from node.settings import Settings
from registry.errors import BiaoshiError
from registry.migration import DatabaseUnfit
from registry.sealing import SealingKey, SealingKeyUnfit


def changed(settings: Settings, **changes: object) -> Settings:
    return msgspec.structs.replace(settings, **changes)


async def refusal(settings: Settings) -> str:
    """Why this node may neither be prepared nor opened, the same clear sentence in both cases."""
    with pytest.raises(BiaoshiError) as prepared:
        await foundation.prepare(settings)
    with pytest.raises(BiaoshiError) as opened:
        async with open_node(settings):
            pass
    assert prepared.value.detail == opened.value.detail
    assert "\n" not in opened.value.detail
    return opened.value.detail


async def test_an_empty_database_becomes_a_node(
    settings: Settings, empty_database_url: str
) -> None:
    settings = changed(settings, database_url=empty_database_url)
    with pytest.raises(DatabaseUnfit, match="run `biaoshi migrate` first"):
        async with open_node(settings):
            pass
    ran = await foundation.prepare(settings)
    assert ran[0].startswith("0001_")
    assert stat.S_IMODE(os.stat(settings.sealing_key_file).st_mode) == 0o600
    assert await foundation.prepare(settings) == []
    async with open_node(settings):
        pass


async def test_a_migrated_database_is_no_node_yet(settings: Settings) -> None:
    with pytest.raises(DatabaseUnfit, match="not a node's yet: run `biaoshi migrate` first"):
        async with open_node(settings):
            pass


async def test_what_is_fixed_for_life(settings: Settings) -> None:
    await foundation.prepare(settings)
    told = await refusal(changed(settings, secondary_prefix="88.119"))
    assert told == (
        "the database was created with secondary_prefix = 88.118, the settings say 88.119: "
        "this is fixed for a database's life"
    )
    told = await refusal(changed(settings, case_sensitive=True))
    assert told.startswith("the database was created with case_sensitive = False, the settings say")
    async with open_node(settings):
        pass


async def test_another_sealing_key(settings: Settings, tmp_path: Path) -> None:
    await foundation.prepare(settings)
    other = tmp_path / "other.key"
    SealingKey.generate().save(other)
    told = await refusal(changed(settings, sealing_key_file=str(other)))
    assert told == "the database was sealed with another key than the one in sealing_key_file"


async def test_no_key_is_made_for_a_database_that_knows_one(settings: Settings) -> None:
    await foundation.prepare(settings)
    file = Path(settings.sealing_key_file)
    kept = file.read_text()
    file.unlink()
    told = await refusal(settings)
    assert told == f"cannot read {file}: No such file or directory"
    assert not file.exists()
    file.touch(mode=0o600)
    assert "is 32 bytes" in await refusal(settings)
    file.write_text(kept)
    file.chmod(0o644)
    assert f"chmod 600 {file}" in await refusal(settings)
    file.chmod(0o600)
    async with open_node(settings):
        pass


async def test_a_key_that_was_there_before_is_kept(settings: Settings) -> None:
    key = SealingKey.generate()
    key.save(Path(settings.sealing_key_file))
    await foundation.prepare(settings)
    assert SealingKey.load(Path(settings.sealing_key_file)).key_id == key.key_id


async def test_folders_for_the_key(settings: Settings, tmp_path: Path) -> None:
    deep = tmp_path / "new" / "folder" / "sealing.key"
    await foundation.prepare(changed(settings, sealing_key_file=str(deep)))
    assert stat.S_IMODE(deep.parent.stat().st_mode) == 0o700


async def test_no_place_for_the_key(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    within = changed(settings, sealing_key_file=str(tmp_path / "file" / "sealing.key"))
    with pytest.raises(SealingKeyUnfit, match=r"^cannot create "):
        await foundation.prepare(within)


async def test_several_processes_prepare_at_once(
    settings: Settings, empty_database_url: str
) -> None:
    settings = changed(settings, database_url=empty_database_url)
    SealingKey.generate().save(Path(settings.sealing_key_file))
    ran = await asyncio.gather(*(foundation.prepare(settings) for _ in range(5)))
    assert sorted(map(bool, ran)) == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://127.0.0.1:1/x", "cannot reach PostgreSQL"),
        ("postgresql:///x?host=/nowhere", "cannot reach PostgreSQL"),
        ("http://127.0.0.1/", "PostgreSQL refuses the connection"),
        ("postgresql://127.0.0.1:x/", "PostgreSQL refuses the connection"),
    ],
)
async def test_a_database_that_cannot_be_reached(settings: Settings, url: str, told: str) -> None:
    with pytest.raises(DatabaseUnfit) as refused:
        await foundation.prepare(changed(settings, database_url=url))
    assert refused.value.detail.startswith(told)
    assert "\n" not in refused.value.detail
    assert not Path(settings.sealing_key_file).exists()


async def test_a_database_that_does_not_exist(settings: Settings) -> None:
    url = settings.database_url.replace("/test_", "/nothing_", 1)
    with pytest.raises(DatabaseUnfit, match=r"^PostgreSQL refuses the connection: .*not exist"):
        await foundation.prepare(changed(settings, database_url=url))


async def test_a_database_of_a_newer_program(settings: Settings) -> None:
    await foundation.prepare(settings)
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("INSERT INTO migration (name, checksum) VALUES ('9999_x.sql', '')")
    await connection.close()
    assert "was used by a newer version" in await refusal(settings)
