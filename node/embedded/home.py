"""The folder a cluster lives in, and who holds it.

    <home>/lock            held by the process that owns the server
    <home>/*.conf          written at every start
    <home>/starting.log    what the server said before its own log was open
    <home>/cluster         the data (PGDATA)
    <home>/log             the server's log, a file for each day of the week
    <home>/socket          its socket, unless the path would be too long

The home belongs to the caller; cluster, log and socket belong to the server's account and are
closed to all others. As root, a data folder that account can't reach stays closed: the home is
then below /var/lib/biaoshi, and `cluster` in the data folder is a link that says where.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from node.embedded.account import Account
from node.embedded.error import EmbeddedPostgresError
from node.embedded.programs import STATE, make_state


def settle(folder: Path, account: Account) -> Path:
    """The home for the data folder, made when missing. Raises OSError, EmbeddedPostgresError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _make(folder, 0o711 if account.lent else 0o700)
    if not account.lent:
        return folder
    if folder.stat().st_uid != os.geteuid():
        raise EmbeddedPostgresError(
            f"the data folder {folder} belongs to another user: run as that user"
        )
    cluster = folder / "cluster"
    if cluster.is_symlink():
        return _linked(cluster)
    if account.can_enter(folder):
        return folder
    if cluster.exists():
        raise EmbeddedPostgresError(
            f"{account.name}, whom the database runs as, can no longer reach {cluster}: "
            "a folder above it was closed"
        )
    return _settle_elsewhere(folder)


def _make(folder: Path, mode: int) -> None:
    try:
        folder.mkdir()
        folder.chmod(mode)
    except FileExistsError:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(folder)) from None


def _linked(cluster: Path) -> Path:
    """The home a link leads to, which must be one that we made."""
    home = Path(os.readlink(cluster)).parent
    if home.parent != STATE or not home.is_dir() or home.lstat().st_uid != 0:
        raise EmbeddedPostgresError(f"{cluster} leads to {home}, which is no database of ours")
    return home


def _settle_elsewhere(folder: Path) -> Path:
    """A new home below root's state folder. The link alone says whose it is.

    The name is not the path's hash alone: who deleted the data folder begins anew and is not
    given back what the folder held before.
    """
    make_state()
    digest = hashlib.sha256(bytes(folder)).hexdigest()[:8]
    home = Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=STATE))
    home.chmod(0o711)
    try:
        (folder / "cluster").symlink_to(home / "cluster")
    except FileExistsError:  # another process was quicker; its home counts
        shutil.rmtree(home)
        return _linked(folder / "cluster")
    (home / "belongs-to").write_text(f"{folder}\n")
    (folder / "WHERE-THE-DATA-IS.txt").write_text(
        f"The database of this folder is in {home}, because the user it runs as can't\n"
        "enter this one. Keep the link `cluster`: without it the node starts with no data.\n"
    )
    return home


def private(folder: Path, account: Account) -> Path:
    """Make a folder that the account alone (and root) can enter, or check one that exists."""
    try:
        folder.mkdir(mode=0o700)
        account.give(folder)
    except FileExistsError:
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != account.uid:
            raise EmbeddedPostgresError(
                f"{folder} does not belong to {account.name}, whom the database runs as"
            ) from None
        if status.st_mode & 0o077:
            folder.chmod(0o700)
    return folder


class Lock:
    """Says which process owns the server of a home; the kernel frees it however that one ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises EmbeddedPostgresError when another process has it."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise EmbeddedPostgresError(
                f"the database in {path.parent} is in use by process {holder or 'unknown'}"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._file)
