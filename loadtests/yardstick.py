"""What PostgreSQL itself can do on this machine: the figures that a node's are divided by."""

from __future__ import annotations

import random
import time
from pathlib import Path

import asyncpg

CHUNK = 10_000  # rows


async def copy(url: str, source: Path) -> float:
    """Rows per second of COPY into a table like `identifier`, index included. `source` is a file
    in COPY's text format."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP TABLE IF EXISTS copied")
        await connection.execute("CREATE TABLE copied (LIKE identifier INCLUDING ALL)")
        started = time.perf_counter()
        status = await connection.copy_to_table(
            "copied",
            source=source,
            columns=["batch_id", "prefix_id", "suffix", "public_values"],
        )
        seconds = time.perf_counter() - started
        await connection.execute("DROP TABLE copied")
    finally:
        await connection.close()
    return int(status.split()[1]) / seconds


async def one_commit_each(url: str, seconds: float = 3.0) -> float:
    """Rows per second of one connection that commits row by row, durably."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP TABLE IF EXISTS single")
        await connection.execute("CREATE TABLE single (LIKE identifier INCLUDING ALL)")
        insert = await connection.prepare(
            "INSERT INTO single (batch_id, prefix_id, suffix, public_values) VALUES (1, 1, $1, $2)"
        )
        rows, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds:
            await insert.fetch(f"S{rows:09d}", '[{"index":1,"type":"URL"}]')
            rows += 1
        await connection.execute("DROP TABLE single")
    finally:
        await connection.close()
    return rows / spent


async def insert_select(url: str, count: int) -> float:
    """Rows per second of `insert … select from generate_series` into a table like `identifier`."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP TABLE IF EXISTS series")
        await connection.execute("CREATE TABLE series (LIKE identifier INCLUDING ALL)")
        started = time.perf_counter()
        await connection.execute(
            """INSERT INTO series (batch_id, prefix_id, suffix)
               SELECT 1, 1, 'SN' || lpad(n::text, 10, '0') FROM generate_series(1, $1::bigint) n
               ON CONFLICT DO NOTHING""",
            count,
        )
        seconds = time.perf_counter() - started
        await connection.execute("DROP TABLE series")
    finally:
        await connection.close()
    return count / seconds


async def templated_bytes(url: str, count: int, scattered: bool) -> float:
    """Bytes on disk per identifier of 12 characters that a data template gives everything, its
    index included, the log not."""
    numbers = list(range(count))
    if scattered:
        random.Random(1).shuffle(numbers)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP TABLE IF EXISTS templated")
        await connection.execute("CREATE TABLE templated (LIKE identifier INCLUDING ALL)")
        for start in range(0, count, CHUNK):
            await connection.copy_records_to_table(
                "templated",
                columns=["batch_id", "prefix_id", "template_id", "suffix"],
                records=[(start, 1, 1, f"SN{n:010d}") for n in numbers[start : start + CHUNK]],
            )
        size = await connection.fetchval("SELECT pg_total_relation_size('templated')")
        await connection.execute("DROP TABLE templated")
    finally:
        await connection.close()
    return float(size) / count


async def settle(url: str) -> None:
    """Do what the server would do by itself some time after so many rows came in."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM (ANALYZE) identifier")
    finally:
        await connection.close()
