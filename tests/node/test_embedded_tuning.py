"""The settings follow what the machine, or the container, lets the server have."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.embedded.tuning import GIB, MIB, buffers, machine_memory, tuned, written


def a_machine(root: Path, cgroup: str, limits: dict[str, str]) -> tuple[Path, Path]:
    """Folders like /proc and /sys/fs/cgroup, of a machine with 16 GiB."""
    proc, cgroups = root / "proc", root / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal:       16777216 kB\nMemFree:        1 kB\n")
    (proc / "self" / "cgroup").write_text(cgroup)
    for name, value in limits.items():
        (cgroups / name).parent.mkdir(parents=True, exist_ok=True)
        (cgroups / name).write_text(value)
    return proc, cgroups


@pytest.mark.parametrize(
    ("cgroup", "limits", "memory"),
    [
        ("", {}, 16 * GIB),
        ("0::/\n", {}, 16 * GIB),
        ("0::/a/b\n", {"a/b/memory.max": "max\n"}, 16 * GIB),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": str(2 * GIB)}, 2 * GIB),
        ("0::/a\n", {"memory.max": str(3 * GIB)}, 3 * GIB),  # a container sees its own as the root
        ("4:cpu,memory:/a\n", {"memory/a/memory.limit_in_bytes": str(GIB)}, GIB),
        ("4:memory:/a\n", {"memory/memory.limit_in_bytes": str(1 << 62)}, 16 * GIB),
        ("3:cpu:/a\n", {"memory/a/memory.limit_in_bytes": str(GIB)}, 16 * GIB),
    ],
)
def test_memory_is_the_least_of_all_limits(
    tmp_path: Path, cgroup: str, limits: dict[str, str], memory: int
) -> None:
    assert machine_memory(*a_machine(tmp_path, cgroup, limits)) == memory


def test_this_machine_has_memory() -> None:
    assert machine_memory() > 64 * MIB


@pytest.mark.parametrize(
    ("memory", "shared"),
    [
        (64 * MIB, 32 * MIB),
        (128 * MIB, 32 * MIB),
        (4 * GIB, GIB),
        (24 * GIB - 4 * MIB, 6 * GIB - MIB),
        (24 * GIB, 6 * GIB),
        (256 * GIB, 6 * GIB),
    ],
)
def test_buffers_are_a_quarter_between_their_bounds(memory: int, shared: int) -> None:
    assert buffers(memory) == shared


def test_only_a_passing_server_risks_its_data() -> None:
    risky = {"fsync", "full_page_writes", "synchronous_commit"}
    assert not risky & tuned(GIB, durable=True).keys()
    passing = tuned(64 * GIB, durable=False)
    assert {passing[name] for name in risky} == {"off"}
    assert passing["shared_buffers"] == "128MB"


def test_values_are_quoted() -> None:
    text = written({"a": "it's", "b": "back\\slash", "c": "two\nlines"})
    assert text.splitlines()[1:] == ["a = 'it''s'", "b = 'back\\\\slash'", "c = 'two\\nlines'"]
