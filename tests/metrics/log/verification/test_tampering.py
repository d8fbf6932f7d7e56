"""Every way of tampering with a log is caught and named, by its files alone."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtests.year import Keys, Writer, write_year
from metrics.log.fault import LogFault
from metrics.log.leaf import ROW_BYTES, LeafKey, rows
from metrics.log.log import SHANGHAI
from metrics.log.merkle import leaf_hash
from metrics.log.note import Signer
from metrics.log.statement import Statement
from metrics.log.tile import pack, unpack
from metrics.log.verification.dump import identifiers
from metrics.log.verification.finding import Finding, Result
from metrics.log.verification.folder import log_folders
from metrics.log.verification.heads import Trust
from metrics.log.verification.run import Question, run
from registry.leaf.leaf import Batch
from registry.record.registration import Method

KEYS = Keys()
LEAVES, DAYS = 1_500, 5
YEAR = "registrations-2026"
START = datetime(2026, 1, 1, tzinfo=SHANGHAI)


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days of an honest log."""
    folder = tmp_path_factory.mktemp("honest")
    write_year(folder, LEAVES, KEYS, days=DAYS, chunk=100)
    return folder


@pytest.fixture
def export(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "export"))


def verify(*paths: Path, **options: object) -> Result:
    return run(Question(paths, processes=1, **options))  # type: ignore[arg-type]


def finding(result: Result, rule: str) -> Finding:
    found = [one for one in result.findings if one.rule == rule]
    assert found, result.findings
    return found[0]


def leaf_key(seed: bytes = KEYS.seed) -> LeafKey:
    return LeafKey(hashlib.sha256(seed + b"K").digest())


def dump(path: Path) -> list[str]:
    return (path / "dump").read_text().split()


def test_an_honest_log_holds(export: Path) -> None:
    result = verify(export, key=leaf_key(), dump=dump(export))
    assert result.holds, result.findings
    assert [(log.name, log.size) for log in result.logs] == [(YEAR, LEAVES), ("statements", 8)]
    assert result.matched == LEAVES
    log = result.logs[0]
    assert log.checkpoints == DAYS
    assert log.days == {f"2026-01-0{day}": 300 for day in range(1, 6)}
    assert [one.name for one in log.cosigned] == ["witness.invalid"]
    assert log.demonstration


