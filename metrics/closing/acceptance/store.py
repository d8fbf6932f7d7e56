"""SQL of alarms about closing days, and of what was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from metrics.closing.acceptance.difference import Acceptance, Difference
from registry.database import Connection


@dataclass(frozen=True, slots=True)
class Alarm:
    """A day that is kept open, and why."""

    day: date
    raised_at: datetime
    detail: str
    differences: tuple[Difference, ...]


async def alarm(tx: Connection, day: date, differences: Sequence[Difference]) -> bool:
    """Note that a day is kept open; whether that is news."""
    raised = await tx.fetchval(
        """INSERT INTO close_alarm AS a (day, detail, differences) VALUES ($1, $2, $3)
           ON CONFLICT (day) WHERE ended_at IS NULL DO UPDATE
              SET detail = excluded.detail, differences = excluded.differences
            WHERE a.differences <> excluded.differences RETURNING true""",
        day,
        "; ".join(one.text for one in differences),
        msgspec.json.encode(differences).decode(),
    )
    return bool(raised)


async def open_alarms(connection: Connection) -> list[Alarm]:
    rows = await connection.fetch(
        """SELECT day, raised_at, detail, differences FROM close_alarm
            WHERE ended_at IS NULL ORDER BY day"""
    )
    return [
        Alarm(row["day"], row["raised_at"], row["detail"], _differences(row["differences"]))
        for row in rows
    ]


async def accept(tx: Connection, day: date, accepted: Acceptance) -> None:
    """Write down what is accepted of an open day, in the place of what was before."""
    await tx.execute(
        """INSERT INTO close_acceptance (day, accepted_by, reason, differences)
           VALUES ($1, $2, $3, $4)
           ON CONFLICT (day) DO UPDATE
              SET accepted_at = now(), accepted_by = excluded.accepted_by,
                  reason = excluded.reason, differences = excluded.differences""",
        day,
        accepted.by,
        accepted.reason,
        msgspec.json.encode(accepted.differences).decode(),
    )


async def accepted(connection: Connection, day: date) -> Acceptance | None:
    row = await connection.fetchrow(
        "SELECT accepted_by, reason, differences FROM close_acceptance WHERE day = $1", day
    )
    if row is None:
        return None
    return Acceptance(row["accepted_by"], row["reason"], _differences(row["differences"]))


async def accepted_days(connection: Connection, start: date, end: date) -> list[tuple[date, str]]:
    """Closed days with an accepted difference, from one day on and before another, and why."""
    rows = await connection.fetch(
        """SELECT day, reason FROM close_acceptance JOIN day_close USING (day)
            WHERE day >= $1 AND day < $2 ORDER BY day""",
        start,
        end,
    )
    return [(row["day"], row["reason"]) for row in rows]


async def ever_corrected(connection: Connection) -> dict[int, int]:
    """By how much each prefix's identifiers were accepted to differ from its batches."""
    rows = await connection.fetch(
        """SELECT prefix_id, sum(ever_corrected)::bigint AS corrected FROM registration_day
            WHERE ever_corrected <> 0 GROUP BY prefix_id"""
    )
    return {row["prefix_id"]: row["corrected"] for row in rows}


async def drop_unneeded(tx: Connection, day: date) -> None:
    """Forget what was accepted of a day that turned out to be borne out."""
    await tx.execute("DELETE FROM close_acceptance WHERE day = $1", day)


def _differences(text: str) -> tuple[Difference, ...]:
    return msgspec.json.decode(text, type=tuple[Difference, ...])
