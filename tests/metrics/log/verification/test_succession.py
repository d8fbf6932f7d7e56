"""Successors go on from what they succeed, and what was opened is there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from loadtests.year import Writer, write_year
from metrics.log.fault import LogFault
from metrics.log.leaf import rows
from metrics.log.log import SHANGHAI
from metrics.log.merkle import leaf_hash
from metrics.log.statement import LOG_OPENED, LOG_SUCCEEDED, Statement
from metrics.log.tile import pack, unpack
from metrics.log.tree import Tree
from registry.leaf.leaf import Batch
from registry.record.registration import Method
from tests.metrics.log.verification.test_tampering import (
    KEYS,
    START,
    YEAR,
    dump,
    finding,
    leaf_key,
    said,
    say,
    trusted,
    verify,
)

LEAVES, DAYS = 600, 2
NEXT = f"{YEAR}-2"
AT = START + timedelta(days=DAYS)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    write_year(tmp_path / "export", LEAVES, KEYS, days=DAYS, chunk=100)
    return tmp_path / "export"


def succeeded(export: Path, entries: Sequence[bytes], name: str = NEXT) -> None:
    """A successor with these leaves, signed and cosigned."""
    log = Writer(export, name, KEYS)
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(AT + timedelta(minutes=5), final=True)
    trusted(export, log)


def stated(export: Path, carried: int = LEAVES, **changes: object) -> None:
    tree = Tree()
    tree.append([leaf_hash(one) for one in entries_at(export)[:carried]])
    content = {
        "log": YEAR, "successor": NEXT, "carried": carried, "carried_root": tree.root.hex(),
        "shared": LEAVES, "witnessed": LEAVES + 2, "lost_at_least": 2, "lost_at_most": 2,
        "reason": "a disk",
    }  # fmt: skip
    say(export, [*said(export), Statement(LOG_SUCCEEDED, AT, {**content, **changes})])


def test_an_honest_succession_holds(export: Path) -> None:
    entries = entries_at(export)
    succeeded(export, entries)
    stated(export)
    result = verify(export, key=leaf_key(), dump=dump(export))
    assert result.holds, result.findings
    assert result.matched == LEAVES
    (remark,) = (one for one in result.remarks if "a disk" in one)
    assert f"{YEAR} goes on as {NEXT}, and of what was witnessed 2 leaves are lost" in remark


def test_a_successor_written_anew(export: Path) -> None:
    """Other leaves under a new name, cosigned without blame since no witness knows that name."""
    entries = entries_at(export)
    succeeded(export, [*entries[1:], entries[0]])
    stated(export)
    details = [one.detail for one in verify(export).findings if one.rule == "log-succeeded"]
    assert details[0].endswith("are not those that were carried over")
    assert details[1].endswith(f"are not those of {YEAR}")


def test_a_successor_with_fewer_leaves(export: Path) -> None:
    succeeded(export, entries_at(export)[: LEAVES - 1])
    stated(export)
    assert "fewer" in finding(verify(export), "log-succeeded").detail


def test_a_successor_that_begins_otherwise_than_stated(export: Path) -> None:
    """Also where nothing of the old log is left to compare it with."""
    succeeded(export, entries_at(export))
    stated(export, shared=0, carried_root="00" * 32)
    shutil.rmtree(export / YEAR)
    assert "carried over" in finding(verify(export), "log-succeeded").detail


def test_a_leaf_that_is_backdated_into_a_successor(export: Path) -> None:
    """No checkpoint of its own shows that: those of the log before it do."""
    entries = entries_at(export)
    batch = Batch(998, "88.118.7", Method.SINGLE, "key:YEAR")
    key = leaf_key()
    made = rows(key.blinded(batch.prefix), 998, START, key.material(batch, ["LATER"]))
    succeeded(export, [*entries, *unpack(made.tobytes())])
    stated(export)
    found = finding(verify(export), "backdated")
    assert (found.log, found.leaf) == (NEXT, LEAVES)


def test_what_was_lost_is_counted_where_the_old_log_is_at_hand(
    export: Path, tmp_path: Path
) -> None:
    before = Path(shutil.copytree(export, tmp_path / "before"))
    fewer = entries_at(export)[:590]
    succeeded(export, fewer)
    stated(export, 590, shared=580, witnessed=LEAVES, lost_at_least=10, lost_at_most=20)
    shutil.rmtree(export / YEAR)
    result = verify(before, export)
    (remark,) = (one for one in result.remarks if "a disk" in one)
    assert "10–20 leaves are lost" in remark
    assert f"{LEAVES} 条里，10 条不在其中" in remark


@pytest.mark.parametrize(("created", "blamed"), [(301, True), (300, False), (299, False)])
def test_a_day_stated_again_comes_to_no_more(export: Path, created: int, blamed: bool) -> None:
    statements = said(export)
    last = statements[-1]
    again = Statement(last.kind, last.at, {**last.content, "created": created})
    log = Writer(export, "statements-2", KEYS)
    entries = [one.text.encode() for one in (*statements[:-1], again)]
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(AT, final=True)
    trusted(export, log)
    found = [one for one in verify(export).findings if one.rule == "restated"]
    assert bool(found) is blamed


def test_a_successor_that_was_never_stated(export: Path) -> None:
    succeeded(export, entries_at(export))
    assert finding(verify(export), "log-succeeded").log == NEXT


def test_a_successor_without_what_it_succeeds(export: Path) -> None:
    succeeded(export, entries_at(export))
    stated(export)
    shutil.rmtree(export / YEAR)
    assert "is not here" in finding(verify(export), "log-succeeded").detail


def test_a_log_left_out_is_named(export: Path) -> None:
    content = {"log": "registrations-2025", "origin": "year.invalid/log/registrations-2025"}
    say(export, [*said(export), Statement(LOG_OPENED, AT, content)])
    assert any("registrations-2025" in remark for remark in verify(export).remarks)


def test_nothing_that_was_named_is_passed_over(export: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "some.tlog-proof"
    receipt.write_text("forged")
    for path in (tmp_path / "misspelt", receipt):
        with pytest.raises(LogFault) as caught:
            verify(export, path)
        assert caught.value.field == str(path)


def test_a_folder_with_another_name_than_its_log(export: Path) -> None:
    shutil.move(export / YEAR, export / "registrations")
    assert finding(verify(export), "origin").log == "registrations"


def test_one_identifier_with_two_tags_that_begin_alike(export: Path) -> None:
    """A second leaf in another year, its tag made up to differ behind the first eight bytes."""
    key, known = leaf_key(), dump(export)
    later = Writer(export, "registrations-2027", KEYS)
    tag = key.tag(known[0])
    start = datetime(2027, 3, 1, tzinfo=SHANGHAI)
    row = bytearray(entries_at(export)[0])
    row[2:10] = int(start.timestamp() * 1_000_000).to_bytes(8, "big")
    row[34:66] = tag[:31] + bytes([tag[31] ^ 1])
    later.add([leaf_hash(bytes(row))], [pack([bytes(row)])])
    later.checkpoint(start + timedelta(minutes=1), final=True)
    trusted(export, later)
    for names in (known, [*known, known[0]]):
        result = verify(export, key=key, dump=names)
        assert finding(result, "duplicate").detail.startswith(known[0])


def test_a_dump_that_names_one_twice(export: Path) -> None:
    known = dump(export)
    result = verify(export, key=leaf_key(), dump=[*known, known[7]])
    assert "twice" in finding(result, "duplicate").detail


def test_a_log_of_which_hardly_anything_is_there(export: Path) -> None:
    """A hostile checkpoint costs whoever verifies it neither memory nor time."""
    log = Writer(export, YEAR, KEYS)
    log.tree.size = 10**17
    log.checkpoint(AT, final=True)
    found = finding(verify(export), "missing")
    assert (found.log, str(10**17) in found.detail) == (YEAR, True)


def test_a_leaf_of_no_version_is_found_beside_others(export: Path) -> None:
    file = export / YEAR / "tile/entries/000"
    content = bytearray(file.read_bytes())
    content[2] = 9
    file.write_bytes(bytes(content))
    assert finding(verify(export), "leaf").leaf == 0


@pytest.mark.parametrize("changes", [{"day": "yesterday"}, {"requests": {"counted": "2"}}])
def test_a_statement_that_makes_no_sense(export: Path, changes: dict[str, object]) -> None:
    statements = said(export)
    last = statements[-1]
    say(export, [*statements[:-1], Statement(last.kind, last.at, {**last.content, **changes})])
    assert finding(verify(export), "statement").log == "statements"


def entries_at(export: Path) -> list[bytes]:
    folder = export / YEAR / "tile/entries"
    files = [folder / "000", folder / "001", next((folder / "002.p").iterdir())]
    return [one for file in files for one in unpack(file.read_bytes())]
