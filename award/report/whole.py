"""A report against a whole log that lies beside it: the one thing a package is too small for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from award.evidence.certified import CertifiedYear, Checkpoint
from award.proof.files import name_of
from award.report.report import Report
from metrics.log.fault import LogFault
from metrics.log.merkle import root
from metrics.log.note import unbase64
from metrics.log.verification.finding import Figures, Result
from metrics.log.verification.folder import LogFolder, log_folders


@dataclass(frozen=True, slots=True)
class WholeLogs:
    """Folders, and what verifying all of them came to."""

    folders: Sequence[Path]
    result: Result

    def objections(self, report: Report) -> Iterator[str]:
        """Whatever does not hold, in Chinese, each in one sentence."""
        for one in self.result.findings:
            leaf = "" if one.leaf is None else f" 第 {one.leaf} 片叶子"
            yield f"{one.log}{leaf}：{one.detail}（{one.rule}）"
        found = {folder.name: folder for path in self.folders for folder in log_folders(path)}
        figures = {one.origin: one for one in self.result.logs}
        for year in report.evidence:
            if year.log is not None:
                yield from _held(year, year.log, figures.get(year.log.origin), found)
        statements = next((one.statements for one in report.evidence if one.statements), None)
        if statements is not None:
            yield from _begins(statements, figures.get(statements.origin), found)

    @property
    def words(self) -> str:
        said = "、".join(f"{one.name} {one.size:,} 片叶子" for one in self.result.logs)
        matched = self.result.matched
        more = "" if matched is None else f"；{matched:,} 个标识与其叶子逐一相符"
        return f"逐片扫描：{said}，无重复计数，与报告所依检查点一致{more}"


def _held(
    year: CertifiedYear,
    log: Checkpoint,
    figures: Figures | None,
    found: dict[str, LogFolder],
) -> Iterator[str]:
    """The log begins as the report says, and has its leaves on the days it says."""
    yield from _begins(log, figures, found)
    if figures is None:
        return
    for day in year.days:
        leaves = figures.days.get(day.day.isoformat(), 0)
        if leaves != day.registrations:
            yield (
                f"{day.day} 的新增：报告为 {day.registrations:,}，"
                f"{figures.name} 有 {leaves:,} 片叶子"
            )


def _begins(log: Checkpoint, figures: Figures | None, found: dict[str, LogFolder]) -> Iterator[str]:
    """The report's checkpoint is of the folder's log, or of a beginning of it."""
    folder = found.get(name_of(log))
    if figures is None or folder is None:
        yield f"所给文件夹中没有 {log.origin}"
        return
    if log.size > figures.size:
        yield f"{log.origin} 在报告中有 {log.size:,} 片叶子，文件夹中只有 {figures.size:,} 片"
        return
    try:
        same = root(log.size, folder.reader(figures.size)) == unbase64(log.root, "root")
    except LogFault as fault:
        yield f"{log.origin}：{fault.detail}"
        return
    if not same:
        yield f"{log.origin} 的前 {log.size:,} 片叶子与报告所依检查点的根不符"
