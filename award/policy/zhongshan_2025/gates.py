"""The conditions of （五） that are not amounts, each a clause."""

from __future__ import annotations

from award.policy.clause import clause
from award.policy.finding import Finding, Outcome, Verdict, met, not_met, unknown
from award.policy.zhongshan_2025.facts import Acceptor, Standing
from award.policy.zhongshan_2025.validity import Asked, filed


@clause("accepted", "节点已通过验收")
def accepted(case: Asked) -> Outcome:
    """第四条（五）：对已通过国家工信部或国家工信部委托单位验收的工业互联网标识解析顶级、
    二级节点"""
    facts = case.facts.acceptance
    if facts.accepted is None:
        return unknown("未填写验收情况（acceptance.accepted）")
    if not facts.accepted:
        return not_met("节点未通过验收", facts.document)
    if facts.by is Acceptor.OTHER:
        return not_met("验收单位不是国家工信部或其委托单位", facts.document)
    if facts.by is None or facts.day is None or not facts.document:
        return unknown("验收单位、日期、文件须填写齐全（acceptance）", facts.document)
    if facts.day > case.on:
        return not_met(f"验收日期 {facts.day} 晚于评估日 {case.on}", facts.document)
    return met(f"{facts.by}于 {facts.day} 验收通过", facts.document)


@clause("recognised", "已认定为平台公司")
def recognised(case: Asked) -> Outcome:
    """第三条：经本《实施细则》认定的 … 平台建设单位，… 以及与国家顶级节点对接的工业互联网
    标识解析顶级、二级节点

    A node's operator is a 平台公司 only once recognised; a 标杆平台公司 by a recognition of its own
    (第五条 2). （五） is open to both.
    """
    facts = case.facts.recognition
    if facts.standing is None:
        return unknown("未填写认定情况（recognition.standing）")
    if facts.standing is Standing.NONE:
        return not_met("运营单位未获认定", facts.document)
    if facts.recognised is None or not facts.document:
        return unknown("认定日期与文件须填写齐全（recognition）", facts.document)
    if facts.recognised > case.on:
        return not_met(f"认定日期 {facts.recognised} 晚于评估日 {case.on}", facts.document)
    return met(f"{facts.recognised} 认定为{facts.standing}", facts.document)


@clause("not-former-service", "不属于原公共技术服务平台")
def not_former_service(case: Asked) -> Outcome:
    """第十一条：（大意）此前已认定为公共技术服务平台的单位按原协议执行，重新认定后仅按方向二、四、
    五给予支持"""
    former = case.facts.recognition.former_public_service
    if former is None:
        return unknown("未填写是否为原公共技术服务平台（recognition.former_public_service）")
    if former:
        return not_met("属原公共技术服务平台，不适用方向一（五）（第十一条）")
    return met("申报单位声明不属于原公共技术服务平台")


@clause("clean-record", "无违法违规与失信记录")
def clean_record(case: Asked) -> Outcome:
    """第八条、第九条：近三年 … 未出现过重大违法违规情况，无失信行为，… 不存在逾期未验收项目

    第九条: not on 信用中国's lists, no record on 信用广东, not a 违规用能“两高”企业, no 重大安全、
    环保、质量事故.
    """
    told = case.facts.declarations
    points = {
        "近三年未出现重大违法违规情况": told.no_serious_violation,
        "无失信行为": told.no_dishonesty,
        "不存在逾期未验收项目": told.no_overdue_project,
        "未被列为失信被执行人": told.not_listed_as_defaulter,
        "不是重大税收违法案件当事人": told.no_major_tax_case,
        "不是违规用能“两高”企业": told.no_energy_violation,
        "无重大安全、环保、质量事故": told.no_major_accident,
    }
    broken = [point for point, holds in points.items() if holds is False]
    if broken:
        return not_met("不能声明：" + "、".join(broken), told.evidence)
    missing = [point for point, holds in points.items() if holds is None]
    if missing:
        return unknown("尚未声明：" + "、".join(missing), told.evidence)
    if not told.evidence:
        return unknown("声明须附依据（declarations.evidence）")
    return met("各项均已声明并附依据", told.evidence)


@clause("single-application", "未重复或多头申报")
def single_application(case: Asked) -> Outcome:
    """第十六条：原则上不得以同一项目重复申报或多头申报财政资金，政策另有规定的除外"""
    elsewhere = [one for one in case.facts.investment if one.also_used_for]
    if elsewhere:
        named = "、".join(f"{one.invoice}（{one.also_used_for}）" for one in elsewhere)
        return not_met(f"发票已用于其他申报：{named}")
    told = case.facts.declarations.single_application
    if told is None:
        return unknown("未声明是否重复申报（declarations.single_application）")
    if not told:
        return not_met("申报单位不能声明未重复申报")
    return met(f"已声明；{len(case.facts.investment)} 张发票均未用于其他申报")


@clause("completed", "项目已完成")
def completed(case: Asked) -> Outcome:
    """第十二条：事后奖补项目，需按要求提供实际完成证明等材料"""
    facts = case.facts.completion
    if facts.finished is None:
        return unknown("未填写完成情况（completion.finished）")
    if not facts.finished:
        return not_met("项目尚未完成", facts.document)
    if facts.day is None or not facts.document:
        return unknown("完成日期与证明材料须填写齐全（completion）", facts.document)
    if facts.day > case.on:
        return not_met(f"完成日期 {facts.day} 晚于评估日 {case.on}", facts.document)
    return met(f"{facts.day} 完成", facts.document)


@clause("benchmark-place", "在每年 5 家标杆平台之列")
def benchmark_place(case: Asked) -> Outcome:
    """第四条：本方向 … 每年奖励不多于 5 家标杆平台

    Asked of a 标杆平台公司 alone. Without a place it stays a recognised 平台公司, under that cap.
    """
    place = case.facts.recognition.benchmark_place
    if case.facts.recognition.standing is not Standing.BENCHMARK:
        return met("不作为标杆平台公司申报，本条不适用")
    if place is None:
        return unknown("是否列入当年标杆平台奖励名单由市局确定（recognition.benchmark_place）")
    if not place:
        return met("未列入当年标杆平台奖励名单，按平台公司上限计算")
    return met("已列入当年标杆平台奖励名单")


ALL = (
    recognised,
    not_former_service,
    clean_record,
    single_application,
    filed,
    completed,
    benchmark_place,
)


def gates(case: Asked) -> tuple[Finding, ...]:
    """Acceptance, which the volume award may not need, then all the others."""
    return (accepted(case), *(gate(case) for gate in ALL))


def reason_of(findings: tuple[Finding, ...], verdict: Verdict) -> str:
    """Why an amount is nothing, or not known: the findings that decide it."""
    if verdict is Verdict.MET:
        return ""
    deciding = [one for one in findings if one.verdict is verdict]
    return "；".join(f"{one.title}：{one.reason}" for one in deciding)
