"""What the node says to the recognition's checklist, in words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from award.evidence.observed import observed
from award.evidence.store import Seen
from tests.award.report.sample import registrations

AT = datetime(2026, 11, 24, 4, tzinfo=UTC)
SEEN = Seen(
    served=61,
    industries=3,
    filed=60,
    filed_at=AT,
    templates=12,
    first_closed=date(2026, 1, 1),
    last_closed=date(2026, 11, 23),
    closed=327,
    alarms=0,
    uploads=327,
    received=326,
    last_received=date(2026, 11, 22),
    bureau_keys=2,
    pulled=5,
    pulled_at=AT,
    archiving=True,
    archived_at=AT,
    standbys=1,
)


@pytest.mark.parametrize(
    ("item", "changes", "said"),
    [
        ("check-3", {}, "企业 61 家，分属 3 个行业"),
        (
            "check-6",
            {},
            "企业前缀 60 个，最近一次于 2026-11-24 12:00；日志检查点由 ntn.example 见证",
        ),
        ("check-6", {"filed": 0, "filed_at": None}, "企业前缀 0 个；"),
        ("check-7", {}, "自 2026-01-01 至 2026-11-23 逐日结账 327 日，无一日缺失"),
        ("check-7", {"closed": 325}, "缺 2 日"),
        ("check-7", {"first_closed": None, "last_closed": None, "closed": 0}, "尚无已结账日"),
        ("check-8", {}, "应送 327 日，已获回执 326 日，最近为 2026-11-22，待送 1 日"),
        ("check-8", {}, "有效密钥 2 个；报告被调取 5 次，最近一次于 2026-11-24 12:00"),
        ("check-9", {}, "连续归档已开启，最近归档于 2026-11-24 12:00；备库 1 个；无未处理"),
        ("check-9", {"archiving": False, "alarms": 1}, "连续归档未开启；备库 1 个；有 1 日"),
    ],
)
def test_each_item(item: str, changes: dict[str, Any], said: str) -> None:
    seen = msgspec.structs.replace(SEEN, **changes)
    assert said in observed(seen, registrations().checkpoint())[item]


def test_what_it_cannot_see_it_does_not_say() -> None:
    assert set(observed(SEEN, None)) == {"check-3", "check-6", "check-7", "check-8", "check-9"}
    assert "尚无见证" in observed(SEEN, None)["check-6"]
    assert "不能自证服务器所在地" in observed(SEEN, None)["check-9"]
