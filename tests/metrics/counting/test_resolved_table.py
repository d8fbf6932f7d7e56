"""What becomes of the identifiers that were counted before there was a row for each year."""

from __future__ import annotations

import asyncpg

from registry.migration import migrate, migrations

BY_YEAR = "0070"


async def test_rows_get_the_year_of_their_day(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await migrate(connection, [one for one in migrations() if one.name < BY_YEAR])
    await connection.execute(
        """INSERT INTO resolved_identifier (prefix_id, digest, first_day)
           VALUES (1, 5, '2025-12-31'), (1, -6, '2026-01-01'), (2, 5, '2026-01-01');
           INSERT INTO day_close (day, positions, records, journal_hash, prefixes_new,
                                  prefixes_total, salt, prefixes_hash)
           SELECT day, '{}', 0, '', 0, 0, '', ''
             FROM generate_series('2025-12-31'::date, '2026-01-02', '1 day') AS day"""
    )
    await migrate(connection, [one for one in migrations() if one.name[:4] <= BY_YEAR])
    rows = await connection.fetch(
        "SELECT year, prefix_id, digest FROM resolved_identifier ORDER BY 1, 2, 3"
    )
    assert [tuple(row) for row in rows] == [(2025, 1, 5), (2026, 1, -6), (2026, 2, 5)]
    closes = await connection.fetch("SELECT identifiers FROM day_close ORDER BY day")
    assert [row["identifiers"] for row in closes] == [1, 2, 0]
    await connection.close()