@pytest.mark.parametrize("at", [0, 1, 50, 99, 256 * ROW_BYTES - 1])
def test_a_byte_of_a_bundle(export: Path, at: int) -> None:
    flip(export / YEAR / "tile/entries/002", at)
    found = verify(export).findings[0]
    assert (found.log, found.path) == (YEAR, "tile/entries/002")
    assert found.leaf is not None
    assert 512 <= found.leaf < 768
    if at > 2:
        assert (found.rule, found.leaf) == ("leaf-hash", 512 + at // ROW_BYTES)


@pytest.mark.parametrize(
    ("tile", "at", "leaf"), [("tile/0/003", 32 * 7, 775), ("tile/1/000.p/5", 32 * 3 + 31, 768)]
)
def test_a_byte_of_a_tile(export: Path, tile: str, at: int, leaf: int) -> None:
    flip(export / YEAR / tile, at)
    found = verify(export).findings[0]
    assert (found.log, found.leaf) == (YEAR, leaf)
    assert tile in f"{found.detail} {found.path}"


def test_any_byte_of_a_checkpoint(export: Path) -> None:
    file = export / YEAR / "checkpoint"
    content = file.read_bytes()
    for at in range(0, len(content), 5):
        flip(file, at)
        result = verify(export)
        assert not result.holds, at
        assert result.findings[0].log == YEAR
        file.write_bytes(content)


def test_what_is_missing_is_named(export: Path) -> None:
    (export / YEAR / "tile/entries/001").unlink()
    assert finding(verify(export), "missing").path == "tile/entries/001"
    (export / YEAR / "checkpoint").unlink()
    assert verify(export).logs[0].name == "statements"
    with pytest.raises(LogFault):
        verify(export / "tile")


def entries_of(export: Path) -> list[bytes]:
    folder = export / YEAR / "tile/entries"
    files = [*sorted(folder.glob("[0-9][0-9][0-9]")), next((folder / "005.p").iterdir())]
    return [one for file in files for one in unpack(file.read_bytes())]


def rewrite(export: Path, entries: Sequence[bytes], *, keep_older: bool = True) -> Writer:
    """Write the log anew, with other leaves, as somebody can who has all of its keys. The older
    checkpoints stay as auditors have them."""
    older = {path.name: path.read_text() for path in (export / YEAR / "checkpoints").iterdir()}
    shutil.rmtree(export / YEAR)
    log = Writer(export, YEAR, KEYS)
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(START + timedelta(days=DAYS, hours=2), final=True)
    for name, note in older.items() if keep_older else ():
        if int(name) <= len(entries):
            (export / YEAR / "checkpoints" / name).write_text(note)
    return log


def grown(export: Path, at: datetime) -> None:
    """The honest log with one leaf more, of any time, cosigned at the end."""
    key = leaf_key()
    batch = Batch(998, "88.118.7", Method.SINGLE, "key:YEAR")
    made = unpack(
        rows(key.blinded(batch.prefix), 998, at, key.material(batch, ["LATER"])).tobytes()
    )
    rewrite(export, [*entries_of(export)[:LEAVES], *made])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda some: [*some[:700], *some[701:]], id="dropped"),
        pytest.param(lambda some: [*some[:700], some[700], *some[700:]], id="doubled"),
        pytest.param(lambda some: [*some[:700], some[701], some[700], *some[702:]], id="reordered"),
    ],
)
def test_a_log_written_anew_is_not_what_was_cosigned(
    export: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    rewrite(export, change(entries_of(export)))
    found = finding(verify(export), "consistency")
    assert found.path is not None
    assert found.path.endswith("checkpoints/900")


def test_a_doubled_leaf_counts_twice(export: Path) -> None:
    entries = entries_of(export)
    rewrite(export, [*entries, entries[42]], keep_older=False)
    found = finding(verify(export), "duplicate")
    assert found.leaf == LEAVES
    assert "leaf 42" in found.detail


def test_one_identifier_in_two_years_counts_twice(export: Path) -> None:
    later = Writer(export, "registrations-2027", KEYS)
    key = leaf_key()
    batch = Batch(999, "88.118.1", Method.STREAM, "key:YEAR")
    at = datetime(2027, 3, 1, tzinfo=UTC)
    suffix = next(one for one in dump(export) if one.startswith("88.118.1/")).partition("/")[2]
    later.add_rows(rows(key.blinded(batch.prefix), 999, at, key.material(batch, ["NEW", suffix])))
    later.checkpoint(at + timedelta(hours=1), final=True)
    trusted(export, later)
    found = finding(verify(export), "duplicate")
    assert (found.log, found.leaf) == ("registrations-2027", 1)


def test_a_backdated_leaf(export: Path) -> None:
    """Cosigned without blame, since no witness looks at leaves."""
    grown(export, datetime(2026, 1, 2, 12, tzinfo=SHANGHAI))
    found = finding(verify(export), "backdated")
    assert (found.log, found.leaf) == (YEAR, LEAVES)


def test_an_export_of_before_shows_what_is_backdated(export: Path, tmp_path: Path) -> None:
    """Though the checkpoints that would were left out of the later one."""
    before = Path(shutil.copytree(export, tmp_path / "before"))
    grown(export, datetime(2026, 1, 2, 12, tzinfo=SHANGHAI))
    shutil.rmtree(export / YEAR / "checkpoints")
    assert not [one for one in verify(export).findings if one.rule == "backdated"]
    found = finding(verify(before, export), "backdated")
    assert (found.log, found.leaf) == (YEAR, LEAVES)


def test_a_leaf_from_the_future_or_another_year(export: Path) -> None:
    grown(export, datetime(2026, 8, 1, tzinfo=SHANGHAI))
    assert finding(verify(export), "leaf-time").leaf == LEAVES
    grown(export, datetime(2025, 12, 31, 23, 59, tzinfo=SHANGHAI))
    assert finding(verify(export), "leaf-year").leaf == LEAVES


def test_a_fork_shown_to_two_auditors(export: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(export, tmp_path / "other"))
    entries = entries_of(other)
    rewrite(other, [*entries[:-1], entries[0][:-1] + b"?"], keep_older=False)
    assert verify(export).holds
    result = verify(export, other)
    assert finding(result, "consistency").detail.startswith(f"at {LEAVES} leaves this log is not")


def test_an_older_export_of_the_same_log_is_no_fork(export: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    write_year(older, LEAVES, KEYS, days=DAYS, chunk=100)
    grown(export, START + timedelta(days=DAYS, hours=1))
    result = verify(older, export)
    assert not [one for one in result.findings if one.rule == "consistency"]


def test_a_rolled_back_database(export: Path) -> None:
    note = (export / YEAR / "checkpoints" / str(LEAVES)).read_text()
    rewrite(export, entries_of(export)[:1_200])
    (export / YEAR / "checkpoints" / str(LEAVES)).write_text(note)
    found = finding(verify(export), "rolled-back")
    assert found.leaf == 1_200
    assert str(LEAVES) in found.detail


def said(export: Path) -> list[Statement]:
    file = next((export / "statements/tile/entries/000.p").iterdir())
    return [Statement.parse(one) for one in unpack(file.read_bytes())]


def say(export: Path, statements: Sequence[Statement]) -> None:
    shutil.rmtree(export / "statements")
    log = Writer(export, "statements", KEYS)
    entries = [one.text.encode() for one in statements]
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(max(one.at for one in statements), final=True)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"created": 301}, "daily-total"), ({"created": 299, "imported": 1}, "daily-total"),
        ({"total": 901}, "daily-total"), ({"deleted": 1}, "daily-total"),
        ({"received": 4}, "daily-total"), ({"day": "2026-01-04"}, "daily-gap"),
    ],
)  # fmt: skip
def test_a_statement_off_by_one(export: Path, changes: dict[str, object], rule: str) -> None:
    statements = said(export)
    third = statements[5]
    statements[5] = Statement(third.kind, third.at, {**third.content, **changes})
    say(export, statements)
    found = finding(verify(export), rule)
    assert (found.log, found.leaf) in [("statements", 5), ("statements", 6)]


