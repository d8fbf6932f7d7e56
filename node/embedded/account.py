"""Whom the server runs as. PostgreSQL refuses uid 0, so root lends it an account of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec

from node.embedded.error import EmbeddedPostgresError

LENT_NAME = "biaoshi-pg"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}  # no PG* or LD_* of the caller's


class Account(msgspec.Struct, frozen=True):
    """A user of this machine. `lent` means: another than the one who calls, who is then root."""

    name: str
    uid: int
    gid: int
    lent: bool

    def run(self, *command: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this user, with `given` as its standard input."""
        process = self.spawn(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = process.communicate(given.encode())
        text = output.decode(errors="replace")
        return subprocess.CompletedProcess(list(command), process.returncode, text)

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        stdin: int | IO[bytes],
        stdout: int | IO[bytes],
        stderr: int | IO[bytes],
        before: Callable[[], None] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a command as this user; `before` runs in the child after the change of user.

        It gets a session of its own, so that Ctrl-C on the terminal is not sent to it, and the
        root folder to stand in, because the caller's may be closed to this user.
        """
        return subprocess.Popen(  # noqa: S603  (the programs are our own)
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,
            user=self.uid if self.lent else None,
            group=self.gid if self.lent else None,
            extra_groups=[] if self.lent else None,
            preexec_fn=before,
        )

    def can_enter(self, folder: Path) -> bool:
        """Asked of the kernel by trying, since modes alone do not tell (ACLs, mounts)."""
        return self.run("/bin/sh", "-c", 'cd "$1"', "sh", folder).returncode == 0

    def give(self, path: Path) -> None:
        """Make this user the owner of a path that was just created."""
        if self.lent:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def server_account() -> Account:
    """The caller itself, or for root the system user `biaoshi-pg`, created when missing."""
    if os.geteuid() == 0:
        return _lent() or _create()
    try:
        return _account(pwd.getpwuid(os.geteuid()), lent=False)
    except KeyError:
        raise EmbeddedPostgresError(
            f"the user id {os.geteuid()} has no name, and PostgreSQL needs one: "
            "give it a line in /etc/passwd"
        ) from None


def _account(entry: pwd.struct_passwd, *, lent: bool) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, lent=lent)


def _lent() -> Account | None:
    try:
        return _account(pwd.getpwnam(LENT_NAME), lent=True)
    except KeyError:
        return None


def _create() -> Account:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    said = "there is no useradd on this machine"
    if useradd:
        place = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        command = [useradd, "--system", "--user-group", *place, LENT_NAME]
        asked = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
        said = asked.stderr.strip().replace("\n", "; ")
    account = _lent()  # somebody else may have created it meanwhile, so its presence decides
    if account is None:
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root and the user {LENT_NAME} could not be created "
            f"({said}): create it, or run as another user"
        )
    return account
