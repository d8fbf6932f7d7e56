"""The foreign node's Handle JSON, and its conduct."""

import asyncio
import time
from urllib.parse import quote

import aiohttp
import pytest

from node.sandbox.foreign_records import RECORDS


async def get(world, handle, query=""):
    url = f"{world.sandbox.foreign_url}/api/handles/{quote(handle, safe='')}{query}"
    async with world.session.get(url) as response:
        return response.status, await response.json()


async def turn(world, **conduct):
    await world.manage("PUT", "/foreign", conduct)


@pytest.mark.parametrize("handle", RECORDS)
async def test_each_record_is_found(world, handle):
    status, answer = await get(world, handle)
    assert (status, answer["responseCode"], answer["handle"]) == (200, 1, handle)
    indexes = [value["index"] for value in answer["values"]]
    assert indexes == sorted(set(indexes))
    types = {value["type"] for value in answer["values"]}
    assert {"URL", "productName", "manufacturer"} <= types


async def test_the_example_in_full(world):
    async with world.session.get(
        f"{world.sandbox.foreign_url}/api/handles/{world.sandbox.foreign_example}?index=2000"
    ) as response:
        assert response.headers["Content-Type"] == "application/json;charset=utf-8"
        assert await response.json() == {
            "responseCode": 1,
            "handle": "86.1000.1/DEMO-0001",
            "values": [
                {
                    "index": 2000,
                    "type": "productName",
                    "data": {"format": "string", "value": "永磁同步伺服电机"},
                    "ttl": 86400,
                    "timestamp": "2024-03-15T02:00:00Z",
                }
            ],
        }


async def test_letters_compare_without_case_and_are_echoed(world):
    status, answer = await get(world, "86.1000.1/demo-0001")
    assert (status, answer["handle"]) == (200, "86.1000.1/demo-0001")


async def test_filters(world):
    _, answer = await get(world, "86.1000.1/DEMO-0001", "?type=URL&index=1001")
    assert [value["index"] for value in answer["values"]] == [1, 1001]
    status, answer = await get(world, "86.1000.1/DEMO-0001", "?index=5")
    assert (status, answer["responseCode"], answer["values"]) == (200, 200, [])
    status, answer = await get(world, "86.1000.1/DEMO-0001", "?index=abc")
    assert (status, answer["responseCode"]) == (400, 4)


@pytest.mark.parametrize(
    ("handle", "status", "code"),
    [("86.1000.1/NOPE", 404, 100), ("88.118.8/1", 400, 301), ("", 400, 102)],
)
async def test_what_is_not_there(world, handle, status, code):
    got, answer = await get(world, handle)
    assert (got, answer["responseCode"]) == (status, code)


async def test_lying(world):
    await turn(world, kind="lying")
    for handle in RECORDS:
        _, answer = await get(world, handle)
        assert answer["handle"] != handle
        assert answer["handle"] in RECORDS
    await turn(world, kind="honest")
    assert (await get(world, "86.1000.1/DEMO-0001"))[1]["handle"] == "86.1000.1/DEMO-0001"


async def test_slow(world):
    await turn(world, kind="slow", seconds=0.2)
    began = time.monotonic()
    assert (await get(world, "86.1000.1/DEMO-0001"))[0] == 200
    assert time.monotonic() - began > 0.19


async def test_dead(world):
    await turn(world, kind="dead")
    with pytest.raises(aiohttp.ClientError):
        await get(world, "86.1000.1/DEMO-0001")


async def test_garbled(world):
    await turn(world, kind="garbled")
    with pytest.raises(ValueError, match="Expecting"):
        await get(world, "86.1000.1/DEMO-0001")


async def test_endless(world):
    await turn(world, kind="endless", seconds=30)
    url = f"{world.sandbox.foreign_url}/api/handles/86.1000.1/DEMO-0001"
    async with world.session.get(url) as response:
        size = 0
        async with asyncio.timeout(30):
            while size < 3 * 1024 * 1024:
                size += len(await response.content.readany())
