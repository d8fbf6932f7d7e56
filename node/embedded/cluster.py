"""A cluster on disk: made whole or not at all, configured by files its server can't change."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from node.embedded.account import Account
from node.embedded.error import EmbeddedPostgresError
from node.embedded.home import private
from node.embedded.programs import Programs
from node.embedded.tuning import logging, machine_memory, tuned, written

NAME = "biaoshi"  # of the role and of the database
SUPERUSER = "postgres"
PORT = 5432  # only part of the socket's name

_FIRST_START_BYTES = 128 << 20  # an empty cluster with its first log segments takes about 60 MB


def check_version(cluster: Path, programs: Programs) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by != str(programs.major):
        raise EmbeddedPostgresError(
            f"the data in {cluster} were made by PostgreSQL {made_by}, the programs here are "
            f"{programs.version}: move the data with pg_dump of the old version"
        )


def create(home: Path, account: Account, programs: Programs, *, durable: bool) -> None:
    """Make the cluster, its role and database. It gets its name last, so one that exists is whole.

    The role is no superuser: the node needs none of what only a superuser may do.
    """
    free = shutil.disk_usage(home).free
    if free < _FIRST_START_BYTES:
        raise EmbeddedPostgresError(
            f"no space left for the database in {home}: {free >> 20} MB free, "
            f"{_FIRST_START_BYTES >> 20} MB needed"
        )
    fresh = home / "cluster.new"
    shutil.rmtree(fresh, ignore_errors=True)
    private(fresh, account)
    _run(account, programs.bin / "initdb", "-D", fresh, *_initdb_options(programs, durable))
    single = ["--single", "-c", "exit_on_error=on", "-c", f"fsync={'on' if durable else 'off'}"]
    statements = f"CREATE ROLE {NAME} LOGIN;\nCREATE DATABASE {NAME} OWNER {NAME};\n"
    _run(account, programs.bin / "postgres", *single, "-D", fresh, SUPERUSER, given=statements)
    os.rename(fresh, home / "cluster")
    _sync(home)


def _initdb_options(programs: Programs, durable: bool) -> list[str]:
    # Character classes by Unicode, order by bytes, and neither by this machine's C library, whose
    # upgrades silently reorder indexes. The builtin provider came with PostgreSQL 17.
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        *(builtin if programs.major >= 17 else []),
        "--data-checksums",
        "--auth=peer",
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
    ]


def _run(account: Account, *command: str | Path, given: str = "") -> None:
    done = account.run(*command, given=given)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines()]
        reasons = [line for line in lines if "ERROR" in line or "FATAL" in line or "error:" in line]
        reason = (reasons or lines or ["no reason given"])[-1]
        raise EmbeddedPostgresError(f"the database could not be created: {reason}")


def _sync(folder: Path) -> None:
    """Make a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def configure(
    home: Path, account: Account, socket: Path, further: Mapping[str, str], *, durable: bool
) -> None:
    """Write the settings, and who may come in: the caller, told by the kernel, as either role.

    The files are the caller's, so the server's account can't change them.
    """
    log = private(home / "log", account)
    caller = "root" if account.lent else account.name
    settings = {
        **tuned(machine_memory(), durable=durable),
        **logging(log),
        **further,
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket),
        "unix_socket_permissions": "0700",
        "hba_file": str(home / "pg_hba.conf"),
        "ident_file": str(home / "pg_ident.conf"),
    }
    roles = (NAME, SUPERUSER)
    _write(home / "postgresql.conf", written(settings))
    _write(home / "pg_hba.conf", "".join(f"local all {role} peer map=owner\n" for role in roles))
    _write(home / "pg_ident.conf", "".join(f'owner "{caller}" {role}\n' for role in roles))


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.replace(path)
