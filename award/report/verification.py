"""Checking a report offline, from its package alone. Every check is made, whatever others say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from award import form
from award.assessment.assessment import assess
from award.evidence.certified import contradictions
from award.evidence.witness import Agreement, cross_check
from award.facts.file import InvalidFacts, parse
from award.policy.policy import Policy, UnknownPolicy
from award.report import package
from award.report.logs import LACKING, SHOWN, LogChecks
from award.report.pdf.document import render
from award.report.report import Report, forecast_of, sha256, signed_text
from award.report.trust import Keys
from award.report.whole import WholeLogs
from metrics.log.fault import LogFault
from metrics.log.note import ED25519, SignedNote, VerifierKey, check_signed


class State(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not-checked"

    @property
    def chinese(self) -> str:
        return {"passed": "通过", "failed": "不符", "not-checked": "未核对"}[self.value]


class Check(msgspec.Struct, frozen=True):
    """One check and what came of it, in Chinese."""

    name: str
    title: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """Files of a package, keys one trusts (none: those of the package), how policies are found,
    and the whole logs where they are at hand."""

    files: Mapping[str, bytes]
    trusted: Sequence[VerifierKey]
    load: Callable[[str], Policy]
    whole: WholeLogs | None = None

    @property
    def _keys(self) -> Keys:
        return Keys.of(self.trusted, self.files[package.KEYS])

    def checks(self) -> list[Check]:
        """Raises InvalidForm where report.json cannot be read at all."""
        report = form.decode(self.files[package.JSON], Report, package.JSON)
        steps = (
            ("canonical", "report.json 的写法", self._canonical),
            ("signature", "报告签名", self._signature),
            ("pdf", "report.pdf 与 report.json 一致", self._pdf),
            ("facts", "申报事实一致", self._facts),
            ("files", "报告包内的文件", self._files),
            ("evidence", "计数的勾稽关系", self._evidence),
            ("checkpoints", "日志检查点、签名与见证", self._logged(LogChecks.checkpoints)),
            ("statements", "计数与日结声明相符", self._logged(LogChecks.stated)),
            ("sample", "抽样的登记叶子", self._logged(LogChecks.sample)),
            ("older", "历史检查点", self._logged(LogChecks.older)),
            ("log", "登记日志全文", self._whole),
            ("cross-check", "独立交叉核对", self._cross_check),
            ("law", "规则版本", self._law),
            ("arithmetic", "全部金额重新计算", self._arithmetic),
            ("standing", "报告的性质", self._standing),
        )
        found = []
        for name, title, step in steps:
            state, detail = step(report)
            found.append(Check(name, title, state, detail))
        return found

    def _canonical(self, report: Report) -> tuple[State, str]:
        if report.content == self.files[package.JSON]:
            return State.PASSED, f"SHA-256 {sha256(report.content)}"
        return State.FAILED, "report.json 不是规范写法，摘要不可信"

    def _signature(self, report: Report) -> tuple[State, str]:
        try:
            note = SignedNote.parse(self.files[package.SIGNATURE].decode())
            signed = check_signed(note, self._keys.signers(_name_of(note)))
        except (LogFault, UnicodeDecodeError) as fault:
            return State.FAILED, f"签名无效：{fault}"
        text = signed_text(report, self.files[package.PDF])
        json = f"json {sha256(self.files[package.JSON])}\n"
        if note.text != text or json not in note.text:
            return State.FAILED, "签名所覆盖的编号、版次或摘要与文件不符"
        said = "、".join(f"{key.name}+{key.id.hex()}" for key in signed)
        own = "" if self._keys.pinned(ED25519) else "（公钥出自报告包自身，请另行比对）"
        return State.PASSED, f"{said}{own}"

    def _pdf(self, report: Report) -> tuple[State, str]:
        if render(report) == self.files[package.PDF]:
            return State.PASSED, "由 report.json 重新生成，逐字节相同"
        return State.NOT_CHECKED, "与本机重新生成的不同；若签名有效，则是排版组件版本不同所致"

    def _facts(self, report: Report) -> tuple[State, str]:
        if report.facts.encode() != self.files[package.FACTS]:
            return State.FAILED, "facts.toml 与 report.json 中的不同"
        return State.PASSED, f"SHA-256 {sha256(self.files[package.FACTS])}"

    def _evidence(self, report: Report) -> tuple[State, str]:
        for year in report.evidence:
            for fault in contradictions(year):
                return State.FAILED, f"{year.year} 年：{fault}"
        years = "、".join(str(one.year) for one in report.evidence) or "无"
        return State.PASSED, f"所含年度：{years}"

    def _files(self, report: Report) -> tuple[State, str]:
        """Nothing was changed, added or taken away beside the report."""
        there, told = package.digests(self.files), report.basis.files
        wrong = [
            *(f"缺少 {name}" for name in sorted(told.keys() - there.keys())),
            *(f"多出 {name}" for name in sorted(there.keys() - told.keys())),
            *(
                f"{name} 已被改动"
                for name in sorted(told.keys() & there.keys())
                if there[name] != told[name]
            ),
        ]
        if wrong:
            more = f"，另有 {len(wrong) - SHOWN} 处" if len(wrong) > SHOWN else ""
            return State.FAILED, "、".join(wrong[:SHOWN]) + more
        return State.PASSED, f"{len(told)} 个文件与 report.json 所列摘要相同"

    def _logged(self, check: Callable[[LogChecks], str]) -> Callable[[Report], tuple[State, str]]:
        """A check of the logs as a step. A draft may lack what a certified report must have."""

        def step(report: Report) -> tuple[State, str]:
            checks = LogChecks(report, self.files, self._keys)
            try:
                if report.draft and not checks.logs:
                    return State.NOT_CHECKED, "报告不含日志检查点"
                return State.PASSED, check(checks)
            except LogFault as fault:
                lacking = report.draft and fault.rule == LACKING
                return (State.NOT_CHECKED if lacking else State.FAILED), fault.detail

        return step

    def _whole(self, report: Report) -> tuple[State, str]:
        if self.whole is None:
            return State.NOT_CHECKED, "未提供日志文件夹（--log），登记日志未逐片扫描"
        wrong = list(self.whole.objections(report))
        if wrong:
            more = f"；另有 {len(wrong) - SHOWN} 处" if len(wrong) > SHOWN else ""
            return State.FAILED, "；".join(wrong[:SHOWN]) + more
        return State.PASSED, self.whole.words

    def _cross_check(self, report: Report) -> tuple[State, str]:
        told = report.cross_check
        if told.witness is None:
            return State.NOT_CHECKED, Agreement.NONE.chinese
        if report.counted is None:
            return State.FAILED, "没有可与监测系统比较的计数"
        again = cross_check(report.counted, told.witness, told.tolerance)
        if again != told:
            return State.FAILED, "差异的计算不符"
        state = State.FAILED if again.agreement is Agreement.BEYOND else State.PASSED
        return state, f"{again.agreement.chinese}（容许 {told.tolerance:.2%}）"

    def _law(self, report: Report) -> tuple[State, str]:
        found = report.assessment
        try:
            policy = self.load(found.policy)
        except UnknownPolicy as error:
            return State.FAILED, error.detail
        if policy.digest != found.policy_digest:
            return (
                State.FAILED,
                f"报告所用规则 {found.policy_digest[:16]}…，本机为 {policy.digest[:16]}…",
            )
        return State.PASSED, f"{policy.name} {policy.digest}"

    def _arithmetic(self, report: Report) -> tuple[State, str]:
        try:
            policy = self.load(report.assessment.policy)
            facts: Any = parse(report.facts.encode(), policy.facts)
        except (UnknownPolicy, InvalidFacts) as error:
            return State.FAILED, error.detail
        years = {one.year: one for one in report.evidence}
        again = assess(policy, facts, report.year, years, report.on)
        for what in _differences(report, again, policy):
            return State.FAILED, what
        if (facts.node, facts.company) != (report.node, report.company):
            return State.FAILED, "节点或申报单位与申报事实不符"
        return State.PASSED, "各条结论、各项金额与三种口径均相同"

    def _standing(self, report: Report) -> tuple[State, str]:
        issue = report.issue
        if (issue.revision > 1) != (issue.replaces is not None):
            return State.FAILED, "更正版应写明所取代的前版摘要，首版不应有"
        if report.provisional is not None and not report.draft:
            return State.FAILED, "认证报告不得含暂计数"
        if report.demo != any(one.demo for one in report.evidence):
            return State.FAILED, "演示数据的标记与计数不符"
        if report.demo:
            return State.NOT_CHECKED, "演示数据，不得用于申报"
        if report.draft:
            return State.NOT_CHECKED, "草稿，不得用于申报"
        return State.PASSED, f"{issue.number} 第 {issue.revision} 版，认证报告"


def _differences(report: Report, again: Any, policy: Policy) -> Iterator[str]:
    """What is not the same, the most telling first."""
    told, made = report.assessment, again
    if made.judgement.total != told.judgement.total:
        yield f"合计重新计算为 {made.judgement.total.value}，报告为 {told.judgement.total.value}"
    for ours, theirs in zip(made.judgement.amounts, told.judgement.amounts, strict=False):
        if ours != theirs:
            yield f"{ours.title}重新计算为 {ours.value}，报告为 {theirs.value}"
    for mine, its in zip(made.judgement.findings, told.judgement.findings, strict=False):
        if mine != its:
            yield f"“{mine.title}”的结论不同：{mine.verdict.chinese}，报告为{its.verdict.chinese}"
    if form.encode(made) != form.encode(told):
        yield "口径或理解的影响重新计算不同"
    if forecast_of(policy, report.counted, report.on) != report.forecast:
        yield "预测重新计算不同"


def _name_of(note: SignedNote) -> str:
    """Who says to have signed a report."""
    names = [one.name for one in note.signatures if one.name.endswith(package.REPORTS)]
    return names[0] if names else ""


def failed(checks: Sequence[Check]) -> bool:
    return any(one.state is State.FAILED for one in checks)
