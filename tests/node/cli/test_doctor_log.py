"""What the doctor says of the certified log."""

from __future__ import annotations

from pathlib import Path

import msgspec

from metrics.log import keys as log_keys
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
