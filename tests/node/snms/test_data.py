"""Identifiers one by one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.snms import content
from node.snms.data import _value_shown
from node.snms.entry import Entry, EntryBody
from node.snms.misformed import Misformed
from node.wiring import Wiring
from registry.access.actor import console
from registry.record.registration import Method
from registry.record.value import DataIn, ValueIn, normalise
from tests.node.live import Enterprise, Live
from tests.node.snms.client import Client, entry, name, url, value

EXISTS = (-2, "标识已存在")
MISSING = (-2, "标识不存在")
DONE = (1, "success")


def counted(live: Live, metric: str, **labels: str) -> float:
    return live.node.wiring.instruments.registry.get_sample_value(metric, labels) or 0.0


async def batches(wiring: Wiring) -> list[tuple[int, int]]:
    """Method and number of new identifiers of every batch."""
    async with wiring.database.connection() as connection:
        rows = await connection.fetch("SELECT method, created FROM batch ORDER BY batch_id")
    return [(row["method"], row["created"]) for row in rows]


async def test_what_is_registered_is_found(live: Live, factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    reply = await factory.create(handle, name(), url())
    assert (reply.http, reply.told, reply.data) == (200, DONE, True)
    reply = await factory.detail(handle)
    assert reply.told == DONE
    assert reply.data == {
        "code": "200",
        "prefix": factory.prefix,
        "handle": handle,
        "templateVersion": "1.0.0",
        "value": [
            {
                "index": 1001,
                "type": "TEMPLATE",
                "auth": "1",
                "data": {"format": "string", "value": "1.0.0"},
            },
            {
                "index": 2000,
                "type": "name",
                "auth": "1",
                "data": {"format": "string", "value": "台灯"},
            },
            {
                "index": 2001,
                "type": "URL",
                "auth": "1",
                "data": {"format": "string", "value": "https://example.com/1"},
            },
        ],
    }
    assert counted(live, "biaoshi_resolutions_total", surface="snms", source="local",
                   outcome="found") == 1  # fmt: skip
    assert counted(
        live, "biaoshi_registration_verdicts_total", surface="snms", outcome="created"
    ) == (1)
    assert await batches(live.node.wiring) == [(Method.SINGLE, 1)]


async def test_a_second_registration_changes_nothing(live: Live, factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    assert (await factory.create(handle, name(), url())).told == DONE
    assert (await factory.create(handle, name(), url())).told == EXISTS
    assert (await factory.create(handle.lower(), name("吊灯"))).told == EXISTS
    assert (await factory.shown(handle))[2000] == "台灯"
    assert await batches(live.node.wiring) == [(Method.SINGLE, 1)]


async def test_of_many_who_register_at_once_one_succeeds(live: Live, factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    replies = await asyncio.gather(*(factory.create(handle, name()) for _ in range(20)))
    assert sorted(reply.told for reply in replies) == sorted([DONE] + [EXISTS] * 19)
    assert await batches(live.node.wiring) == [(Method.SINGLE, 1)]


async def test_an_update_replaces_the_items_values(factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    await factory.create(handle, name(), url())
    assert (await factory.update(handle, name("吊灯"))).told == DONE
    assert await factory.shown(handle) == {1001: "1.0.0", 2000: "吊灯"}
    assert (await factory.update(handle, name("吊灯"))).told == DONE  # again, as after a 504
    assert (await factory.update(f"{factory.prefix}/LAMP-2", name())).told == MISSING


async def test_an_update_may_change_the_template(factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    await factory.create(handle, name(), url())
    assert (await factory.template(version="2")).told == DONE
    assert (await factory.update(handle, name(), templateVersion="2")).told == DONE
    assert (await factory.detail(handle)).data["templateVersion"] == "2"


async def test_an_update_leaves_alone_what_the_api_cannot_say(
    live: Live, factory: Client, owner: Enterprise
) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    values = [
        {"index": 1, "type": "EMAIL", "data": "a@example.com"},
        {"index": 300, "type": "HS_SECKEY", "data": "secret"},
        {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {
            "handle": handle, "index": 300, "permissions": "111111111111"}}},
    ]  # fmt: skip
    body = {"values": values, "template": "1.0.0", "attributes": {"name": "台灯"}}
    put = await live.ask("PUT", f"/v1/identifiers/{handle}", key=owner.key, json=body)
    assert put.status == 201
    assert (await factory.update(handle, name("吊灯"))).told == DONE
    shown = await live.ask("GET", f"/v1/identifiers/{handle}", key=owner.key)
    assert [v["index"] for v in shown.body["values"]] == [1, 100, 300, 1001, 2000]
    seen = await factory.shown(handle)
    assert seen[2000] == "吊灯"
    assert 300 not in seen, "secrets are not for this API"
    assert seen[100].startswith('{"handle":'), "structured data are text here"


async def test_updates_at_once_all_come_through(factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    await factory.create(handle, name())
    names = [f"灯{number}" for number in range(4)]
    replies = await asyncio.gather(*(factory.update(handle, name(text)) for text in names))
    assert {reply.told for reply in replies} == {DONE}
    assert (await factory.shown(handle))[2000] in names


async def test_what_was_deleted_stays_so_unless_revived(factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    await factory.create(handle, name())
    reply = await factory.delete(handle)
    assert (reply.told, reply.data) == (DONE, True)
    assert (await factory.delete(handle)).told == MISSING
    assert (await factory.detail(handle)).told == (-2, "标识已被删除")
    assert (await factory.update(handle, name())).told == MISSING
    withdrawn = (-2, "标识已被删除，不能重新注册；确需恢复，请加参数revive=true")
    assert (await factory.create(handle, name())).told == withdrawn
    body = entry(handle, [name("吊灯")])
    reply = await factory.send("POST", "/identityv2/data?revive=true", json=body)
    assert reply.told == DONE
    assert (await factory.shown(handle))[2000] == "吊灯"


async def test_what_never_was_is_not_found(live: Live, factory: Client) -> None:
    handle = f"{factory.prefix}/NONE"
    assert (await factory.detail(handle)).told == MISSING
    assert (await factory.delete(handle)).told == MISSING
    assert (await factory.detail("88.999.1/x")).told == (-2, "前缀不存在")
    assert (await factory.create("88.999.1/x", name())).told == (-2, "前缀不存在")
    assert (await factory.delete("88.999.1/x")).told == (-2, "前缀不存在")
    assert counted(live, "biaoshi_resolutions_total", surface="snms", source="local",
                   outcome="not-found") == 1  # fmt: skip


async def test_anyone_known_resolves_but_only_the_owner_writes(
    factory: Client, stranger: Client, admin: Client
) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    await factory.create(handle, name())
    foreign = (-3, "无权操作该前缀下的标识")
    for client in (stranger, admin):
        assert (await client.shown(handle))[2000] == "台灯"
        assert (await client.create(f"{factory.prefix}/X", name())).told == foreign
        assert (await client.update(handle, name("假"))).told == foreign
    assert (await stranger.delete(handle)).told == foreign
    assert (await admin.delete(handle)).told == DONE, "an operator may take down"


async def test_private_items_are_the_owners(
    live: Live, factory: Client, stranger: Client, owner: Enterprise
) -> None:
    item = {"idIndex": 2003, "idType": "cost", "name": "成本", "visibility": "private"}
    changed = await live.ask(
        "PUT", f"/v1/prefixes/{owner.prefix}/templates/1.0.0", key=owner.key,
        json={"items": [item]},
    )  # fmt: skip
    assert changed.status == 200
    handle = f"{factory.prefix}/LAMP-1"
    assert (await factory.create(handle, name(), value(2003, "cost", "7"))).told == DONE
    shown = (await factory.detail(handle)).data["value"]
    assert [(v["index"], v["auth"]) for v in shown] == [(1001, "1"), (2000, "1"), (2003, "0")]
    assert 2003 not in await stranger.shown(handle)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "属性“产品名称”（索引2000）为必填项"),
        ([url()], "属性“产品名称”（索引2000）为必填项"),
        ([name("")], "属性“产品名称”（索引2000）为必填项"),
        ([name("一二三四五六七八九十")], None),
        ([name("一二三四五六七八九十一")], "属性“产品名称”（索引2000）的长度应为1至10个字符"),
        ([name(), url("u" * 255)], None),
        ([name(), url("u" * 256)], "请求参数过长: value[1].data.value，最多255个字符"),
        ([name(), url("")], None),
        ([name(), value(2002, "lot", "7")], "属性“旧批号”（索引2002）已禁用"),
        ([name(), value(2003, "x", "7")], "非法操作，索引2003在模板中不存在"),
        ([name(), value(1000, "x", "7")], "非法操作，索引1000在模板中不存在"),
        ([name(), value(1999, "x", "7")], "非法操作，索引1999在模板中不存在"),
        ([name(), value(-1, "x", "7")], "非法操作，索引-1在模板中不存在"),
        ([name(), value(2**31, "x", "7")], f"非法操作，索引{2**31}在模板中不存在"),
        ([name(), value(1001, "TEMPLATE", "1")], "索引1001为预留索引，不能使用"),
        ([value(2000, "NAME", "7")], "非法操作，索引2000的类型与模板不一致，应为name"),
        ([value(2000, "URL", "7")], "非法操作，索引2000的类型与模板不一致，应为name"),
        ([name(), name()], "标识属性索引重复"),
        ([name("a\0b")], "请求参数包含非法字符: value[0].data.value"),
        ([value(2000, "t" * 128, "7")], "非法操作，索引2000的类型与模板不一致，应为name"),
        ([value(2000, "t" * 129, "7")], "请求参数过长: value[0].type，最多128个字符"),
        ([name() | {"index": None}], "缺少必要的请求参数: value[0].index"),
        ([name() | {"index": "2000"}], None),
        ([name() | {"index": 2000.0}], None),
        ([name() | {"index": "two"}], "请求参数类型不正确: value[0].index"),
        ([name() | {"index": True}], "请求参数类型不正确: value[0].index"),
        ([name() | {"auth": None, "more": 1}], None),
        ([name() | {"data": None}], "缺少必要的请求参数: value[0].data"),
        ([name() | {"data": {"value": "x"}}], "缺少必要的请求参数: value[0].data.format"),
        ([name() | {"data": {"format": "string"}}], "缺少必要的请求参数: value[0].data.value"),
        (
            [name() | {"data": {"format": "base64", "value": "eA=="}}],
            "标识属性格式（data.format）目前只支持string",
        ),
        (
            [name() | {"data": {"format": "string", "value": 7}}],
            "请求参数类型不正确: value[0].data.value",
        ),
        ([7], "请求参数类型不正确: value[0]"),
    ],
)
async def test_values_obey_the_template(
    factory: Client, values: list[Any], told: str | None
) -> None:
    expected = DONE if told is None else (-2, told)
    handle = f"{factory.prefix}/LAMP-1"
    assert (await factory.create(handle, *values)).told == expected
    if told is not None:
        assert (await factory.detail(handle)).told == MISSING
        await factory.create(handle, name("旧"))
        assert (await factory.update(handle, *values)).told == expected
        assert (await factory.shown(handle))[2000] == "旧"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"handle": None}, "缺少必要的请求参数: handle"),
        ({"handle": ""}, "缺少必要的请求参数: handle"),
        ({"handle": 7}, "请求参数类型不正确: handle"),
        ({"handle": "88.118.1"}, "标识格式不正确，应为“前缀/后缀”"),
        ({"handle": "88.118.1/"}, "标识后缀不能为空"),
        ({"handle": "/x"}, "标识前缀不能为空"),
        ({"handle": "88.118.1/ x"}, "标识的前缀和后缀首尾不能有空格"),
        ({"handle": "88.118.1/a\tb"}, "标识包含控制字符"),
        ({"handle": "88.118.1/a\u200bb"}, "标识包含不可见字符"),
        ({"handle": "88.118.1/" + "x" * 246}, None),
        ({"handle": "88.118.1/" + "x" * 247}, "请求参数过长: handle，最多255个字符"),
        (
            {"handle": "88.118.1/" + "灯" * 90},
            "标识过长，最多255个字节（一个汉字占3个字节）",
        ),
        ({"templateVersion": None}, "缺少必要的请求参数: templateVersion"),
        ({"templateVersion": "9"}, "数据模板不存在"),
        ({"templateVersion": "v" * 128}, "数据模板不存在"),
        ({"templateVersion": "v" * 129}, "请求参数过长: templateVersion，最多128个字符"),
        ({"value": None}, "缺少必要的请求参数: value"),
        ({"value": {}}, "请求参数类型不正确: value"),
    ],
)
async def test_entries_keep_within_the_limits(
    factory: Client, changes: dict[str, Any], told: str | None
) -> None:
    body = entry(f"{factory.prefix}/LAMP-1", [name()]) | changes
    reply = await factory.send("POST", "/identityv2/data", json=body)
    assert reply.told == (DONE if told is None else (-2, told))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"null", b"\xff", b"{" * 5000])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_what_is_no_entry_is_refused(factory: Client, method: str, body: bytes) -> None:
    reply = await factory.send(method, "/identityv2/data", data=body)
    assert (reply.http, reply.status, reply.data) == (200, -2, None)


async def test_a_detail_names_its_handle(factory: Client) -> None:
    missing = await factory.send("GET", "/identityv2/data/detail")
    assert missing.told == (-2, "缺少必要的请求参数: handle")
    assert (await factory.detail("h" * 256)).told == (-2, "请求参数过长: handle，最多255个字符")
    for suffix in ("a/b", "a b", "a+b", "a%2Fb", "a?b&c=d", "灯/", "#1"):
        handle = f"{factory.prefix}/{suffix}"
        assert (await factory.create(handle, name())).told == DONE
        assert (await factory.detail(handle)).data["handle"] == handle


async def test_a_suspended_enterprise_registers_nothing(
    live: Live, factory: Client, owner: Enterprise
) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    await factory.create(handle, name())
    wiring = live.node.wiring
    await wiring.enterprises.suspend(console(), owner.enterprise_id, "应企业要求")
    told = (-2, "企业已被暂停服务，不能注册或变更标识")
    assert (await factory.create(f"{factory.prefix}/X", name())).told == told
    assert (await factory.update(handle, name("吊灯"))).told == told
    assert (await factory.delete(handle)).told == told
    assert (await factory.shown(handle))[2000] == "台灯"


async def test_a_stopped_prefix_takes_nothing(live: Live, factory: Client) -> None:
    handle = f"{factory.prefix}/LAMP-1"
    await factory.create(handle, name())
    await live.node.wiring.prefixes.stop(console(), factory.prefix, "应企业要求")
    told = (-2, "前缀未启用，不能注册或变更标识")
    assert (await factory.create(f"{factory.prefix}/X", name())).told == told
    assert (await factory.update(handle, name("吊灯"))).told == told
    assert (await factory.delete(handle)).told == told
    assert (await factory.shown(handle))[2000] == "台灯"


async def test_records_of_other_surfaces_are_shown_too(
    live: Live, factory: Client, owner: Enterprise
) -> None:
    handle = f"{factory.prefix}/PLAIN"
    body = {"values": [{"index": 1, "type": "URL", "data": "https://example.com"}]}
    await live.ask("PUT", f"/v1/identifiers/{handle}", key=owner.key, json=body)
    data = (await factory.detail(handle)).data
    assert data["templateVersion"] is None
    assert [v["index"] for v in data["value"]] == [1]
    assert (await factory.create(handle, name())).told == EXISTS


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_member = {"handle": _json, "templateVersion": _json, "value": _json}
_values = st.fixed_dictionaries(
    {}, optional={"index": _json, "type": _json, "auth": _json, "data": _json}
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=_json
    | st.fixed_dictionaries({}, optional=_member)
    | st.fixed_dictionaries({"handle": st.text(), "value": st.lists(_values, max_size=3)})
)
def test_nothing_that_is_sent_breaks_it(body: Any) -> None:
    """Whatever JSON comes is an entry or is told why not."""
    try:
        found = Entry.of(content.convert(body, EntryBody))
    except Misformed as error:
        told = error.detail
    else:
        told = ""
    if told:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in told)
        return
    assert len(found.handle) <= 255
    assert all(2000 <= one.index < 2**31 for one in found.values)


def test_values_are_told_as_text() -> None:
    (checked,) = normalise(
        [ValueIn(1, "X", DataIn("eA==", "base64"))], now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert _value_shown(checked).data.value == "eA=="
