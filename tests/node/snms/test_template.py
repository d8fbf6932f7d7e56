"""Data templates on the paths of both versions."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.node.live import Enterprise, Live
from tests.node.snms.client import TEMPLATE, Client, Reply, name, url, value

DONE = (1, "success")
V3, V5 = "/snms/api/v3/template", "/snms/api/v5/template"


async def shown(client: Client, version: str = "1.0.0", path: str = V5) -> Reply:
    query = {"prefix": client.prefix, "version": version}
    return await client.send("GET", path, params=query)


async def amend(client: Client, *items: dict[str, Any], **changes: Any) -> Reply:
    body = {"prefix": client.prefix, "version": "1.0.0", "items": list(items)} | changes
    return await client.send("PUT", V5, json=body)


def item(index: int | None, id_type: str, **changes: Any) -> dict[str, Any]:
    metadata = {"type": "string", "minLength": 1, "maxLength": 10}
    known = {"name": f"属性{id_type}", "idType": id_type, "metadata": metadata, "state": 1}
    if index is not None:
        known["idIndex"] = index
    return known | changes


async def test_a_template_is_shown_as_it_was_made(factory: Client) -> None:
    expected = copy.deepcopy(TEMPLATE) | {"prefix": factory.prefix}
    for one in expected["items"]:
        one.setdefault("state", 1)
        one.setdefault("required", False)
    for path in (V3, V5):
        reply = await shown(factory, path=path)
        assert (reply.http, reply.told) == (200, DONE)
        assert reply.data == expected
        assert set(reply.data["items"][0]) == {
            "name", "idType", "idIndex", "required", "state", "metadata",
        }  # fmt: skip


async def test_version_three_numbers_the_items_itself(factory: Client) -> None:
    items = [item(None, "ip"), item(None, "mac"), item(2005, "sn"), item(None, "url")]
    body = TEMPLATE | {"prefix": factory.prefix, "version": "3", "items": items}
    assert (await factory.send("POST", V3, json=body)).told == DONE
    made = (await shown(factory, "3", V3)).data["items"]
    assert {one["idType"]: one["idIndex"] for one in made} == {
        "sn": 2005, "ip": 2006, "mac": 2007, "url": 2008,
    }  # fmt: skip
    body["items"], body["version"] = [item(None, "ip"), item(None, "mac")], "3.1"
    assert (await factory.send("POST", V3, json=body)).told == DONE
    made = (await shown(factory, "3.1", V3)).data["items"]
    assert [(one["idIndex"], one["idType"]) for one in made] == [(2000, "ip"), (2001, "mac")]
    assert (await factory.send("PUT", V3, json=body)).http == 405


async def test_indexes_may_come_as_text(factory: Client) -> None:
    reply = await factory.template(version="2", items=[item(None, "ip", idIndex="2000")])
    assert reply.told == DONE


async def test_an_amendment_adds_and_never_removes(factory: Client) -> None:
    changed = item(2001, "URL", name="网址", required=True)
    assert (await amend(factory, changed, item(2010, "ip"), item(None, "mac"))).told == DONE
    items = {one["idType"]: one for one in (await shown(factory)).data["items"]}
    assert list(items) == ["name", "URL", "lot", "ip", "mac"]
    assert (items["URL"]["name"], items["URL"]["required"]) == ("网址", True)
    assert items["URL"]["metadata"]["maxLength"] == 10
    assert (items["ip"]["idIndex"], items["mac"]["idIndex"]) == (2010, 2011)
    assert (await shown(factory)).data["description"] == "灯具"
    assert (await amend(factory, description="新灯具")).told == DONE
    assert (await shown(factory)).data["description"] == "新灯具"


async def test_items_are_disabled_and_enabled(factory: Client) -> None:
    handle = f"{factory.prefix}/1"
    lot = value(2002, "lot", "7")
    disabled = (-2, "属性“旧批号”（索引2002）已禁用")
    assert (await factory.create(handle, name(), lot)).told == disabled
    assert (await amend(factory, {"idIndex": 2002, "idType": "lot", "state": 1})).told == DONE
    assert (await factory.create(handle, name(), lot)).told == DONE
    assert (await amend(factory, {"idIndex": 2002, "idType": "lot", "name": "批号"})).told == DONE
    states = {one["idType"]: one["state"] for one in (await shown(factory)).data["items"]}
    assert states["lot"] == 1, "a state that is not sent stays"
    assert (await amend(factory, {"idIndex": 2002, "idType": "lot", "state": 0})).told == DONE
    assert (await factory.shown(handle))[2002] == "7", "what is registered stays"


async def test_what_the_api_does_not_know_stays(
    live: Live, factory: Client, owner: Enterprise
) -> None:
    path = f"/v1/prefixes/{owner.prefix}/templates"
    items = [
        {"idIndex": 2000, "idType": "power", "name": "功率",
         "metadata": {"type": "number", "minLength": 1, "maxLength": 5}},
        {"idIndex": 2001, "idType": "page", "name": "网页",
         "pattern": "https://example.com/{suffix}"},
        {"idIndex": 2002, "idType": "made", "name": "生产日期", "metadata": {"type": "date"}},
        {"idIndex": 2003, "idType": "part", "name": "部件", "metadata": {"type": "reference"}},
    ]  # fmt: skip
    made = await live.ask("POST", path, key=owner.key, json={"version": "n", "items": items})
    assert made.status == 201
    read = (await shown(factory, "n")).data
    assert {one["metadata"]["type"] for one in read["items"]} == {"string"}
    assert "pattern" not in read["items"][1]
    read["items"][0]["metadata"]["maxLength"] = 6
    assert (await factory.send("PUT", V5, json=read)).told == DONE
    now = (await live.ask("GET", f"{path}/n", key=owner.key)).body["items"]
    assert now[0]["metadata"] == {"type": "number", "minLength": 1, "maxLength": 6}
    assert now[1]["pattern"] == "https://example.com/{suffix}"

    handle = f"{factory.prefix}/SN1"
    for given, told in (
        (value(2000, "power", "two"), "属性“功率”（索引2000）的值应为数字，如12或-0.5"),
        (value(2002, "made", "3/2"), "属性“生产日期”（索引2002）的值应为日期，如2026-03-02"),
        (
            value(2003, "part", "x"),
            "属性“部件”（索引2003）的值应为标识，格式为“前缀/后缀”",
        ),
    ):
        assert (await factory.create(handle, given, templateVersion="n")).told == (-2, told)
    reply = await factory.create(handle, value(2000, "power", "12.50"), templateVersion="n")
    assert reply.told == DONE
    seen = await factory.shown(handle)
    assert seen == {1001: "n", 2000: "12.50", 2001: "https://example.com/SN1"}


async def test_a_template_is_deleted_while_nothing_uses_it(factory: Client) -> None:
    key = {"prefix": factory.prefix, "version": "1.0.0"}
    await factory.create(f"{factory.prefix}/1", name())
    used = (-2, "该数据模板已被标识使用，不能删除，可以禁用其中的属性")
    for path in (V3, V5):
        assert (await factory.send("DELETE", path, json=key)).told == used
    await factory.delete(f"{factory.prefix}/1")
    for path in (V3, V5):
        reply = await factory.send("DELETE", path, json=key)
        assert (reply.told, reply.data) == (DONE, True)
        assert (await factory.send("DELETE", path, json=key)).told == (-2, "数据模板不存在")
        assert (await shown(factory)).told == (-2, "数据模板不存在")
        assert (await factory.template()).told == DONE


async def test_each_enterprise_has_its_own(factory: Client, stranger: Client) -> None:
    other = (-3, "无权访问其他企业的数据")
    mine = {"prefix": factory.prefix, "version": "1.0.0"}
    assert (await stranger.send("GET", V5, params=mine)).told == other
    assert (await stranger.send("POST", V5, json=TEMPLATE | mine)).told == other
    assert (await stranger.send("PUT", V5, json=TEMPLATE | mine)).told == other
    assert (await stranger.send("DELETE", V5, json=mine)).told == other
    unknown = mine | {"prefix": "88.999.1"}
    assert (await factory.send("GET", V5, params=unknown)).told == (-2, "前缀不存在")


async def test_operators_look_but_do_not_write(factory: Client, admin: Client) -> None:
    mine = {"prefix": factory.prefix, "version": "1.0.0"}
    assert (await admin.send("GET", V5, params=mine)).told == DONE
    owners = (-3, "只有前缀所属企业可以执行此操作")
    assert (await admin.send("PUT", V5, json=TEMPLATE | mine)).told == owners


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": "1.0.0"}, "该版本的数据模板已存在"),
        ({"version": None}, "缺少必要的请求参数: version"),
        ({"version": "v" * 128}, None),
        ({"version": "v" * 129}, "请求参数过长: version，最多128个字符"),
        ({"version": "a/b"}, "模板版本不合法：不能包含斜杠，首尾不能有空格"),
        ({"prefix": None}, "缺少必要的请求参数: prefix"),
        ({"prefix": "p" * 65}, "请求参数过长: prefix，最多64个字符"),
        ({"type": 3}, "请求参数取值不正确: type"),
        ({"type": "2"}, None),
        ({"items": None}, "缺少必要的请求参数: items"),
        ({"items": []}, None),
        ({"items": {}}, "请求参数类型不正确: items"),
        ({"description": "d" * 1001}, "请求参数过长: description，最多1000个字符"),
        ({"items": [item(2000, "a"), item(2000, "b")]}, "模板属性索引（idIndex）重复"),
        ({"items": [item(2000, "a"), item(2001, "A", name="乙")]},
         "模板属性英文名称（idType）重复"),
        ({"items": [item(2000, "a"), item(2001, "b", name="属性a")]},
         "模板属性中文名称（name）重复"),
        ({"items": [item(2000, "a"), item(2000, "a")]}, "模板属性重复"),
        ({"items": [item(1999, "a")]}, "模板属性索引（idIndex）应从2000开始"),
        ({"items": [item(2**31, "a")]}, "模板属性索引（idIndex）应从2000开始"),
        ({"items": [item(2000, "a", name=None)]}, "模板属性缺少中文名称（name）"),
        ({"items": [item(2000, "")]}, "缺少必要的请求参数: items[0].idType"),
        ({"items": [item(2000, "t" * 129)]}, "请求参数过长: items[0].idType，最多128个字符"),
        ({"items": [item(2000, "HS_ADMIN")]}, "该英文名称（idType）为系统保留，不能使用"),
        ({"items": [item(2000, "a", state=2)]}, "请求参数取值不正确: items[0].state"),
        ({"items": [item(2000, "a", required="maybe")]}, "请求参数类型不正确: items[0].required"),
        ({"items": [item(2000, "a", metadata={"type": "number"})]},
         "模板属性数据类型（metadata.type）目前只支持string"),
        ({"items": [item(2000, "a", metadata={"minLength": 9, "maxLength": 8})]},
         "最小长度（minLength）不能大于最大长度（maxLength）"),
        ({"items": [item(2000, "a", metadata={"minLength": -1, "maxLength": 8})]},
         "长度限制应在4096以内，且最大长度（maxLength）不小于1"),
        ({"items": [item(2000, "a", metadata={})]}, None),
        ({"items": [item(2000, "a", metadata=None)]}, None),
    ],
)  # fmt: skip
async def test_templates_obey_the_rules(
    factory: Client, changes: dict[str, Any], told: str | None
) -> None:
    reply = await factory.template(**{"version": "2"} | changes)
    assert reply.told == (DONE if told is None else (-2, told))


async def test_amendments_obey_them_too(factory: Client) -> None:
    for given, told in (
        (item(None, "name"), "模板属性英文名称（idType）重复"),
        (item(2000, "other"), "模板属性索引（idIndex）重复"),
        (item(2005, "name", name="新"), "模板属性英文名称（idType）重复"),
    ):
        assert (await amend(factory, given)).told == (-2, told)
    assert (await amend(factory, version="9")).told == (-2, "数据模板不存在")


@pytest.mark.parametrize("path", [V3, V5])
async def test_a_query_names_prefix_and_version(factory: Client, path: str) -> None:
    for query, told in (
        ({}, "缺少必要的请求参数: prefix"),
        ({"prefix": factory.prefix}, "缺少必要的请求参数: version"),
    ):
        assert (await factory.send("GET", path, params=query)).told == (-2, told)


async def test_a_new_rule_binds_what_comes_after(factory: Client) -> None:
    handle = f"{factory.prefix}/1"
    await factory.create(handle, name())
    required = {"idIndex": 2001, "idType": "URL", "required": True}
    assert (await amend(factory, required)).told == DONE
    told = (-2, "属性“产品网址”（索引2001）为必填项")
    assert (await factory.create(f"{factory.prefix}/2", name())).told == told
    assert (await factory.shown(handle))[2000] == "台灯"
    assert (await factory.create(f"{factory.prefix}/2", name(), url())).told == DONE
