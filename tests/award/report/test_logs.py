"""What a package shows of its logs: every change is caught, and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from award.evidence.certified import CertifiedYear
from award.proof.gathering import text_of
from award.proof.sample import drawn
from award.proof.stated import Stated
from award.report.logs import LogChecks
from award.report.report import Kind, Report
from award.report.trust import Keys
from metrics.log.fault import LogFault
from metrics.log.note import SignedNote
from metrics.log.statement import Statement
from tests.award.report.logbook import written
from tests.award.report.sample import (
    KEYS,
    LOG_KEY,
    ORIGIN,
    PROVED,
    WITNESSES,
    registrations,
    report,
    statements,
    usual,
    year,
)

REPLACE = msgspec.structs.replace
Files = dict[str, bytes]
REGISTRATIONS, STATEMENTS = "log/registrations-2024", "log/statements"
PLACES = drawn(text_of(registrations().checkpoint()), "", 100_000_001)


@pytest.fixture(scope="module")
def made() -> Report:
    return report()


def found(made: Report, files: Files | None = None) -> dict[str, str]:
    """What each check came to: nothing, or the fault."""
    checks = LogChecks(made, PROVED if files is None else files, Keys(KEYS, ()))
    told = {}
    for name in ("checkpoints", "stated", "sample", "older"):
        try:
            getattr(checks, name)()
            told[name] = ""
        except LogFault as fault:
            told[name] = f"{fault.detail} [{fault.rule}]"
    return told


def test_all_of_it_holds(made: Report) -> None:
    assert set(found(made).values()) == {""}


def without(*names: str) -> Callable[[Files], Files]:
    return lambda files: {name: one for name, one in files.items() if name not in names}


def instead(name: str, make: Callable[[Files], bytes]) -> Callable[[Files], Files]:
    return lambda files: files | {name: make(files)}


def swapped(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    def change(files: Files) -> bytes:
        assert old in files[name]
        return files[name].replace(old, new, 1)

    return instead(name, change)


def of(name: str) -> Callable[[Files], bytes]:
    return lambda files: files[name]


LEAF = f"{REGISTRATIONS}/{PLACES[7]}.tlog-proof"
NEW_YEAR = f"{STATEMENTS}/3.tlog-proof"

TAMPERED: dict[str, tuple[str, str, Callable[[Files], Files]]] = {
    "a day's statement left out": (
        "stated", "2024-01-01", without(NEW_YEAR)),
    "the last day's statement left out": (
        "stated", "2024-12-31", without(f"{STATEMENTS}/368.tlog-proof")),
    "a day within left out": (
        "stated", "之间缺少", without(f"{STATEMENTS}/40.tlog-proof")),
    "the commitment to K left out": (
        "stated", "密钥 K", without(f"{STATEMENTS}/0.tlog-proof")),
    "the keys left out": (
        "stated", "从未声明", without(f"{STATEMENTS}/1.tlog-proof")),
    "the rules left out": (
        "stated", "计数规则 test", without(f"{STATEMENTS}/2.tlog-proof")),
    "one day's statement for another's": (
        "stated", "3.tlog-proof", instead(NEW_YEAR, of(f"{STATEMENTS}/4.tlog-proof"))),
    "a statement's hash": (
        "stated", "3.tlog-proof", swapped(NEW_YEAR, b"\n\n", b"\nAAAA\n\n")),
    "a statement that is none": (
        "stated", "3.tlog-proof", instead(NEW_YEAR, lambda files: b"\xff")),
    "a sampled leaf left out": (
        "sample", str(PLACES[7]), without(LEAF)),
    "another leaf in its place": (
        "sample", f"{PLACES[7]}.tlog-proof",
        instead(LEAF, of(f"{REGISTRATIONS}/{PLACES[8]}.tlog-proof"))),
    "a leaf's bytes": (
        "sample", f"{PLACES[7]}.tlog-proof", swapped(LEAF, b"extra AQAA", b"extra AQAB")),
    "a proof of another log": (
        "sample", f"{PLACES[7]}.tlog-proof", instead(LEAF, of(NEW_YEAR))),
    "half an older checkpoint": (
        "older", "成对", without(f"{STATEMENTS}/100.consistency")),
    "an older checkpoint of another log": (
        "older", "55000000.checkpoint", instead(
            f"{REGISTRATIONS}/55000000.checkpoint", of(f"{STATEMENTS}/100.checkpoint"))),
    "an older checkpoint's proof": (
        "older", "55000000.checkpoint", swapped(
            f"{REGISTRATIONS}/55000000.consistency", b"old 55000000\n", b"old 55000000\nAAAA\n")),
    "an older checkpoint's root": (
        "older", "100.checkpoint", swapped(
            f"{STATEMENTS}/100.checkpoint", b"\n100\n", b"\n100\nA")),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_every_change_of_a_file_is_named(made: Report, what: str) -> None:
    name, said, tamper = TAMPERED[what]
    told = found(made, tamper(PROVED))
    assert said in told.pop(name)
    if what != "the keys left out":  # older checkpoints rest on those too
        assert set(told.values()) == {""} or name == "stated"


def test_an_older_checkpoint_that_nobody_signed(made: Report) -> None:
    name = f"{STATEMENTS}/100.checkpoint"
    note = SignedNote.parse(PROVED[name].decode())
    stranger = [line for line in note.signatures if line.name != f"{ORIGIN}/statements"]
    files = PROVED | {name: str(SignedNote(note.text, tuple(stranger))).encode()}
    assert "unsigned" in found(made, files)["older"]


def telling(other: CertifiedYear, *more: Statement) -> tuple[Report, Files]:
    """A report of the usual year whose log states another."""
    book = statements(other, *more)
    files = without(*[name for name in PROVED if name.startswith(STATEMENTS)])(PROVED)
    said = year(statements=book.checkpoint())
    return report(said, proved={}), files | book.proofs(range(book.size))


def day(at: int, **changes: int) -> CertifiedYear:
    one = year()
    days = list(one.days)
    days[at] = REPLACE(days[at], **changes)
    return REPLACE(one, days=tuple(days))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: day(0, registrations=5), "2024-01-01 的新增：报告为 273,224，日结声明为 5"),
        (lambda: day(3, deleted=5), "2024-01-04 的当年新增中的注销：报告为 33，日结声明为 5"),
        (lambda: day(1, received=7), "2024-01-02 的收到"),
        (lambda: day(2, answered=7), "2024-01-03 的成功响应"),
        (lambda: day(365, counted=7), "2024-12-31 的计入"),
    ],
)
def test_a_count_that_was_not_stated(other: Callable[[], CertifiedYear], said: str) -> None:
    assert said in found(*telling(other()))["stated"]


def test_an_exclusion_that_was_not_stated() -> None:
    one = year()
    first, second = one.resolutions.exclusions
    links = (REPLACE(first, number=first.number - 1), REPLACE(second, number=second.number + 1))
    other = REPLACE(one, resolutions=REPLACE(one.resolutions, exclusions=links))
    told = found(*telling(other))["stated"]
    assert "剔除“未找到”" in told
    assert "剔除“30 秒内重复”" in told


def later(kind: str, **content: Any) -> Statement:
    return Statement(kind, datetime(2025, 1, 2, tzinfo=UTC), content)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (later("log-closed", log="registrations-2024", size=5, root=""), "封存时有 5 片"),
        (later("daily-totals", day="2024-05-01"), "两份日结声明"),
        (later("daily-totals", day="nonsense"), "nonsense"),
        (later("log-keys", keys=["x"]), "key"),
    ],
)
def test_a_statement_that_contradicts_the_report(more: Statement, said: str) -> None:
    assert said in found(*telling(year(), more))["stated"]


def test_a_revision_rests_on_the_statement_of_the_one_before() -> None:
    sign = later("report-issued", sha256="ab" * 32)
    made, files = telling(year(), sign)
    revised = REPLACE(made, issue=REPLACE(made.issue, revision=2, replaces="ab" * 32))
    assert found(revised, files)["stated"] == ""
    other = REPLACE(made, issue=REPLACE(made.issue, revision=2, replaces="cd" * 32))
    assert "所取代版本" in found(other, files)["stated"]


def test_a_statement_has_one_spelling() -> None:
    entry = usual().entry(5)
    assert Stated.read({5: entry}).said
    with pytest.raises(LogFault, match="第 5 份声明不是唯一的写法"):
        Stated.read({5: entry.replace(b",", b", ", 1)})


def test_what_an_operator_accepted_is_told() -> None:
    accepted = Statement.parse(usual().entry(5))
    content = {**accepted.content, "accepted": {"reason": "磁盘损坏"}, "corrected": 0}
    entries = [usual().entry(place) for place in range(369)]
    entries[5] = Statement(accepted.kind, accepted.at, content).text.encode()
    book = written(f"{ORIGIN}/statements", entries, LOG_KEY, WITNESSES)
    made = report(year(statements=book.checkpoint()), proved={})
    told = LogChecks(made, book.proofs(range(369)), Keys(KEYS, ())).stated()
    assert "2024-01-03 日结时台账与记录不符，运营方以“磁盘损坏”接受了差异" in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: with_evidence(made, log=None), "2024 年的登记日志尚无"),
        (lambda made: with_evidence(made, statements=None), "声明日志尚无"),
        (lambda made: REPLACE(made, basis=REPLACE(made.basis, witnesses=())), "没有要求任何见证方"),
        (lambda made: REPLACE(made, basis=REPLACE(made.basis, witnesses=("a.example",))),
         "缺少见证签名：a.example"),
        (lambda made: with_evidence(made, log=bare()), "缺少见证签名：ntn.example"),
        (lambda made: with_evidence(made, log=forged()), "does not verify"),
    ],
)  # fmt: skip
def test_a_certified_report_without_its_witnesses(
    made: Report, change: Callable[[Report], Report], said: str
) -> None:
    assert said in found(change(made))["checkpoints"]


def with_evidence(made: Report, **changes: Any) -> Report:
    return REPLACE(made, evidence=(REPLACE(made.evidence[0], **changes),))


def bare() -> Any:
    """Signed by the node, and by nobody else."""
    shown = registrations().checkpoint()
    note = SignedNote.parse(shown.note)
    own = [line for line in note.signatures if line.name == shown.origin]
    return REPLACE(shown, note=str(SignedNote(note.text, tuple(own))), cosigned_by=())


def forged() -> Any:
    """The witness's line, of another checkpoint."""
    shown = registrations().checkpoint()
    note = SignedNote.parse(shown.note)
    other = SignedNote.parse(registrations(5).checkpoint().note)
    lines = (note.signatures[0], other.signatures[1])
    return REPLACE(shown, note=str(SignedNote(note.text, lines)))


