"""PostgreSQL beside the node: for `biaoshi run` and the tests, from the programs in a wheel.

    with EmbeddedPostgres(Path(".data/postgres")) as server:
        asyncio.run(serve(server.url))

It listens on a Unix socket alone, in a folder that only the server's user (and root) can enter,
and lets in only the user who started it, whom the kernel names (`peer`): there is no password.

It ends with its owner. Should the owner be killed, the kernel tells the server to shut down
(PR_SET_PDEATHSIG); should that come too late, the next start ends it first. The kernel ties this
to the *thread* that started the server, so `start` is for the main thread.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from node.embedded.account import Account, server_account
from node.embedded.cluster import NAME, PORT, check_version, configure, create
from node.embedded.error import EmbeddedPostgresError, telling
from node.embedded.home import Lock, private, settle
from node.embedded.postmaster import (
    ABORT_SECONDS,
    FAST_SECONDS,
    Postmaster,
    end_leftover,
    lives,
    read_postmaster,
    wait_until,
)
from node.embedded.programs import Programs, find_programs

LONGEST_SOCKET = 107  # bytes that fit into sockaddr_un
SOCKET_PREFIX = "biaoshi-"

_PR_SET_PDEATHSIG = 1


class EmbeddedPostgres:
    """One PostgreSQL cluster in `folder`, running between `start` and `stop`.

    `settings` are further settings of postgresql.conf. With `durable` off a crash of the machine
    loses everything, and the server takes little memory: for tests. `start_seconds` bounds the
    wait for the server, which after a crash first replays up to 4 GB of log.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        durable: bool = True,
        start_seconds: float = 300.0,
    ) -> None:
        self.folder = folder.resolve()
        self.home: Path | None = None  # where the cluster is; see node/embedded/home.py
        self._settings = dict(settings)
        self._durable = durable
        self._start_seconds = start_seconds
        self._lock: Lock | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: Path | None = None

    @property
    def url(self) -> str:
        """The database's address for asyncpg, as the role `biaoshi`, which owns it."""
        return self.url_of(NAME)

    def url_of(self, database: str, role: str = NAME) -> str:
        """The address of another database or role (`postgres` is the superuser)."""
        if self._socket is None:
            raise RuntimeError("the embedded PostgreSQL has not been started")
        return _url(self._socket, database, role)

    @property
    def alive(self) -> bool:
        """Whether the server process runs. It restarts its own parts, but not itself."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Bring the server up and return when it answers; blocks about a second the first time.

        Only from the main thread. Raises EmbeddedPostgresError, and then leaves nothing running.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start the embedded PostgreSQL from the main thread")
        if self._lock is not None:
            raise RuntimeError("the embedded PostgreSQL is started already")
        try:
            with telling(self.folder):
                self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        account = server_account()
        home = self.home = settle(self.folder, account)
        self._lock = Lock(home / "lock")
        programs = find_programs(account)
        cluster = home / "cluster"
        if cluster.exists():
            check_version(cluster, programs)
            _remove_socket(end_leftover(cluster), account)
        else:
            create(home, account, programs, durable=self._durable)
        self._socket = _socket_folder(home, account)
        configure(home, account, self._socket, self._settings, durable=self._durable)
        self._process = _launch(home, account, programs)
        self._await_ready(home, self._process)

    def _await_ready(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        def answered() -> bool:
            seen = read_postmaster(home / "cluster")
            return (
                seen is not None and seen.pid == process.pid and seen.ready
            ) or process.poll() is not None

        if not wait_until(answered, self._start_seconds):
            raise EmbeddedPostgresError(
                f"PostgreSQL did not answer within {self._start_seconds:g} s: {_last_words(home)}"
            )
        if process.poll() is not None:
            raise EmbeddedPostgresError(f"PostgreSQL ended while starting: {_last_words(home)}")

    def stop(self) -> None:
        """Shut the server down in order and free the folder. Safe to call twice."""
        if self._process is not None:
            _shut_down(self._process)
            self._process = None
        if self._socket is not None:
            shutil.rmtree(self._socket, ignore_errors=True)
            self._socket = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def running_url(folder: Path) -> str | None:
    """The address of the server another process runs in this data folder; None without one."""
    with telling(folder):
        cluster = folder.resolve() / "cluster"
        if cluster.is_symlink():
            cluster = cluster.readlink()
        seen = read_postmaster(cluster)
        if seen is None or seen.socket is None or not seen.ready or not lives(seen, cluster):
            return None
        return _url(seen.socket, NAME, NAME)


def _url(socket: Path, database: str, role: str) -> str:
    query = urlencode({"host": str(socket), "port": PORT})
    return f"postgresql://{quote(role)}@/{quote(database)}?{query}"


def _socket_folder(home: Path, account: Account) -> Path:
    """A folder for the socket that only the account and root can enter, with a short enough path.

    One outside the home gets a random name, so that nobody can be there first. It is made anew,
    for the server refuses a left socket whose lock file names the pid of any living process.
    """
    if _fits(home / "socket"):
        shutil.rmtree(home / "socket", ignore_errors=True)
        return private(home / "socket", account)
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108
        if _fits(parent / f"{SOCKET_PREFIX}12345678") and account.can_enter(parent):
            folder = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=parent))
            account.give(folder)
            return folder
    raise EmbeddedPostgresError(f"the path {home} is too long for a socket, and so is TMPDIR")


def _fits(folder: Path) -> bool:
    return len(bytes(folder / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET


def _remove_socket(leftover: Postmaster | None, account: Account) -> None:
    """Remove the socket folder of an owner that was killed."""
    socket = leftover.socket if leftover else None
    if socket and socket.exists() and socket.lstat().st_uid == account.uid:
        shutil.rmtree(socket, ignore_errors=True)


def _launch(home: Path, account: Account, programs: Programs) -> subprocess.Popen[bytes]:
    configured = f"config_file={home / 'postgresql.conf'}"
    command: list[str | Path] = [
        programs.bin / "postgres",
        "-D",
        home / "cluster",
        "-c",
        configured,
    ]
    with (home / "starting.log").open("wb") as log:
        return account.spawn(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            before=_ending_with(os.getpid()),
        )


def _ending_with(owner: int) -> Callable[[], None]:
    """For the child, after its change of user, which would clear this: shut down with the owner."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != owner:  # it died before we asked
            os._exit(1)

    return ask


def _shut_down(process: subprocess.Popen[bytes]) -> None:
    for number, patience in (
        (signal.SIGINT, FAST_SECONDS),
        (signal.SIGQUIT, ABORT_SECONDS),
        (signal.SIGKILL, ABORT_SECONDS),
    ):
        process.send_signal(number)
        try:
            process.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue


def _last_words(home: Path) -> str:
    """The last lines the server wrote, on one line."""
    logs = [home / "starting.log", *(home / "log").glob("*.log")]
    latest = sorted((path for path in logs if path.stat().st_size), key=lambda p: p.stat().st_mtime)
    lines = [line for path in latest[-2:] for line in _tail(path)]
    return " | ".join(lines[-4:]) or "it said nothing"


def _tail(path: Path) -> list[str]:
    # The log folder is the server's: a link in it must not make root read something else.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with open(descriptor, errors="replace") as log:
        return [line.strip() for line in log.readlines()[-4:]]
