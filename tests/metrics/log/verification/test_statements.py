"""What is stated is all there, in time, said in one way, and signed by whom it says."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loadtests.year import Keys, Writer, write_year
from metrics.log.cosignature import verifier_key
from metrics.log.keylist import KeyList
from metrics.log.leaf import rows
from metrics.log.merkle import leaf_hash
from metrics.log.note import Signer
from metrics.log.statement import LOG_CLOSED, LOG_KEYS, Statement
from metrics.log.tile import bundles, pack, unpack
from metrics.log.verification.folder import Head, LogFolder
from metrics.log.verification.heads import Trust
from registry.leaf.leaf import Batch
from registry.record.registration import Method
from tests.metrics.log.verification.test_tampering import (
    KEYS,
    LEAVES,
    START,
    YEAR,
    dump,
    finding,
    leaf_key,
    said,
    say,
    verify,
)

DAYS = 5
FIRST = 3  # the first day's statement
NEXT = Keys(b"\3" * 32)


@pytest.fixture(scope="session")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("five")
    write_year(folder, LEAVES, KEYS, days=DAYS, chunk=100)
    return folder


@pytest.fixture
def export(five: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(five, tmp_path / "export"))


@pytest.mark.parametrize(
    ("dropped", "told"),
    [
        ([0], "2026-01-01 was never stated"),
        ([0, 1], "the 2 days from 2026-01-01 to 2026-01-02 were never stated"),
        ([2], "2026-01-03 was never stated"),
        ([4], "2026-01-05 was never stated"),
        ([0, 1, 2, 3, 4], "the 5 days from 2026-01-01 to 2026-01-05 were never stated"),
    ],
)
def test_a_day_that_was_never_stated(export: Path, dropped: list[int], told: str) -> None:
    """At the beginning, in the middle and at the end: a day past its end is to be stated."""
    later(export, timedelta(days=1))
    stated = said(export)
    say(export, [one for at, one in enumerate(stated) if at - FIRST not in dropped])
    assert finding(verify(export), "daily-gap").detail == told


def test_a_day_has_a_day_to_be_stated(export: Path) -> None:
    say(export, said(export)[:-1])
    later(export, timedelta(hours=23, minutes=59))
    assert verify(export).holds
    later(export, timedelta(days=1))
    assert finding(verify(export), "daily-gap").detail == "2026-01-05 was never stated"


def test_days_before_the_log_are_stated_where_leaves_are_of_them(export: Path) -> None:
    first, *rest = said(export)
    late = Statement(first.kind, START + timedelta(days=4), first.content)
    say(export, [late, *rest[:2], *rest[FIRST:]])
    assert finding(verify(export), "daily-gap").detail.startswith("2026-01-01")


def test_a_closed_year_is_stated_to_its_end(export: Path) -> None:
    (log,) = (one for one in verify(export).logs if one.name == YEAR)
    content = {"log": YEAR, "size": log.size, "root": log.root}
    say(export, [*said(export), Statement(LOG_CLOSED, START + timedelta(days=5), content)])
    detail = finding(verify(export), "daily-gap").detail
    assert detail == "the 360 days from 2026-01-06 to 2026-12-31 were never stated"


def test_a_year_that_is_over_is_closed(export: Path) -> None:
    later(export, timedelta(days=370))
    assert "was never closed" in finding(verify(export), "log-closed").detail


def test_an_export_without_its_statements(export: Path) -> None:
    shutil.rmtree(export / "statements")
    assert finding(verify(export), "no-statements")


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.replace(b'"created":', b'"created":7,"created":'),
        lambda entry: entry.replace(b":", b": ", 1),
        lambda entry: entry[:-1] + b',"zz":1,"aa":2}',
        lambda entry: entry.replace(b"Z", b"+00:00"),
    ],
)
def test_a_statement_has_one_spelling(export: Path, change: Any) -> None:
    entries = [one.text.encode() for one in said(export)]
    entries[FIRST] = change(entries[FIRST])
    shutil.rmtree(export / "statements")
    log = Writer(export, "statements", KEYS)
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(START + timedelta(days=DAYS), final=True)
    assert finding(verify(export), "statement").leaf == FIRST


def test_a_statement_that_is_dated_otherwise(export: Path) -> None:
    stated = said(export)
    note = Statement("note", START + timedelta(days=DAYS, hours=3), {})
    say(export, [*stated, note])
    rewritten(export, START + timedelta(days=DAYS))
    assert "younger" in finding(verify(export), "statement-time").detail
    say(export, [*stated[:FIRST], Statement("note", START, {}), *stated[FIRST:]])
    log = Writer(export, "statements", KEYS)
    entries = [one.text.encode() for one in stated[:FIRST]]
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(START + timedelta(hours=2))
    found = finding(verify(export), "statement-time")
    assert (found.leaf, "older" in found.detail) == (FIRST, True)


def test_a_dump_read_with_other_rules_of_spelling(export: Path) -> None:
    result = verify(export, key=leaf_key(), dump=dump(export), case_sensitive=True)
    assert "do not differ by case" in finding(result, "leaf-key").detail


def test_another_k_after_a_succession(export: Path) -> None:
    first, *rest = said(export)
    other = Statement(first.kind, first.at, {**first.content, "commitment": "00" * 32})
    log = Writer(export, "statements-2", KEYS)
    entries = [one.text.encode() for one in (other, *rest)]
    log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    log.checkpoint(START + timedelta(days=DAYS), final=True)
    with (export / "keys").open("a") as keys:
        keys.write(f"log {Signer.ed25519(log.origin, KEYS.log).verifier}\n")
    assert "another K" in finding(verify(export), "leaf-key").detail


def test_times_that_no_calendar_has(export: Path) -> None:
    """Whatever stands in a leaf is a finding, and never ends the verification."""
    key, batch = leaf_key(), Batch(7, "88.118.7", Method.SINGLE, "key:YEAR")
    for time in (2**63 - 1, -(2**63), 0):
        made = rows(key.blinded(batch.prefix), 7, START, key.material(batch, [f"T{time}"]))
        made["time"] = time
        log = Writer(export, YEAR, KEYS)
        shutil.rmtree(export / YEAR)
        log.add_rows(made)
        log.checkpoint(START + timedelta(hours=1), final=True)
        assert finding(verify(export), "leaf-year").leaf == 0


def signers(*keys: Ed25519PrivateKey) -> list[Signer]:
    return [Signer.ed25519("year.invalid/log/statements", key) for key in keys]


def rotated(export: Path, *lists: KeyList) -> None:
    """Further lists of keys, after which the new key alone signs."""
    at = START + timedelta(days=DAYS)
    say(export, [*said(export), *(Statement(LOG_KEYS, at, one.content) for one in lists)])
    for name in ("statements", YEAR):
        resigned(export, name, NEXT.log)


def pinned(*keys: Ed25519PrivateKey) -> Trust:
    """One key of the statements log, as an auditor was given it."""
    witness = verifier_key("witness.invalid", KEYS.witness)
    return Trust(tuple(one.verifier for one in signers(*keys)), (witness,), pinned=True)


def test_a_key_is_followed_to_the_one_that_took_its_place(export: Path) -> None:
    both = KeyList.signed(signers(NEXT.log, KEYS.log))
    rotated(export, both, KeyList.signed(signers(NEXT.log)))
    for key in (KEYS.log, NEXT.log):
        result = verify(export, trust=pinned(key))
        assert result.holds, result.findings
        assert not result.remarks[1:], result.remarks


def test_a_key_that_nobody_vouches_for_is_not_followed(export: Path) -> None:
    rotated(export, KeyList.signed(signers(NEXT.log)))
    assert finding(verify(export, trust=pinned(KEYS.log)), "unsigned")
    result = verify(export, trust=pinned(NEXT.log))
    assert any("nobody vouches" in one for one in result.remarks)


def test_a_list_that_not_all_its_keys_have_signed(export: Path) -> None:
    both = KeyList.signed(signers(NEXT.log, KEYS.log))
    rotated(export, KeyList(both.keys, both.signatures[:1]))
    assert finding(verify(export, trust=pinned(KEYS.log)), "unsigned")
    found = finding(verify(export, trust=pinned(NEXT.log)), "log-keys")
    assert found.leaf == FIRST + DAYS


def test_a_key_that_was_retired_signs_no_more(export: Path) -> None:
    both = KeyList.signed(signers(NEXT.log, KEYS.log))
    rotated(export, both, KeyList.signed(signers(NEXT.log)))
    resigned(export, "statements", KEYS.log)
    assert finding(verify(export, trust=pinned(KEYS.log)), "retired-key")


def later(export: Path, by: timedelta) -> None:
    """Registrations were cosigned after the last day's end, as long as that."""
    rewritten(export, START + timedelta(days=DAYS) + by, YEAR)


def rewritten(export: Path, at: Any, name: str = "statements") -> None:
    """The latest checkpoint, cosigned at another time."""
    log = reopened(export, name, KEYS)
    (export / name / "checkpoint").write_text(log.checkpoint(at))


def resigned(export: Path, name: str, key: Ed25519PrivateKey) -> None:
    """The latest checkpoint, signed with another key."""
    keys = Keys()
    keys.log = key
    log = reopened(export, name, keys)
    (export / name / "checkpoint").write_text(log.checkpoint(START + timedelta(days=DAYS)))
    shutil.rmtree(export / name / "checkpoints")


def reopened(export: Path, name: str, keys: Keys) -> Writer:
    """The whole log once more, to be signed."""
    folder = LogFolder(export / name)
    log = Writer(export, name, keys)
    for bundle in bundles(Head.read(export / name / "checkpoint").checkpoint.size):
        entries = unpack(folder.content(bundle))
        log.add([leaf_hash(one) for one in entries], [pack([one]) for one in entries])
    return log
