"""One verification: all the logs of some folders, and everything that holds between them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from metrics.log import sm2
from metrics.log.fault import LogFault
from metrics.log.leaf import LeafKey
from metrics.log.verification.distinct import duplicates
from metrics.log.verification.dump import match
from metrics.log.verification.finding import Finding, Result
from metrics.log.verification.folder import Head, LogFolder, log_folders
from metrics.log.verification.heads import Trust
from metrics.log.verification.signing import follow, unvouched
from metrics.log.verification.statements import Given, StatementCheck, answered_for, one_key
from metrics.log.verification.succession import missing, predecessors, restated, succession, told
from metrics.log.verification.verify import Progress, Verified, check_against, verify_log

DEMONSTRATION = "演示数据，不具有证明效力。Demonstration data: it proves nothing."
UNPINNED = (
    "验证密钥取自被验证的文件本身，请与登记的密钥核对。The verifier keys came with the "
    "files: compare them with those you were given, or name them with --log-key and "
    "--witness-key."
)
WORTHWHILE = 32 * 1024  # bytes of level 1: a quarter of a million leaves
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be verified, and with what. Without `trust` each export's own keys are taken."""

    paths: tuple[Path, ...]
    trust: Trust | None = None
    key: LeafKey | None = None
    dump: Iterable[str] | None = None
    processes: int | None = None
    needed: int = 1  # cosignatures, where `trust` does not say
    case_sensitive: bool = False  # as the dump was read


def run(question: Question, progress: Progress = lambda name, done, of: None) -> Result:
    """Raises LogFault where one of the paths holds nothing to verify."""
    started = time.perf_counter()
    folders = [folder for path in question.paths for folder in _found(path)]
    trusts = {folder.path: _trust(question, folder.path.parent) for folder in folders}
    with _pool(folders, question.processes) as pool:
        logs = [
            verify_log(folder, trusts[folder.path], pool, progress, _elsewhere(folder, folders))
            for folder in folders
        ]
    findings = [finding for log in logs for finding in log.findings]
    findings += _between(logs)
    findings += duplicates(_distinct(logs))
    findings += _stated(logs, trusts, question)
    findings += one_key(logs)
    findings += _unstated(question.paths, logs)
    findings += succession(logs)
    findings += restated(logs)
    matched = None
    if question.key is not None and question.dump is not None:
        matched, missing = match(_distinct(logs), question.key, question.dump)
        findings += missing
    return Result(
        logs=tuple(log.figures for log in logs if log.figures),
        findings=tuple(findings),
        remarks=tuple(_remarks(logs, trusts)),
        matched=matched,
        seconds=round(time.perf_counter() - started, 3),
    )


def _found(path: Path) -> list[LogFolder]:
    """The logs of a path. Nothing that was to be verified is passed over."""
    found = log_folders(path)
    if not found:
        raise LogFault("there is no log", field=str(path), rule="nothing")
    return found


class _Here(Executor):
    """Does in this process what is not worth starting others for."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def _pool(folders: list[LogFolder], processes: int | None) -> Executor:
    """As many processes as were asked for; else all cores, where there is enough to do."""
    if processes == 1 or (processes is None and _level_1(folders) < WORTHWHILE):
        return _Here()
    return ProcessPoolExecutor(processes or os.cpu_count(), mp_context=get_context("spawn"))


def _level_1(folders: list[LogFolder]) -> int:
    """Bytes of the tiles of level 1."""
    found = (file for folder in folders for file in folder.path.glob("tile/1/**/*"))
    return sum(file.stat().st_size for file in found if file.is_file())


def _between(logs: list[Verified]) -> list[Finding]:
    """Logs of one origin in several folders are one log: each a beginning of the longest."""
    findings = []
    for log in logs:
        for other in logs:
            if other is log or other.head is None or log.head is None:
                continue
            one, two = log.head.checkpoint, other.head.checkpoint
            later = (one.size, str(log.folder.path)) > (two.size, str(other.folder.path))
            if one.origin == two.origin and later:
                for head in _heads(other.folder):
                    found = check_against(log, head)
                    findings += [found] if found else []
    return findings


def _elsewhere(folder: LogFolder, folders: list[LogFolder]) -> list[Head]:
    """Checkpoints of one log in other folders than this, and of the logs that it succeeds: its
    leaves were there, or came later."""
    names = [folder.name, *predecessors(folder.name)]
    others = [one for one in folders if one.path != folder.path and one.name in names]
    if not others:
        return []
    nodes = {head.checkpoint.origin.rpartition("/")[0] for head in _heads(folder)}
    heads = [head for other in others for head in _heads(other)]
    return [head for head in heads if head.checkpoint.origin.rpartition("/")[0] in nodes]


def _heads(folder: LogFolder) -> list[Head]:
    heads = []
    for path in (folder.path / "checkpoint", *folder.older):
        try:
            heads.append(Head.read(path))
        except LogFault:
            continue  # it was blamed where its own log was verified
    return heads


def _distinct(logs: list[Verified]) -> list[Verified]:
    """Every log once, and of a log with successors the last."""
    chosen: dict[str, Verified] = {}
    for log in logs:
        if log.head is None or log.tags is None:
            continue
        above, _, name = log.head.checkpoint.origin.rpartition("/")
        year = f"{above}/{'-'.join(name.split('-')[:2])}"
        known = chosen.get(year)
        if known is None or _rank(log) > _rank(known):
            chosen[year] = log
    return list(chosen.values())


def _rank(log: Verified) -> tuple[int, str, int]:
    assert log.head is not None  # of those that were read
    origin = log.head.checkpoint.origin
    return len(origin), origin, log.head.checkpoint.size


def _trust(question: Question, export: Path) -> Trust:
    """The keys that were given and those that they vouch for; else what the export says."""
    if question.trust is None:
        return Trust.found(export, question.needed)
    return follow(question.trust, export)


def _stated(
    logs: list[Verified], trusts: dict[Path, Trust], question: Question
) -> Iterable[Finding]:
    sensitive = None if question.dump is None else question.case_sensitive
    for log in logs:
        if log.year or log.figures is None:
            continue
        beside = [
            other
            for other in logs
            if other.figures and other.folder.path.parent == log.folder.path.parent
        ]
        assert log.head is not None  # as there are figures
        node = log.head.checkpoint.origin.rpartition("/")[0] + "/"
        trusted = [key for key in trusts[log.folder.path].logs if key.name.startswith(node)]
        given = Given(question.key, trusted, sensitive)
        ended = any(not one.year and _rank(one) > _rank(log) for one in beside)
        registrations = [one for one in beside if one.year]
        yield from StatementCheck(log, registrations, given, ended=ended).run()


def _unstated(paths: Iterable[Path], logs: list[Verified]) -> Iterable[Finding]:
    """A whole export has the node's statements: without them hardly anything can be told."""
    for path in paths:
        here = [log for log in logs if log.folder.path.parent == path]
        if here and all(log.year for log in here):
            yield Finding(path.name, "no-statements", "the statements log was left out")


def _remarks(logs: list[Verified], trusts: dict[Path, Trust]) -> Iterable[str]:
    if any(log.figures and log.figures.demonstration for log in logs):
        yield DEMONSTRATION
    for log in logs:
        yield from answered_for(log.statements)
        yield from unvouched(log.folder.name, log.statements)
    yield from told(logs)
    yield from missing(logs)
    if not sm2.available() and any(
        sm2.is_sm2(key) for trust in trusts.values() for key in trust.logs
    ):
        yield "本机无法核验国密签名。SM2 signatures were not checked: there is no library here."
    if not all(trust.pinned for trust in trusts.values()):
        yield UNPINNED