def test_a_draft_may_go_without(made: Report) -> None:
    draft = REPLACE(made, issue=REPLACE(made.issue, kind=Kind.DRAFT))
    assert found(with_evidence(draft, log=bare()), {})["checkpoints"] == ""


def test_the_sample_follows_from_the_checkpoint_and_the_challenge(made: Report) -> None:
    text = text_of(registrations().checkpoint())
    assert len(PLACES) == 299
    assert list(PLACES) == sorted(set(PLACES))
    assert max(PLACES) < 100_000_001
    assert drawn(text, "摇号".encode().hex(), 100_000_001) != PLACES
    assert drawn(text_of(registrations(100_000_000).checkpoint()), "", 100_000_001) != PLACES
    assert drawn(text, "", 5) == (0, 1, 2, 3, 4)
    assert drawn(text, "", 0) == ()
    other = REPLACE(made, basis=REPLACE(made.basis, challenge="4711"))
    assert "缺少抽中的" in found(other)["sample"]


def test_places_of_a_known_checkpoint() -> None:
    """As the docstring says, computed by hand."""
    assert drawn("a\n1\nb\n", "", 1_000_000)[:3] == (3148, 10051, 12685)


def test_days_are_read_by_year() -> None:
    stated = Stated.read({place: usual().entry(place) for place in range(369)})
    assert len(stated.days(2024)) == 366
    assert min(stated.days(2024)) == date(2024, 1, 1)
    assert not stated.days(2023)
