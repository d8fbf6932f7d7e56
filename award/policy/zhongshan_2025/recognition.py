"""The checklist of the recognition as 平台公司, 第五条 1. It shows what the recognition asks for;
what decides is the recognition itself (gate `recognised`)."""

from __future__ import annotations

from collections.abc import Callable

from award.policy.clause import clause
from award.policy.finding import Finding, Outcome, met, not_met, unknown
from award.policy.zhongshan_2025.facts import Standing
from award.policy.zhongshan_2025.validity import Asked

Item = Callable[[Asked], Finding]


def _declared(case: Asked, told: bool | None, seen: str = "") -> Outcome:
    """What was declared, and what the node itself saw (by the name of the item) beside it."""
    observed = case.counted.observed.get(seen, "") if case.counted and seen else ""
    if told is None:
        return unknown("未声明", observed)
    return met("已声明", observed) if told else not_met("申报单位不能声明", observed)


@clause("check-1", "独立法人，经营与纳税在中山")
def independent(case: Asked) -> Outcome:
    """第五条 1（1）：（大意）独立法人，经营与纳税在中山；或通信运营商在中山的分公司"""
    return _declared(case, case.facts.checklist.independent_in_zhongshan)


@clause("check-2", "市政府引进或签有平台协议")
def invited(case: Asked) -> Outcome:
    """第五条 1（2）：（大意）由市政府引进，或签有平台建设协议"""
    return _declared(case, case.facts.checklist.invited_or_agreed)


@clause("check-3", "三年内服务企业与培训人员")
def committed(case: Asked) -> Outcome:
    """第五条 1（3）：（大意）承诺三年内服务企业不少于 60 家、培训企业管理人员不少于 30 人；
    标杆平台公司为 200 家、100 人"""
    told = case.facts.checklist
    suffix = "_benchmark" if case.facts.recognition.standing is Standing.BENCHMARK else ""
    firms = case.parameters.number(f"enterprises_committed{suffix}")
    people = case.parameters.number(f"managers_committed{suffix}")
    served = case.counted.observed.get("check-3", "") if case.counted else ""
    if told.enterprises_committed is None or told.managers_committed is None:
        return unknown("未填写承诺数", served)
    said = f"承诺 {told.enterprises_committed} 家、{told.managers_committed} 人"
    if told.enterprises_committed < firms or told.managers_committed < people:
        return not_met(f"{said}，少于 {firms} 家、{people} 人", served)
    return met(f"{said}，不少于 {firms} 家、{people} 人", served)


@clause("check-4", "知识产权")
def property_rights(case: Asked) -> Outcome:
    """第五条 1（4）：（大意）属工业互联网平台的，具有相应知识产权"""
    return _declared(case, case.facts.checklist.intellectual_property)


@clause("check-5", "平台架构")
def layers(case: Asked) -> Outcome:
    """第五条 1（5）：（大意）属工业互联网平台的，具备相应平台层级"""
    return _declared(case, case.facts.checklist.platform_layers)


@clause("check-6", "二级节点功能")
def functions(case: Asked) -> Outcome:
    """第五条 1（6）：（大意）二级节点与国家顶级节点及企业对接，提供标识注册、解析、数据管理，符合
    《工业互联网标识管理办法》（工信部信管〔2020〕204 号）"""
    return _declared(case, case.facts.checklist.node_functions, "check-6")


@clause("check-7", "五年内不迁出中山")
def stays(case: Asked) -> Outcome:
    """第五条 1（7）：（大意）五年内不迁出中山，所有权与数据不变更"""
    return _declared(case, case.facts.checklist.stays_five_years, "check-7")


@clause("check-8", "向主管部门共享运行数据")
def shares(case: Asked) -> Outcome:
    """第五条 1（8）：（大意）共享运行数据，接入在线监测，定期报送统计数据与脱敏数据"""
    return _declared(case, case.facts.checklist.shares_data, "check-8")


@clause("check-9", "安全制度，数据存于中山")
def secure(case: Asked) -> Outcome:
    """第五条 1（9）：（大意）具备监测、处置、应急、备份制度；数据存储在中山的服务器，未经书面
    同意不得转移"""
    told = case.facts.checklist
    both = [told.security_procedures, told.data_in_zhongshan]
    answer = False if False in both else None if None in both else True
    return _declared(case, answer, "check-9")


@clause("check-10", "场地")
def premises(case: Asked) -> Outcome:
    """第五条 1（10）：（大意）固定场地原则上不少于 300 平方米"""
    least, area = case.parameters.number("premises_area"), case.facts.checklist.premises_area
    if area is None:
        return unknown("未填写场地面积")
    said = f"场地 {area} 平方米"
    return met(said) if area >= least else not_met(f"{said}，少于 {least} 平方米（原则上）")


@clause("check-11", "人员")
def staff(case: Asked) -> Outcome:
    """第五条 1（11）：（大意）从业人员原则上不少于 15 人，其中具有学历学位或中级职称的不少于 40%"""
    told = case.facts.checklist
    if told.staff is None or told.staff_qualified is None:
        return unknown("未填写人员情况")
    least, share = case.parameters.number("staff"), case.parameters.ratio("staff_qualified")
    said = f"{told.staff} 人，其中符合条件 {told.staff_qualified} 人"
    if told.staff < least or told.staff_qualified < share * told.staff:
        return not_met(f"{said}，少于 {least} 人或 {share:.0%}（原则上）")
    return met(said)


CHECKLIST: tuple[Item, ...] = (
    independent,
    invited,
    committed,
    property_rights,
    layers,
    functions,
    stays,
    shares,
    secure,
    premises,
    staff,
)
