"""What the node itself can say to the items of the recognition's checklist: facts that it sees, in
Chinese, beside what the applicant declares. Premises, staff and ownership it cannot see."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from award.evidence.certified import Checkpoint
from award.evidence.store import Seen

SHANGHAI = ZoneInfo("Asia/Shanghai")


def observed(seen: Seen, statements: Checkpoint | None) -> dict[str, str]:
    """By item: 3 enterprises served, 6 the secondary node's functions, 7 continuity, 8 data for the
    bureau, 9 safety."""
    return {
        "check-3": f"系统记录：已核验且前缀启用的企业 {seen.served:,} 家，"
        f"分属 {seen.industries} 个行业（GB/T 4754）",
        "check-6": _functions(seen, statements),
        "check-7": _continuity(seen),
        "check-8": _shared(seen),
        "check-9": _safety(seen),
    }


def _functions(seen: Seen, statements: Checkpoint | None) -> str:
    filed = f"，最近一次于 {_moment(seen.filed_at)}" if seen.filed_at else ""
    witnesses = "、".join(statements.cosigned_by) if statements else ""
    linked = f"；日志检查点由 {witnesses} 见证" if witnesses else "；日志检查点尚无见证"
    return (
        f"系统记录：已在国家顶级节点备案的企业前缀 {seen.filed:,} 个{filed}{linked}；"
        f"数据模板 {seen.templates:,} 个；注册量与解析量见本报告认证计数"
    )


def _continuity(seen: Seen) -> str:
    if seen.first_closed is None or seen.last_closed is None:
        return "系统记录：尚无已结账日"
    days = (seen.last_closed - seen.first_closed).days + 1
    whole = "无一日缺失" if seen.closed == days else f"缺 {days - seen.closed} 日"
    span = f"自 {seen.first_closed} 至 {seen.last_closed}"
    return f"系统记录：{span} 逐日结账 {seen.closed:,} 日，{whole}"


def _shared(seen: Seen) -> str:
    sent = "未设置报送地址，或尚无已结账日"
    if seen.uploads:
        last = f"，最近为 {seen.last_received}" if seen.last_received else ""
        sent = (
            f"脱敏统计逐日报送，应送 {seen.uploads:,} 日，已获回执 {seen.received:,} 日{last}，"
            f"待送 {seen.uploads - seen.received:,} 日"
        )
    pulled = f"，最近一次于 {_moment(seen.pulled_at)}" if seen.pulled_at else ""
    return (
        f"系统记录：{sent}；主管部门有效密钥 {seen.bureau_keys} 个；"
        f"报告被调取 {seen.pulled:,} 次{pulled}"
    )


def _safety(seen: Seen) -> str:
    archive = "未开启"
    if seen.archiving:
        archive = (
            f"已开启，最近归档于 {_moment(seen.archived_at)}" if seen.archived_at else "已开启"
        )
    alarms = f"有 {seen.alarms} 日因台账与记录不符未能结账" if seen.alarms else "无未处理的结账告警"
    return (
        f"系统记录：数据库连续归档{archive}；备库 {seen.standbys} 个；{alarms}。"
        "系统不能自证服务器所在地，以申报单位的证明为准"
    )


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
