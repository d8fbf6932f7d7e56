"""NDJSON files as registrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cli.upload.line import InvalidFile
from node.cli.upload.ndjson import MAX_LINE, Ndjson


def written(tmp_path: Path, content: bytes) -> Ndjson:
    file = tmp_path / "up.ndjson"
    file.write_bytes(content)
    return Ndjson(file)


def test_each_line_is_an_item(tmp_path: Path) -> None:
    content = '\ufeff{"handle": "88.118.1/A"}\n\n{"handle": "88.118.1/灯", "values": []}'
    first, second = written(tmp_path, content.encode()).lines()
    assert (first.number, first.item) == (1, {"handle": "88.118.1/A"})
    assert (second.number, second.handle) == (3, "88.118.1/灯")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "up.ndjson: it is empty"),
        (b"\n \n", "up.ndjson: it is empty"),
        (b'{"handle": "a/b"}\n{"handle":\n', "up.ndjson, line 2: "),
        (b'{"handle": "a/b"}\n[]\n', 'up.ndjson, line 2: not an object with a "handle"'),
        (b'{"handle": 5}', 'up.ndjson, line 1: not an object with a "handle"'),
        (b'{"handle": "\xff"}', "up.ndjson, line 1: "),
        (b'{"handle": "' + b"a" * MAX_LINE + b'"}', "up.ndjson, line 1: longer than 1 MiB"),
        (b"[" * 10_000, "up.ndjson, line 1: "),
    ],
)
def test_a_broken_line_is_told_with_its_number(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(InvalidFile) as refused:
        list(written(tmp_path, content).lines())
    assert refused.value.detail.startswith(told)
