"""SQL of what the node sees of itself."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from registry.database import Connection


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and last moments, as the database has them; None where there is nothing yet."""

    served: int  # verified enterprises with an active prefix
    industries: int  # theirs, told apart
    filed: int  # active prefixes that the national node has taken in
    filed_at: datetime | None
    templates: int
    first_closed: date | None
    last_closed: date | None
    closed: int
    alarms: int  # days that are kept open
    uploads: int
    received: int
    last_received: date | None
    bureau_keys: int
    pulled: int
    pulled_at: datetime | None
    archiving: bool
    archived_at: datetime | None
    standbys: int


async def seen(connection: Connection) -> Seen:
    row = await connection.fetchrow(
        """SELECT served, industries, filed, filed_at, closed, first_closed, last_closed,
                  uploads, received, last_received, pulled, pulled_at,
                  (SELECT count(*) FROM template) AS templates,
                  (SELECT count(*) FROM close_alarm WHERE ended_at IS NULL) AS alarms,
                  (SELECT count(*) FROM api_key WHERE role = 'bureau' AND revoked_at IS NULL
                      AND coalesce(expires_at, 'infinity') > now()) AS bureau_keys,
                  current_setting('archive_mode') <> 'off' AS archiving,
                  (SELECT last_archived_time FROM pg_stat_archiver) AS archived_at,
                  (SELECT count(*) FROM pg_stat_replication) AS standbys
             FROM (SELECT count(DISTINCT e.enterprise_id) AS served,
                          count(DISTINCT e.subject ->> 'industry') AS industries
                     FROM enterprise e JOIN prefix p USING (enterprise_id)
                    WHERE e.state = 'verified' AND p.state = 1) e,
                  (SELECT count(*) AS filed, max(filed_at) AS filed_at FROM prefix
                    WHERE state = 1 AND filed_at IS NOT NULL) p,
                  (SELECT count(*) AS closed, min(day) AS first_closed, max(day) AS last_closed
                     FROM day_close) c,
                  (SELECT count(*) AS uploads, count(received_at) AS received,
                          max(day) FILTER (WHERE received_at IS NOT NULL) AS last_received
                     FROM bureau_upload) u,
                  (SELECT count(*) AS pulled, max(at) AS pulled_at FROM audit
                    WHERE action = 'report.pulled') a"""
    )
    assert row is not None
    return Seen(**dict(row))
