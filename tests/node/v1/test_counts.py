"""A year's numbers and a closed day's tables, over HTTP."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

import pytest

from metrics.counting.day import SHANGHAI, end_of
from registry.access.actor import Role, console
from registry.access.key import KeyWish
from tests.node.live import Enterprise, Live
from tests.node.refused import refused


@pytest.fixture
async def bureau_key(live: Live) -> str:
    wish = KeyWish(role=Role.BUREAU, label="bureau")
    return (await live.node.wiring.keyring.create(console(), wish)).secret


@pytest.fixture
async def yesterday(live: Live, owner: Enterprise) -> date:
    """Closed, with requests from an address."""
    day = datetime.now(SHANGHAI).date() - timedelta(days=1)
    async with live.node.wiring.database.connection() as connection:
        await connection.execute(
            "UPDATE count_state SET open_day = $1, counted_until = $2", day, end_of(day)
        )
        async with asyncio.timeout(60):
            while not await connection.fetchval("SELECT count(*) FROM day_close"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix")
        await connection.execute(
            "INSERT INTO resolution_hour VALUES ($1, 3, $2, 15, 7), ($1, 4, $2, 14, 2)",
            day,
            prefix_id,
        )
        await connection.execute(
            "INSERT INTO resolution_source VALUES ($1, $2, '198.51.100.7', 9, 9, 7)", day, prefix_id
        )
    return day


async def test_a_days_tables(
    live: Live, owner: Enterprise, bureau_key: str, yesterday: date
) -> None:
    reply = await live.ask("GET", f"/v1/days/{yesterday}", key=bureau_key)
    assert reply.status == 200
    assert reply.body["table3"] == {
        "prefix": "88.118",
        "registered": 0,
        "registered_total": 0,
        "requests": 9,
        "answered": 9,
    }
    (line,) = reply.body["table8"]
    assert (line["prefix"], line["requests"], line["counted"]) == (owner.prefix, 9, 7)
    assert reply.body["journal_records"] == 0


async def test_the_bureau_gets_networks_and_operators_addresses(
    live: Live, bureau_key: str, yesterday: date
) -> None:
    path = f"/v1/days/{yesterday}/sources"
    (theirs,) = (await live.ask("GET", path, key=bureau_key)).body
    (ours,) = (await live.ask("GET", path, key=live.operator)).body
    assert theirs["source"] == "198.51.100.0/24"
    assert ours["source"] == "198.51.100.7"
    nobody = await live.ask("GET", path, key=bureau_key, params={"prefix": "88.118.99"})
    assert nobody.body == []


async def test_a_years_numbers(
    live: Live, owner: Enterprise, bureau_key: str, yesterday: date
) -> None:
    path = f"/v1/metrics/{yesterday.year}"
    reply = await live.ask("GET", path, key=bureau_key, params={"look_through": "true"})
    assert reply.status == 200
    assert reply.body["through"] == yesterday.isoformat()
    assert reply.body["resolutions"]["counted"] == 7
    assert reply.body["resolutions"]["answered"] == 9
    assert reply.body["registrations"]["resolved"] == 0
    assert reply.body["rules"]["definitions"] == "biaoshi-counting-1"
    assert [one["prefixes"] for one in reply.body["enterprises"]] == [[owner.prefix]]


async def test_what_is_refused(live: Live, owner: Enterprise, bureau_key: str) -> None:
    today = datetime.now(SHANGHAI).date()
    for path in (f"/v1/metrics/{today.year}", f"/v1/days/{today}", f"/v1/days/{today}/sources"):
        refused(await live.ask("GET", path), 401, "not-authenticated", "key-needed")
        refused(await live.ask("GET", path, key=owner.key), 403, "not-permitted", "auditor-only")
    refused(await live.ask("GET", f"/v1/days/{today}", key=bureau_key), 404, "day-open", "day-open")
    refused(await live.ask("GET", "/v1/days/32", key=bureau_key), 422, "invalid-input", "day")
    refused(await live.ask("GET", "/v1/metrics/9", key=bureau_key), 422, "invalid-input", "year")
