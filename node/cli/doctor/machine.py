"""This machine: key files, disk space, file descriptors."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from node.cli.doctor.finding import Finding, failed, warning, well
from node.settings import Settings
from node.uplink.key import load_key
from registry.errors import BiaoshiError
from registry.sealing import SealingKey

ENOUGH_BYTES, LEAST_BYTES = 2 << 30, 256 << 20
ENOUGH_DESCRIPTORS = 4096  # two for each client that resolves through us, and the database's


def examine(settings: Settings, folder: Path) -> Iterator[Finding]:
    """`folder` is where the node writes."""
    yield _sealing_key(Path(settings.sealing_key_file))
    if settings.national_node_key_file is not None:
        yield _uplink_key(Path(settings.national_node_key_file))
    yield disk(folder)
    yield descriptors()


def _sealing_key(file: Path) -> Finding:
    subject = "加密密钥 sealing key"
    try:
        SealingKey.load(file)
    except BiaoshiError as error:
        return failed(subject, error.detail, "see above; a new node's is made by `biaoshi migrate`")
    return well(subject, f"{file}, closed to others")


def _uplink_key(file: Path) -> Finding:
    subject = "签名密钥 national node key"
    try:
        load_key(file)
    except BiaoshiError as error:
        remedy = f"a new one: `(umask 077; openssl genpkey -algorithm ed25519 -out {file})`"
        return failed(subject, error.detail, remedy)
    return well(subject, f"{file}, closed to others")


def disk(folder: Path) -> Finding:
    subject = "磁盘空间 disk"
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 2**30:,.1f} GB free at {folder}"
    if free >= ENOUGH_BYTES:
        return well(subject, said)
    make = failed if free < LEAST_BYTES else warning
    return make(subject, said, "make room: without space PostgreSQL stops")


def descriptors() -> Finding:
    subject = "文件描述符 open files"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= ENOUGH_DESCRIPTORS:
        return well(subject, f"limit {soft}")
    raised = f"`ulimit -n {ENOUGH_DESCRIPTORS}` (at most {hard} here), or LimitNOFILE= in systemd"
    return warning(subject, f"limit {soft}: few for many clients at once", raised)
