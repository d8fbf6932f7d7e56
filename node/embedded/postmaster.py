"""The server process as its own pid file tells, and how to end one that outlived its owner."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from node.embedded.error import EmbeddedPostgresError

FAST_SECONDS = 60.0  # a fast shutdown writes a checkpoint, which may be gigabytes
ABORT_SECONDS = 10.0  # an immediate one only kills; the next start recovers from the log


class Postmaster(msgspec.Struct, frozen=True):
    """postmaster.pid, line by line as src/include/utils/pidfile.h lays it out."""

    pid: int
    socket: Path | None  # folder of the Unix socket
    memory: int | None  # id of the shared memory segment that guards the cluster
    ready: bool  # answers connections


def read_postmaster(cluster: Path) -> Postmaster | None:
    """What the cluster's pid file says now; None when there is none or it is half written."""
    try:
        lines = (cluster / "postmaster.pid").read_text().split("\n")
        pid = int(lines[0])
    except (FileNotFoundError, ValueError):
        return None
    lines += [""] * 8
    key_and_id = lines[6].split()
    return Postmaster(
        pid=pid,
        socket=Path(lines[4]) if lines[4] else None,
        memory=int(key_and_id[1]) if len(key_and_id) == 2 else None,
        ready=lines[7].strip() == "ready",
    )


def lives(postmaster: Postmaster, cluster: Path) -> bool:
    """Whether that process is a postmaster of this very cluster, and not a later one of its pid."""
    process = Path("/proc") / str(postmaster.pid)
    try:
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        state = (process / "stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    of_cluster = bytes(cluster) in arguments and Path(os.fsdecode(arguments[0])).name == "postgres"
    return of_cluster and state != "Z"


def end_leftover(cluster: Path) -> Postmaster | None:
    """End the server an earlier owner left in the cluster, and clear away its pid file.

    Returns what the file said, for what else is to be cleared. Only for the holder of the home's
    lock, which proves that the server has no owner.
    """
    leftover = read_postmaster(cluster)
    if leftover is not None:
        _end(leftover, cluster)
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    return leftover


def _end(leftover: Postmaster, cluster: Path) -> None:
    """Fast, then at once. Returns when neither it nor a backend of it is left."""

    def gone() -> bool:
        # Backends can outlive a killed postmaster for a moment, and still write.
        return not lives(leftover, cluster) and not _attached(leftover.memory)

    for number, patience in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, ABORT_SECONDS)):
        if lives(leftover, cluster):
            os.kill(leftover.pid, number)
        if wait_until(gone, patience):
            return
    raise EmbeddedPostgresError(
        f"an earlier server of {cluster} (process {leftover.pid}) does not end: end it by hand"
    )


def _attached(memory: int | None) -> bool:
    """Whether any process is attached to that System V shared memory segment."""
    if memory is None:
        return False
    try:
        table = Path("/proc/sysvipc/shm").read_text().splitlines()
    except FileNotFoundError:
        return False
    columns = table[0].split()
    shmid, nattch = columns.index("shmid"), columns.index("nattch")
    rows = (line.split() for line in table[1:])
    return any(int(row[shmid]) == memory and int(row[nattch]) > 0 for row in rows)


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Ask every few milliseconds until it is so; False when the time is over."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
