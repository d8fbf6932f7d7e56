"""The checks of a report that concern its logs. Each gives what came of it in Chinese, or raises
LogFault where something does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from award.evidence.certified import CertifiedYear, Checkpoint
from award.evidence.prometheus import SHANGHAI
from award.proof.files import LogFiles, name_of
from award.proof.gathering import text_of
from award.proof.sample import SIZE, drawn
from award.proof.stated import Objection, Stated, objections, remarks
from award.report.report import Report, unwitnessed
from award.report.trust import Keys
from metrics.log.cosignature import times
from metrics.log.fault import LogFault
from metrics.log.leaf import Leaf
from metrics.log.log import year_of
from metrics.log.note import COSIGNATURE, ED25519, VerifierKey, check_signed

SHOWN = 5  # faults told at once
LACKING = "lacking"  # the rule of what is not there, or not there yet


@dataclass(frozen=True, slots=True)
class LogChecks:
    """Of one report with the files of its package."""

    report: Report
    files: Mapping[str, bytes]
    keys: Keys

    @property
    def logs(self) -> list[Checkpoint]:
        """Every log of the evidence once, the statements' last. Raises LogFault for two states of
        one log."""
        found: dict[str, Checkpoint] = {}
        years = self.report.evidence
        for log in (*(one.log for one in years), *(one.statements for one in years)):
            if log is not None and found.setdefault(log.origin, log) != log:
                raise LogFault(f"{log.origin} 有两个不同的检查点", rule="checkpoint")
        return list(found.values())

    @property
    def statements(self) -> Checkpoint | None:
        return next((one.statements for one in self.report.evidence if one.statements), None)

    def checkpoints(self) -> str:
        """Signatures and cosignatures, and that none is missing of a certified report."""
        said = []
        for log in self.logs:
            try:
                seen = self.keys.cosigned(log)
            except LogFault as fault:
                raise LogFault(f"{log.origin}：{fault.detail}", rule=fault.rule) from None
            missing = [key.name for key in self._demanded() if key not in seen]
            if missing and not self.report.draft:
                raise LogFault(f"{log.origin} 缺少见证签名：{'、'.join(missing)}", rule=LACKING)
            witnesses = "、".join(f"{key.name}（{moment(at)}）" for key, at in seen.items())
            said.append(f"{name_of(log)} 共 {log.size:,} 片叶子，见证：{witnesses or '无'}")
        if not self.report.draft:
            required = self.report.basis.witnesses
            for _, lacking in unwitnessed(self.report.evidence, required):
                raise LogFault(lacking, rule=LACKING)
        return "；".join(said)

    def stated(self) -> str:
        """That the daily statements are in the log, and bear out the counts day by day."""
        stated = self._stated()
        years = self.report.evidence
        try:
            wrong = list(objections(stated, years, self.report.issue.replaces))
            wrong += self._undeclared(stated)
        except (TypeError, ValueError) as error:  # whatever stands in the JSON
            raise LogFault(f"声明的写法有误：{error}", rule="statement") from None
        if wrong:
            more = f"；另有 {len(wrong) - SHOWN} 处" if len(wrong) > SHOWN else ""
            rule = LACKING if all(one.lacking for one in wrong) else "daily-total"
            raise LogFault("；".join(one.text for one in wrong[:SHOWN]) + more, rule=rule)
        days = sum(len(stated.days(one.year)) for one in years)
        told = "".join(f"；注意：{remark}" for remark in remarks(stated, years))
        return (
            f"{len(stated.said)} 份声明均在声明日志中；其中 {days} 份日结声明，新增、注销、收到、"
            f"成功响应、计入与剔除链逐日或合计相符。注册方式、企业与来源不在声明之列{told}"
        )

    def sample(self) -> str:
        """That the leaves drawn are those that the checkpoint says, and in the log."""
        shown = []
        for year in self.report.evidence:
            if year.log is not None:
                shown.append(self._sample(year, year.log))
        challenge = self.report.basis.challenge
        by = f"检查点与抽样口令“{challenge}”" if challenge else "检查点"
        return f"由{by}推定，{'；'.join(shown)}" if shown else "没有登记日志"

    def older(self) -> str:
        """That older checkpoints were signed, and are beginnings of the log."""
        stated = self._stated().signing if self.statements else []
        shown = []
        for log in self.logs:
            count, witnessed = 0, 0
            for note in LogFiles(log, self.files).older():
                check_signed(note, self._ever(log.origin, stated))
                witnessed += bool(times(note, self.keys.witnesses))
                count += 1
            shown.append(f"{name_of(log)} 的 {count} 个历史检查点（{witnessed} 个有见证）")
        return "、".join(shown) + "均为现日志之始" if shown else ""

    def _sample(self, year: CertifiedYear, log: Checkpoint) -> str:
        places = drawn(text_of(log), self.report.basis.challenge, log.size)
        leaves = LogFiles(log, self.files).leaves()
        for place in places:
            if place not in leaves:
                raise LogFault(f"{name_of(log)} 缺少抽中的第 {place} 片叶子", rule="sample")
        for place, entry in leaves.items():
            if year_of(Leaf.parse(entry).at) != year.year:
                detail = f"{name_of(log)} 第 {place} 片叶子的时间不在 {year.year} 年"
                raise LogFault(detail, rule="leaf-year")
        whole = "全部" if len(places) < SIZE else "抽取"
        return f"{name_of(log)} {whole} {len(places)} 片叶子，均在日志中"

    def _stated(self) -> Stated:
        if self.statements is None:
            raise LogFault("没有声明日志", rule=LACKING)
        return Stated.read(LogFiles(self.statements, self.files).leaves())

    def _undeclared(self, stated: Stated) -> Iterator[Objection]:
        """Every key that signs was stated."""
        declared = {key.key for key in stated.signing}
        for log in self.logs:
            for key in self.keys.signers(log.origin):
                if key.key not in declared:
                    yield Objection(f"{log.origin} 的签名公钥从未声明")

    def _demanded(self) -> list[VerifierKey]:
        """Witnesses that one was given the keys of must have cosigned, whatever the report says."""
        return [key for key in self.keys.trusted if key.kind == COSIGNATURE]

    def _ever(self, origin: str, stated: list[VerifierKey]) -> list[VerifierKey]:
        """Keys that sign now, and those that did once and were stated to."""
        once = [VerifierKey(origin, ED25519, key.key) for key in stated if key.kind == ED25519]
        return list(dict.fromkeys((*self.keys.signers(origin), *once)))


def moment(seconds: int) -> str:
    try:
        at = datetime.fromtimestamp(seconds, UTC).astimezone(SHANGHAI)
        return f"{at:%Y-%m-%d %H:%M:%S}+08:00"
    except (OverflowError, OSError, ValueError):
        return str(seconds)
