"""Identifiers by the list."""

from __future__ import annotations

from typing import Any

import pytest

from registry.record.registration import Method
from tests.node.live import Live
from tests.node.snms.client import Client, Reply, entry, name, value
from tests.node.snms.test_data import batches, counted

CREATE, UPDATE, DELETE = (
    ("POST", "/identityv2/data/batchCreate"),
    ("PUT", "/identityv2/data/batchUpdate"),
    ("DELETE", "/identityv2/data/batchDelete"),
)


async def send(client: Client, where: tuple[str, str], items: object, query: str = "") -> Reply:
    return await client.send(where[0], where[1] + query, json=items)


def messages(reply: Reply) -> list[str]:
    assert (reply.http, reply.told) == (200, (1, "success"))
    return [item["msg"] for item in reply.data]


async def test_every_item_gets_its_result(live: Live, factory: Client, stranger: Client) -> None:
    prefix = factory.prefix
    items: list[Any] = [
        entry(f"{prefix}/1", [name()]),
        entry(f"{prefix}/1", [name()]),
        entry(f"{prefix}/2", []),
        entry(f"{stranger.prefix}/1", [name()]),
        entry("88.999.1/1", [name()]),
        entry(f"{prefix}/3", [name()], templateVersion="none"),
        entry(f"{prefix}/4", [name(), value(2009, "x", "y")]),
        {"templateVersion": "1.0.0", "value": []},
        "nonsense",
        None,
        entry(f"{prefix}/5", [name()]),
    ]
    reply = await send(factory, CREATE, items)
    assert messages(reply) == [
        "success",
        "标识已存在",
        "属性“产品名称”（索引2000）为必填项",
        "无权操作该前缀下的标识",
        "前缀不存在",
        "数据模板不存在",
        "非法操作，索引2009在模板中不存在",
        "缺少必要的请求参数: handle",
        "请求参数类型不正确",
        "请求参数类型不正确",
        "success",
    ]
    assert list(reply.data[0]) == ["handle", "msg"]
    told = [item["handle"] for item in reply.data]
    assert told == [item["handle"] if isinstance(item, dict) and "handle" in item else None
                    for item in items]  # fmt: skip
    assert await batches(live.node.wiring) == [(Method.BATCH, 2)]
    for outcome, number in (("created", 2), ("unchanged", 1), ("refused", 8)):
        assert number == counted(
            live, "biaoshi_registration_verdicts_total", surface="snms", outcome=outcome
        )


async def test_a_list_sent_again_changes_nothing(live: Live, factory: Client) -> None:
    items = [entry(f"{factory.prefix}/{number}", [name()]) for number in range(10)]
    assert messages(await send(factory, CREATE, items)) == ["success"] * 10
    assert messages(await send(factory, CREATE, items)) == ["标识已存在"] * 10
    assert await batches(live.node.wiring) == [(Method.BATCH, 10)]


async def test_two_thousand_go_and_one_more_does_not(live: Live, factory: Client) -> None:
    items = [entry(f"{factory.prefix}/{number}", [name()]) for number in range(2001)]
    handles = [item["handle"] for item in items]
    too_many = (-2, "批量操作一次最多2000条")
    for where, given in ((CREATE, items), (UPDATE, items), (DELETE, handles)):
        reply = await send(factory, where, given)
        assert (reply.http, reply.told, reply.data) == (200, too_many, None)
    assert await batches(live.node.wiring) == []
    assert messages(await send(factory, CREATE, items[:2000])) == ["success"] * 2000
    assert await batches(live.node.wiring) == [(Method.BATCH, 2000)]
    items = [entry(handle, [name("吊灯")]) for handle in handles[:2000]]
    assert messages(await send(factory, UPDATE, items)) == ["success"] * 2000
    assert (await factory.shown(handles[1999]))[2000] == "吊灯"
    assert messages(await send(factory, DELETE, handles[:2000])) == ["success"] * 2000


async def test_updates_and_deletions_tell_item_by_item(factory: Client, stranger: Client) -> None:
    prefix = factory.prefix
    await send(factory, CREATE, [entry(f"{prefix}/{n}", [name()]) for n in range(3)])
    items: list[Any] = [
        entry(f"{prefix}/0", [name("一")]),
        entry(f"{prefix}/0", [name("二")]),
        entry(f"{prefix}/9", [name()]),
        entry(f"{prefix}/1", [name("一二三四五六七八九十一")]),
        entry(f"{stranger.prefix}/1", [name()]),
        7,
    ]
    assert messages(await send(factory, UPDATE, items)) == [
        "success",
        "success",
        "标识不存在",
        "属性“产品名称”（索引2000）的长度应为1至10个字符",
        "无权操作该前缀下的标识",
        "请求参数类型不正确",
    ]
    assert (await factory.shown(f"{prefix}/0"))[2000] == "二", "in their order"
    assert (await factory.shown(f"{prefix}/1"))[2000] == "台灯"
    handles: list[Any] = [f"{prefix}/0", f"{prefix}/0", f"{prefix}/9", "x", "", 7,
                          "88.999.1/1", "h" * 256]  # fmt: skip
    reply = await send(factory, DELETE, handles)
    assert messages(reply) == [
        "success",
        "标识不存在",
        "标识不存在",
        "标识格式不正确，应为“前缀/后缀”",
        "缺少必要的请求参数: handle",
        "请求参数类型不正确",
        "前缀不存在",
        "请求参数过长: handle，最多255个字符",
    ]
    assert [item["code"] for item in reply.data] == [1, *[-2] * 7]
    assert list(reply.data[0]) == ["handle", "code", "msg"]
    reply = await send(stranger, DELETE, [f"{prefix}/1"])
    assert reply.data == [{"handle": f"{prefix}/1", "code": -2, "msg": "无权操作该前缀下的标识"}]


async def test_deleted_ones_are_revived_on_demand(live: Live, factory: Client) -> None:
    items = [entry(f"{factory.prefix}/{n}", [name()]) for n in range(2)]
    await send(factory, CREATE, items[:1])
    await send(factory, DELETE, [items[0]["handle"]])
    told = messages(await send(factory, CREATE, items))
    assert told == ["标识已被删除，不能重新注册；确需恢复，请加参数revive=true", "success"]
    told = messages(await send(factory, CREATE, items, "?revive=true"))
    assert told == ["success", "标识已存在"]
    assert sum(created for _, created in await batches(live.node.wiring)) == 2


@pytest.mark.parametrize("where", [CREATE, UPDATE, DELETE])
async def test_a_list_is_a_list(factory: Client, where: tuple[str, str]) -> None:
    assert messages(await send(factory, where, [])) == []
    for wrong in ({}, {"handles": []}, "x", 7):
        assert (await send(factory, where, wrong)).told == (-2, "请求参数类型不正确")


async def test_a_long_list_is_no_stop_for_its_length(factory: Client) -> None:
    long = entry(f"{factory.prefix}/1", [name()], padding="x" * 17_000_000)
    reply = await send(factory, CREATE, [long])
    assert (reply.http, reply.told) == (200, (-2, "请求内容过大"))
