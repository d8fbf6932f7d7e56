"""Prefixes: one, and pages of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.access.actor import console
from registry.access.application import BEIJING
from registry.prefix.prefixes import PrefixWish
from tests.node.live import OTHER, SUBJECT, Enterprise, Live
from tests.node.snms.client import Client, Reply, client_of

DONE = (1, "success")
QUERY, PAGE = "/snms/api/prefix/query", "/snms/api/prefix/page"
MEMBERS = [
    "content", "first", "last", "totalPages", "totalElements", "number", "size",
    "numberOfElements", "sort",
]  # fmt: skip


async def query(client: Client, prefix: str) -> Reply:
    return await client.send("GET", QUERY, params={"prefix": prefix})


async def page(client: Client, **params: Any) -> Reply:
    return await client.send("GET", PAGE, params=params)


@pytest.fixture
async def client(live: Live, owner: Enterprise) -> Client:
    return await client_of(live, "mes", owner)


async def test_a_prefix_tells_whose_it_is(client: Client) -> None:
    reply = await query(client, client.prefix)
    assert (reply.http, reply.told) == (200, DONE)
    created = reply.data.pop("createDate")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", created)
    age = datetime.now(UTC) - datetime.fromisoformat(created).replace(tzinfo=BEIJING)
    assert timedelta(0) <= age < timedelta(minutes=5)
    assert reply.data == {
        "prefix": client.prefix,
        "status": 1,
        "entNameCn": SUBJECT["name"],
        "entWebSite": None,
        "entSite": None,
        "entIndustry": "C",
        "entAddrCn": SUBJECT["address"],
        "entDesc": None,
        "ghrName": None,
    }


async def test_every_state_has_its_number(live: Live, admin: Client) -> None:
    wiring = live.node.wiring
    number, _ = await live.applied(SUBJECT)
    await wiring.enterprises.verify(console(), number, "营业执照原件核对")
    text = (await wiring.prefixes.request(console(), PrefixWish(enterprise_id=number))).prefix

    async def state() -> int:
        listed = (await page(admin, entPrefix=text)).data["content"]
        assert [row["state"] for row in listed] == [(await query(admin, text)).data["status"]]
        return int(listed[0]["state"])

    assert await state() == 4
    await wiring.prefixes.approve(console(), text)
    assert await state() == 5
    await wiring.prefixes.settle_review(console(), text, True, "")
    assert await state() == 1
    await wiring.prefixes.stop(console(), text, "应企业要求")
    assert await state() == 0
    await wiring.prefixes.delete(console(), text, "企业已注销")
    assert await state() == 2
    other = (await wiring.prefixes.request(console(), PrefixWish(enterprise_id=number))).prefix
    await wiring.prefixes.reject(console(), other, "重复")
    assert (await query(admin, other)).data["status"] == 3


async def test_an_enterprise_sees_its_own_and_an_operator_all(
    live: Live, client: Client, admin: Client
) -> None:
    other = await live.enterprise(OTHER)
    assert (await query(client, other.prefix)).told == (-3, "无权访问其他企业的数据")
    assert (await query(admin, other.prefix)).told == DONE
    assert [row["entPrefix"] for row in (await page(client)).data["content"]] == [client.prefix]
    both = (await page(admin)).data
    assert [row["entPrefix"] for row in both["content"]] == [other.prefix, client.prefix]
    assert list(both) == MEMBERS
    row = both["content"][1]
    assert (row["entId"], row["entName"], row["state"], row["proxyState"]) == (
        client_number(both, client), SUBJECT["name"], 1, 4,
    )  # fmt: skip
    assert row["createDate"] <= row["updateDate"]


def client_number(data: Any, client: Client) -> int:
    return next(row["entId"] for row in data["content"] if row["entPrefix"] == client.prefix)


async def test_pages_are_numbered_from_one(live: Live, client: Client, admin: Client) -> None:
    for _ in range(4):
        await live.node.wiring.prefixes.request(console(), PrefixWish(enterprise_id=1))
    seen = []
    for number, (count, first, last) in enumerate(
        [(2, True, False), (2, False, False), (1, False, True)], 1
    ):
        data = (await page(client, currentPage=number, pageSize=2)).data
        assert (data["number"], data["size"], data["totalPages"], data["totalElements"]) == (
            number, 2, 3, 5,
        )  # fmt: skip
        assert (data["numberOfElements"], data["first"], data["last"]) == (count, first, last)
        assert len(data["content"]) == count
        seen += [row["id"] for row in data["content"]]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5
    beyond = (await page(client, currentPage=9, pageSize=2)).data
    assert (beyond["content"], beyond["totalElements"], beyond["last"]) == ([], 5, True)
    none = (await page(admin, entName="没有这家")).data
    assert (none["totalPages"], none["totalElements"], none["first"], none["last"]) == (
        0, 0, True, True,
    )  # fmt: skip


async def test_pages_are_searched(live: Live, client: Client, admin: Client) -> None:
    other = await live.enterprise(OTHER)

    async def found(**params: str) -> list[str]:
        reply = await page(admin, **params)
        assert reply.told == DONE
        return [row["entPrefix"] for row in reply.data["content"]]

    assert await found(entName="另一家") == [other.prefix]
    assert await found(entName="%") == []
    assert await found(entPrefix=other.prefix) == [other.prefix]
    assert await found(entName="", entPrefix="", startDate="", endDate="", currentPage="",
                       pageSize="") == [other.prefix, client.prefix]  # fmt: skip
    now = datetime.now(BEIJING)
    today, tomorrow = f"{now:%Y-%m-%d}", f"{now + timedelta(days=1):%Y-%m-%d}"
    assert len(await found(startDate=f"{now - timedelta(minutes=5):%Y-%m-%d %H:%M:%S}")) == 2
    assert await found(endDate=f"{now - timedelta(minutes=5):%Y-%m-%d %H:%M:%S}") == []
    assert await found(startDate=f"{tomorrow} 00:00:00") == []
    assert len(await found(endDate=tomorrow)) == 2
    if now.hour or now.minute > 5:
        assert len(await found(startDate=today, endDate=today)) == 2


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"currentPage": "0"}, "请求参数取值不正确: currentPage，应为1至1000000的整数"),
        ({"currentPage": "x"}, "请求参数取值不正确: currentPage，应为1至1000000的整数"),
        ({"currentPage": "-1"}, "请求参数取值不正确: currentPage，应为1至1000000的整数"),
        ({"currentPage": "²"}, "请求参数取值不正确: currentPage，应为1至1000000的整数"),
        ({"currentPage": "1000000"}, None),
        ({"currentPage": "1000001"}, "请求参数取值不正确: currentPage，应为1至1000000的整数"),
        ({"pageSize": "0"}, "请求参数取值不正确: pageSize，应为1至1000的整数"),
        ({"pageSize": "1000"}, None),
        ({"pageSize": "1001"}, "请求参数取值不正确: pageSize，应为1至1000的整数"),
        ({"startDate": "yesterday"}, "时间格式不正确: startDate，应为yyyy-MM-dd HH:mm:ss"),
        ({"endDate": "2022-02-30"}, "时间格式不正确: endDate，应为yyyy-MM-dd HH:mm:ss"),
        ({"endDate": "9999-12-31"}, None),
        ({"startDate": "0001-01-01"}, "时间格式不正确: startDate，应为yyyy-MM-dd HH:mm:ss"),
        ({"startDate": "0001-01-02"}, None),
        ({"entName": "n" * 256}, "请求参数过长: entName，最多255个字符"),
        ({"entName": "a\0b"}, "请求参数包含非法字符: entName"),
        ({"entPrefix": "p" * 65}, "请求参数过长: entPrefix，最多64个字符"),
        ({"unknown": "x"}, None),
    ],
)
async def test_what_pages_take(client: Client, params: dict[str, str], told: str | None) -> None:
    reply = await page(client, **params)
    assert (reply.http, reply.told) == (200, DONE if told is None else (-2, told))


async def test_what_a_query_takes(client: Client) -> None:
    assert (await client.send("GET", QUERY)).told == (-2, "缺少必要的请求参数: prefix")
    for unknown in ("88.118.999", "x", "灯", "%00"):
        assert (await query(client, unknown)).told == (-2, "前缀不存在")
    assert (await query(client, "p" * 65)).told == (-2, "请求参数过长: prefix，最多64个字符")
