"""Folders of journals: one for each writer, held by a lock while its process lives.

<root>/<node>-<writer>/000000.journal …   (of the node's id its first part)

The kernel gives the lock up when the process is gone, however it went; so a folder that can be
locked is an orphan, and any process of this machine may ship what is left in it. Its name does not
say enough to do so: after a restored backup another process may have its number. The files say it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from metrics.journal.entry import RECORD_BYTES
from metrics.journal.journal import Stretch
from metrics.journal.segment import ForeignFile, is_blank, read_header, read_records


class Taken(Exception):
    """Another process has, or had, this folder."""


class Owner(NamedTuple):
    """Whose a folder is: the node's id, the writer's number and its random word."""

    node: str
    writer: int
    nonce: str


class Berth:
    """A locked folder."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock

    @classmethod
    def make(cls, root: Path, node: str, writer: int) -> Berth:
        """The folder of a new writer. Raises Taken."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{_short(node)}-{writer}"
        final = root / name
        making = root / f".{name}-{os.getpid()}"
        making.mkdir(mode=0o700)
        lock = _locked(making)
        try:
            if lock is None or final.exists():
                raise Taken(str(final))
            making.rename(final)  # under its name it has never been unlocked
        except (OSError, Taken):
            making.rmdir()
            if lock is not None:
                os.close(lock)
            raise Taken(str(final)) from None
        return cls(final, lock)

    def stretches(self, owner: Owner, start: int) -> Iterator[Stretch]:
        """What is left in an orphan from a position on, a segment at a time. Raises ForeignFile,
        before it yields anything, where not all of it is the owner's."""
        headers = {
            path: read_header(path) for path in self.folder.glob("*.journal") if not is_blank(path)
        }
        for header in headers.values():
            if Owner(header.node, header.writer, header.nonce) != owner:
                raise ForeignFile(f"{self.folder.name} is not of this writer of this database")
        for path, header in sorted(headers.items(), key=lambda one: one[1].position):
            begin = max(start, header.position)
            left = read_records(path)[(begin - header.position) * RECORD_BYTES :]
            if left:
                yield Stretch(begin, left)

    def release(self) -> None:
        """Let others have it."""
        os.close(self._lock)

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.folder)
        self.release()


def orphans(root: Path, node: str) -> Iterator[tuple[int, Berth]]:
    """The folders of this node's writers that are gone, locked."""
    short = _short(node)
    for folder in sorted(root.glob(f"{short}-*")):
        number = folder.name.removeprefix(f"{short}-")
        lock = _locked(folder) if number.isdigit() else None
        if lock is not None:
            yield int(number), Berth(folder, lock)


def _short(node: str) -> str:
    return node.partition("-")[0]


def _locked(folder: Path) -> int | None:
    """The lock of a folder, None where somebody has it or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(descriptor).st_nlink:
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None
