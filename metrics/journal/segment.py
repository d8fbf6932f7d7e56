"""Segment files: where a process writes its journal.

A segment is a file of fixed size, mapped into memory, so that writing a record is copying 72 bytes:
no system call, and whatever ends the process, the kernel has them. Its space is allocated when it
is made; a mapped file that grew on a full disk would kill the process. It begins with a line of
JSON that says whose it is, padded to 512 bytes.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from metrics.journal.entry import RECORD_BYTES, TIME_BYTES, WHOLE, whole_records

HEADER_BYTES = 512
FORMAT = "biaoshi-journal-1"
SEGMENT_BYTES = 8 * 1024 * 1024


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Whose records these are. `nonce` is the writer's random word; `position` is that of the first
    record in the writer's whole journal."""

    format: str = FORMAT
    node: str
    writer: int
    nonce: str = ""
    number: int
    position: int


class ForeignFile(Exception):
    """A file that is no segment of this format."""


class Segment:
    """A segment that is being written."""

    __slots__ = ("_file", "capacity", "count", "header", "map", "path")

    def __init__(self, path: Path, header: Header, size: int = SEGMENT_BYTES) -> None:
        """Make the file. Raises OSError where there is no room for it."""
        self.path = path
        self.header = header
        self.capacity = (size - HEADER_BYTES) // RECORD_BYTES
        self.count = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(self._file, 0, size)
            self.map = mmap.mmap(self._file, size)
        except OSError:
            os.close(self._file)
            path.unlink()
            raise
        self.begin(header.position)

    def begin(self, position: int) -> None:
        """Say where in the writer's journal an empty segment begins."""
        self.header = msgspec.structs.replace(self.header, position=position)
        line = msgspec.json.encode(self.header) + b"\n"
        self.map[:HEADER_BYTES] = line.ljust(HEADER_BYTES, b"\0")

    def append(self, time: int, rests: Sequence[bytes]) -> None:
        """Write records of one time, each given as what follows the time; there must be room."""
        stamp = time.to_bytes(TIME_BYTES, "little")
        begun = crc32(stamp)  # the check of each begins with this
        write, target = WHOLE.pack_into, self.map
        at = HEADER_BYTES + self.count * RECORD_BYTES
        for rest in rests:
            write(target, at, stamp, rest, crc32(rest, begun))
            at += RECORD_BYTES
        self.count += len(rests)

    def read(self, start: int, end: int) -> bytes:
        """The bytes of the records from `start` up to `end`, counted within this segment."""
        return self.map[HEADER_BYTES + start * RECORD_BYTES : HEADER_BYTES + end * RECORD_BYTES]

    def sync(self) -> None:
        """Return when what is written is on the disk. May be called from another thread, which
        msync may not: it would hold all others up."""
        os.fdatasync(self._file)

    def close(self) -> None:
        self.map.close()
        os.close(self._file)

    def remove(self) -> None:
        """Close, and remove the file: its records are elsewhere. May be called from another thread;
        where file systems are at work for others it takes milliseconds."""
        self.close()
        self.path.unlink()


def is_blank(path: Path) -> bool:
    """Whether a segment was not begun: its writer was killed while it made the file, or a power cut
    took what was not yet on the disk."""
    return not path.read_bytes().strip(b"\0")


def read_header(path: Path) -> Header:
    """The header of a segment whose writer is gone. Raises ForeignFile."""
    with path.open("rb") as file:
        line = file.read(HEADER_BYTES)
    try:
        header = msgspec.json.decode(line.rstrip(b"\0"), type=Header)
    except msgspec.DecodeError:
        raise ForeignFile(f"{path} is no segment of a journal") from None
    if header.format != FORMAT:
        raise ForeignFile(f"{path} is of the format {header.format}")
    return header


def read_records(path: Path) -> bytes:
    """The whole records of such a segment."""
    body = memoryview(path.read_bytes())[HEADER_BYTES:]
    return bytes(body[: whole_records(body) * RECORD_BYTES])