def test_a_wrong_k(export: Path) -> None:
    other = LeafKey(b"\7" * 32)
    result = verify(export, key=other, dump=dump(export))
    assert finding(result, "leaf-key").leaf == 0
    assert finding(result, "no-leaf").detail.endswith("has no leaf in these logs")
    assert finding(result, "no-identifier").detail.startswith(f"{LEAVES} leaves")


def test_a_second_commitment_to_k(export: Path) -> None:
    statements = said(export)
    say(export, [*statements, statements[0]])
    assert finding(verify(export), "leaf-key").leaf == 8
    say(export, statements[1:])
    assert finding(verify(export), "leaf-key").leaf == 0


def test_a_dump_that_does_not_fit(export: Path) -> None:
    known = dump(export)
    result = verify(export, key=leaf_key(), dump=[*known[:-1], "88.118.1/NEVER"])
    assert finding(result, "no-leaf").detail == "88.118.1/NEVER has no leaf in these logs"
    assert finding(result, "no-identifier").detail.startswith("1 leaves")


def added(export: Path, key: LeafKey, suffix: str) -> None:
    """The honest log with one leaf more, made with some K, of some spelling, at its end."""
    batch = Batch(998, "88.118.1", Method.SINGLE, "key:YEAR")
    at = START + timedelta(days=DAYS, hours=1)
    made = rows(key.blinded(batch.prefix), 998, at, key.material(batch, [suffix]))
    rewrite(export, [*entries_of(export), *unpack(made.tobytes())])


def test_one_identifier_under_two_spellings(export: Path, tmp_path: Path) -> None:
    """Its second tag is unlike the first, and belongs to nothing that a dump can name."""
    known = dump(export)
    suffix = next(one for one in known if one.startswith("88.118.1/")).partition("/")[2]
    added(export, leaf_key(), suffix.lower())
    file = tmp_path / "dump"
    file.write_text("\n".join([*known, f"88.118.1/{suffix.lower()}"]))
    result = verify(export, key=leaf_key(), dump=identifiers(file))
    assert finding(result, "no-identifier").detail.startswith("1 leaves")


@pytest.mark.parametrize(
    ("seed", "suffix"), [(KEYS.seed, "NEVER-REGISTERED"), (b"\5" * 32, "SN0000000001")]
)
def test_a_leaf_of_nothing_and_one_made_with_another_k(
    export: Path, seed: bytes, suffix: str
) -> None:
    known = dump(export)
    added(export, leaf_key(seed), suffix)
    result = verify(export, key=leaf_key(), dump=known)
    assert finding(result, "no-identifier").detail.startswith("1 leaves")


def test_other_keys_than_those_that_were_given(export: Path) -> None:
    found = Trust.found(export)
    pinned = Trust(found.logs, found.witnesses, pinned=True)
    assert verify(export, trust=pinned).holds
    strange = Keys(b"\2" * 32)
    log = Writer(export, YEAR, strange)
    keys = (Signer.ed25519(log.origin, strange.log).verifier,)
    result = verify(export, trust=Trust(keys, found.witnesses, pinned=True))
    assert finding(result, "unsigned").log == YEAR
    result = verify(export, trust=Trust(found.logs, (), pinned=True))
    assert finding(result, "uncosigned").log == YEAR


def test_a_key_that_was_never_stated(export: Path) -> None:
    found = Trust.found(export)
    strange = Signer.ed25519("year.invalid/log/statements", Keys(b"\2" * 32).log).verifier
    result = verify(export, trust=Trust((*found.logs, strange), found.witnesses, pinned=True))
    assert finding(result, "undeclared-key")


def test_several_processes_find_the_same(export: Path) -> None:
    flip(export / YEAR / "tile/entries/002", 510)
    alone, together = verify(export), run(Question((export,), processes=2))
    assert alone.findings == together.findings
    assert alone.findings[0].leaf == 517


def test_single_logs_are_found_too(export: Path) -> None:
    assert [log.name for log in log_folders(export)] == [YEAR, "statements"]
    assert [log.name for log in log_folders(export / YEAR)] == [YEAR]
    assert verify(export / YEAR).holds


def trusted(export: Path, log: Writer) -> None:
    with (export / "keys").open("a") as keys:
        keys.write(f"log {Signer.ed25519(log.origin, KEYS.log).verifier}\n")


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(bytes(content))
