"""What the doctor says of the certified log."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from metrics.log import keys as log_keys
from metrics.log import sm2
from node.cli.doctor.finding import Level
from node.cli.doctor.log import examine
from node.settings import Settings


def test_no_log_no_witness_no_keys_and_all_of_it(tmp_path: Path) -> None:
    bare = Settings(database_url="", secondary_prefix="88.118", sealing_key_file="")
    assert [one.level for one in examine(bare)] == [Level.WARNING]
    folder = tmp_path / "keys"
    log_keys.create(folder)
    alone = msgspec.structs.replace(bare, log_keys_folder=str(folder), log_origin="a.invalid/log")
    assert "nobody outside" in examine(alone)[0].said
    seen = msgspec.structs.replace(alone, national_node_witness_key="w+00000000+AA==")
    assert [one.level for one in examine(seen)] == [Level.WELL]
    (folder / "leaf.key").chmod(0o644)
    assert [one.level for one in examine(seen)] == [Level.FAILED]


def test_sm2_keys_where_there_is_no_library_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "keys"
    log_keys.create(folder)
    (folder / "log-1.sm2").write_bytes(bytes(96))
    (folder / "log-1.sm2").chmod(0o600)
    settings = Settings(
        database_url="",
        secondary_prefix="88.118",
        sealing_key_file="",
        log_keys_folder=str(folder),
        log_origin="a.invalid/log",
        national_node_witness_key="w+00000000+AA==",
    )
    monkeypatch.setattr(sm2, "available", lambda: False)
    (found,) = examine(settings)
    assert found.level is Level.WARNING
    assert "SM2 keys don't sign" in found.said
