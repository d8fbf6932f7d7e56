"""What we export and hand out holds for golang.org/x/mod/sumdb, which has nothing of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from loadtests.year import Keys, Writer, write_year
from metrics.log.note import Signer
from tests.node.log.conftest import Logged
from tests.node.log.test_receipts import receipt_of, registered

SOURCE = Path(__file__).parent / "checker/main.go"
LIBRARY = Path("/usr/share/gocode")
KEYS = Keys()
YEAR = "registrations-2026"


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled with Debian's Go and its package of the library."""
    go = shutil.which("go")
    if go is None or not (LIBRARY / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("golang-go and golang-golang-x-mod-dev are not installed")
    folder = tmp_path_factory.mktemp("go")
    binary = folder / "checker"
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(LIBRARY),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    done = subprocess.run(
        [go, "build", "-o", str(binary), str(SOURCE)],
        env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return binary


def check(checker: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(checker), *arguments], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("year")
    write_year(folder, 70_000 // 20, KEYS, days=4, chunk=300)
    return folder


def key_of(folder: Path, name: str) -> str:
    return str(Signer.ed25519(Writer(folder, name, KEYS).origin, KEYS.log).verifier)


def test_a_log_as_it_is_exported(checker: Path, year: Path) -> None:
    done = check(checker, "log", str(year / YEAR), key_of(year, YEAR))
    assert (done.returncode, done.stdout) == (0, "3500 leaves, 4 checkpoints\n"), done.stderr
    done = check(checker, "log", str(year / "statements"), key_of(year, "statements"))
    assert done.returncode == 0, done.stderr


def test_the_checker_notices_what_is_wrong(checker: Path, year: Path, tmp_path: Path) -> None:
    wrong = Path(shutil.copytree(year, tmp_path / "wrong"))
    file = wrong / YEAR / "tile/entries/003"
    content = bytearray(file.read_bytes())
    content[500] ^= 1
    file.write_bytes(bytes(content))
    done = check(checker, "log", str(wrong / YEAR), key_of(wrong, YEAR))
    assert done.returncode == 1
    assert done.stderr.startswith("leaf 773:")


async def test_a_receipt_of_a_live_node(checker: Path, logged: Logged, tmp_path: Path) -> None:
    owner, handle = await registered(logged, "A")
    text = await receipt_of(logged, handle, owner.key)
    file = tmp_path / "receipt.tlog-proof"
    file.write_text(text)
    origin = text.partition("\n\n")[2].partition("\n")[0]
    key = str(logged.keys.verifiers(origin)[0])
    done = check(checker, "receipt", str(file), key)
    assert done.returncode == 0, done.stderr
    file.write_text(text.replace("index 0", "index 1"))
    assert check(checker, "receipt", str(file), key).returncode == 1
