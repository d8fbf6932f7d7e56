"""The server's settings: sized to the machine, and the same wherever the data folder is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30

BUFFERS_SHARE = 4  # a quarter of the memory, as PostgreSQL's manual advises
BUFFERS_CAP = 6 * GIB  # more only slows checkpoints; the kernel's cache takes the rest
BUFFERS_FLOOR = 32 * MIB
BUFFERS_PASSING = 128 * MIB  # of a server whose data may be lost
CONNECTIONS = 100


def machine_memory(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes this process may use: the machine's memory, or less where a cgroup says so."""
    meminfo = (proc / "meminfo").read_text().split()
    total = int(meminfo[meminfo.index("MemTotal:") + 1]) * 1024
    return min([total, *_limits(proc, cgroups)])


def _limits(proc: Path, cgroups: Path) -> Iterator[int]:
    """Every limit on the way from our control group to the root, of version 1 and 2."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            base, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = Path(path.lstrip("/"))
        for part in (group, *group.parents):
            limit = _number(base / part / name)
            if limit is not None:
                yield limit


def _number(path: Path) -> int | None:
    """The number in a file; None for 'max' and where there is no such file."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def buffers(memory: int) -> int:
    """Bytes of shared buffers for a durable server on a machine with `memory` bytes."""
    return max(BUFFERS_FLOOR, min(memory // BUFFERS_SHARE, BUFFERS_CAP))


def tuned(memory: int, *, durable: bool) -> dict[str, str]:
    """Settings by what the machine has, and by whether the data must survive a crash."""
    shared = buffers(memory) if durable else min(BUFFERS_PASSING, buffers(memory))
    settings = {
        "max_connections": str(CONNECTIONS),
        "shared_buffers": f"{shared // MIB}MB",
        "effective_cache_size": f"{max(memory // 2, shared) // MIB}MB",
        "maintenance_work_mem": f"{min(max(memory // 32, 16 * MIB), GIB) // MIB}MB",
        "max_wal_size": "4GB",  # checkpoints by time, not by volume, while bulk loads run
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "wal_compression": "on",  # full pages, of which those long intervals make many
        "random_page_cost": "1.1",  # solid state
        "jit": "off",  # our statements are short; compiling them costs more than running
        "timezone": "UTC",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings


def logging(folder: Path) -> dict[str, str]:
    """A file for each day of the week, so a week is kept.

    Messages are short and without their statement and detail, which would carry the keys and
    values of rows: personal data never reach logs.
    """
    return {
        "logging_collector": "on",
        "log_directory": str(folder),
        "log_filename": "%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_timezone": "UTC",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }


def written(settings: Mapping[str, str]) -> str:
    """The text of a postgresql.conf."""
    lines = ["# Written anew at every start."]
    for name, value in settings.items():
        quoted = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"
