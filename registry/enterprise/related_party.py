"""Related parties (关联方): enterprises that are the operator's own or affiliated with it. Reports
show what is counted without them, so each mark has a day, a reason and a name, and stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from registry.access import store as access
from registry.access.actor import Actor
from registry.database import Connection, Database
from registry.enterprise import store
from registry.enterprise.enterprise import Enterprise
from registry.enterprise.mark import Mark
from registry.errors import EnterpriseNotFound, InvalidInput, WrongState

MAX_REASON = 500
HERE = ZoneInfo("Asia/Shanghai")  # where the days of the counts begin


class MarkWish(msgspec.Struct, frozen=True, kw_only=True):
    """A mark to make. `since` is the day from which it holds, today where it is left out."""

    related: bool
    reason: str
    since: date | None = None


class RelatedParties:
    """Operators mark; the enterprise itself may see it. Every mark is audited in its own
    transaction."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def mark(self, actor: Actor, enterprise_id: int, wish: MarkWish) -> Enterprise:
        """Raises WrongState where the enterprise is marked so already."""
        actor.require_operator()
        _check_reason(wish.reason)
        since = self._since(wish.since)

        async def work(tx: Connection) -> Enterprise:
            before = await store.get(tx, enterprise_id, lock=True) or _missing(enterprise_id)
            if before.related_party == wish.related:
                raise WrongState(
                    f"the enterprise is marked so already: related party is {wish.related}",
                    rule="related-party",
                )
            after = await store.mark_related(
                tx, enterprise_id, wish.related, since=since, reason=wish.reason, by=actor.name
            )
            action = "related" if wish.related else "unrelated"
            detail = {"since": since, "reason": wish.reason}
            await access.audit(
                tx, actor, f"enterprise.{action}", f"enterprise/{enterprise_id}", detail
            )
            return after

        return await self._database.transaction(work)

    async def marks(self, actor: Actor, enterprise_id: int) -> list[Mark]:
        """All marks of an enterprise, the latest first."""
        actor.require_reader(enterprise_id)
        async with self._database.connection() as connection:
            if await store.get(connection, enterprise_id) is None:
                _missing(enterprise_id)
            return await store.related_marks(connection, enterprise_id)

    def _since(self, day: date | None) -> date:
        today = self._now().astimezone(HERE).date()
        if day is not None and day > today:
            raise InvalidInput("this day has not come yet", field="since", rule="since-future")
        return day or today


def _missing(enterprise_id: int) -> Enterprise:
    raise EnterpriseNotFound(f"there is no enterprise {enterprise_id}", field="enterprise_id")


def _check_reason(text: str) -> None:
    if not text.strip() or len(text) > MAX_REASON or "\0" in text:
        raise InvalidInput(
            f"say why, in 1 to {MAX_REASON} characters", field="reason", rule="reason-text"
        )
