"""What a templated record costs on disk."""

from __future__ import annotations

import random
from typing import Any

import pytest

from registry.database import Database
from registry.identifier import Identifier
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from tests.registry.template.conftest import Define

ROWS = 50_000
CHUNK = 5_000
BOUND = 130  # bytes, index included


@pytest.mark.parametrize("order", ["serial", "random"])
async def test_a_serial_with_a_shared_pattern(
    registrar: Registrar, database: Database, lamps: Any, define: Define, order: str
) -> None:
    template = await define(lamps, {"idType": "URL", "pattern": "https://e.cn/p/{suffix:url}"})
    suffixes = [f"SN{number:010d}" for number in range(ROWS)]
    if order == "random":
        random.Random(1).shuffle(suffixes)
    for start in range(0, ROWS, CHUNK):
        wishes = [
            Registration(Identifier(lamps.prefix, suffix), (), template.template_id)
            for suffix in suffixes[start : start + CHUNK]
        ]
        await registrar.create(lamps.actor, wishes, Method.BATCH)
    async with database.connection() as connection:
        row = await connection.fetchrow(
            """SELECT count(*) AS rows, pg_relation_size('identifier') AS heap,
                      pg_indexes_size('identifier') AS index,
                      pg_total_relation_size('identifier') AS total FROM identifier"""
        )
    assert row is not None
    rows, heap, index, total = row
    print(
        f"{order}: {total / rows:.1f} bytes a row, "
        f"{heap / rows:.1f} of them the row, {index / rows:.1f} the index"
    )
    assert rows == ROWS
    assert total / rows <= BOUND
