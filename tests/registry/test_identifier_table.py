"""What becomes of the identifiers of a database that is older than its table's present form."""

from __future__ import annotations

import asyncpg

from registry.migration import migrate, migrations

NEW_FORM = "0008"


async def test_records_and_indexes_move_into_the_narrower_table(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await migrate(connection, [one for one in migrations() if one.name < NEW_FORM])
    await connection.execute("CREATE INDEX identifier_by_batch ON identifier (batch_id)")
    await connection.execute(
        """INSERT INTO identifier (batch_id, prefix_id, revision, status, suffix, suffix_shown,
                                   public_values, private_values, template_id)
           VALUES (1, 7, 1, 1, 'A', 'a', '[]', NULL, NULL), (1, 7, 4, 0, 'B', NULL, NULL, NULL, 3),
                  (2, 8, 2, 1, 'A', NULL, NULL, '\\x00', NULL)"""
    )
    await migrate(connection, [one for one in migrations() if one.name[:4] <= NEW_FORM])
    rows = await connection.fetch(
        """SELECT prefix_id, suffix, suffix_shown, revision, batch_id, public_values,
                  private_values, template_id FROM identifier ORDER BY prefix_id, suffix"""
    )
    assert [tuple(row) for row in rows] == [
        (7, "A", "a", 1, 1, "[]", None, None),
        (7, "B", None, -4, 1, None, None, 3),
        (8, "A", None, 2, 2, None, b"\0", None),
    ]
    indexes = await connection.fetch(
        "SELECT indexname FROM pg_indexes WHERE tablename = 'identifier' ORDER BY 1"
    )
    names = [row["indexname"] for row in indexes]
    assert names == ["identifier_by_batch", "identifier_lot", "identifier_pkey"]
    width = await connection.fetchval(
        "SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'identifier'::regclass"
    )
    assert width == 8
    await connection.close()
