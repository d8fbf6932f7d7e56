"""NDJSON files: a line is one registration, `{"handle": "…", "values": […]}`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from node.cli.upload.line import InvalidFile, Line
from node.v1.export_end import is_end
from registry.errors import InvalidInput

MAX_LINE = 1 << 20  # bytes


class Ndjson:
    """A file of JSON lines."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def lines(self) -> Iterator[Line]:
        found = False
        with self._file.open("rb") as stream:
            number = 0
            while raw := stream.readline(MAX_LINE):
                number += 1
                text = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
                if text.strip() and not self._is_end(text, number):
                    found = True
                    yield Line(number, self._item(text, number))
        if not found:
            raise InvalidFile(self._file, "empty-file", "it is empty")

    def _is_end(self, text: bytes, number: int) -> bool:
        """Whether this is the last line of an export."""
        try:
            return is_end(text)
        except InvalidInput as error:
            raise InvalidFile(self._file, "export-incomplete", error.detail, number) from None

    def _item(self, text: bytes, number: int) -> dict[str, Any]:
        if len(text) == MAX_LINE and not text.endswith(b"\n"):
            raise InvalidFile(self._file, "line-limit", "longer than 1 MiB", number)
        try:
            item = msgspec.json.decode(text)
        except UnicodeDecodeError:
            raise InvalidFile(self._file, "encoding", "not UTF-8", number) from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidFile(self._file, "json-syntax", str(error), number) from None
        if not isinstance(item, dict) or not isinstance(item.get("handle"), str):
            raise InvalidFile(
                self._file, "json-type", 'not an object with a "handle" that is a text', number
            )
        return item
