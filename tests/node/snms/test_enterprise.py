"""Enterprises: pages of them, one, and applications."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import pytest

from registry.access.actor import console
from tests.node.live import OTHER, SUBJECT, Enterprise, Live
from tests.node.snms.client import Client, Reply, client_of, name

DONE = (1, "success")
PAGE, DETAIL, APPLY = (f"/snms/api/v3/ent/{last}" for last in ("page", "detail", "apply"))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# As the field's own form is filled in: much of it is not for this node.
FORM: dict[str, Any] = {
    "sysUser": {
        "userName": "lamps",
        "password": sha256("a secret"),
        "email": "it@example.com",
        "mobile": "13165157233",
        "remarks": "",
    },
    "entBasicInfo": {
        "orgName": "中山市某某照明有限公司",
        "orgNature": 2,
        "orgAddr": "广东省中山市古镇镇某路1号",
        "orgAddrProvince": "440000",
        "orgAddrCity": "442000",
        "orgCrtType": 1,
        "orgCrtCode": "91110108589104047H",
        "orgCrtImgRid": 7,
        "industryCategory": "C",
        "industrySpecific": "38",
        "website": "www.example.com",
        "regCapital": 1200,
        "contactName": "张三",
        "contactCrtType": 1,
        "contactCrtNo": "412724197805022136",
        "contactEmail": "zhangsan@example.com",
        "contactPhone": "13965757203",
        "legalName": "王五",
        "legalCrtType": 1,
        "legalCrtNo": "412724197805022136",
        "entPrefix": "88.118.12312",
    },
    "entRegisterManageInfo": {"entInfoSyses": [{"sysType": 2, "deployMode": 2}]},
}


async def apply(client: Client, user: dict[str, Any] | None = None, **basic: Any) -> Reply:
    form = copy.deepcopy(FORM)
    form["entBasicInfo"] |= basic
    form["sysUser"] |= user or {}
    return await client.send("POST", APPLY, json=form)


@pytest.fixture
async def client(live: Live, owner: Enterprise) -> Client:
    return await client_of(live, "mes", owner)


async def test_an_applicant_gets_everything_after_review(live: Live, admin: Client) -> None:
    reply = await apply(admin)
    assert (reply.http, reply.told) == (200, DONE)
    number = reply.data
    assert isinstance(number, int)
    client = Client(live.session, live.url, "lamps", "a secret", prefix="88.118.12312")
    client = await client.log_in()
    shown = (await client.send("GET", DETAIL)).data
    assert shown == {
        "id": number,
        "entBasicInfo": {
            "orgName": "中山市某某照明有限公司",
            "orgCrtCode": "91110108589104047H",
            "orgAddr": "广东省中山市古镇镇某路1号",
            "industryCategory": "C",
            "industrySpecific": "38",
            "website": "http://www.example.com",
            "contactName": "张三",
            "contactPhone": "13965757203",
            "contactEmail": "zhangsan@example.com",
            "legalName": "王五",
            "entPrefix": "88.118.12312",
            "orgCrtType": "1",
            "orgNature": None,
            "orgDesc": None,
        },
        "entRegisterManageInfo": None,
        "entHostingAndIdentifyServeInfo": None,
    }
    waiting = await client.send("GET", "/snms/api/prefix/query", params={"prefix": "88.118.12312"})
    assert waiting.data["status"] == 4
    assert (await client.template()).told == DONE
    unverified = (-2, "企业尚未通过实名核验")
    assert (await client.create("88.118.12312/1", name())).told == unverified

    wiring = live.node.wiring
    await wiring.enterprises.verify(console(), number, "营业执照原件核对")
    await wiring.prefixes.approve(console(), "88.118.12312")
    await wiring.prefixes.settle_review(console(), "88.118.12312", True, "")
    assert (await client.create("88.118.12312/1", name())).told == DONE


async def test_prefix_and_user_need_not_be_named(admin: Client) -> None:
    form = {"entBasicInfo": FORM["entBasicInfo"] | {"entPrefix": "", "industrySpecific": None}}
    number = (await admin.send("POST", APPLY, json=form)).data
    shown = (await admin.send("GET", DETAIL, params={"id": number})).data["entBasicInfo"]
    assert (shown["entPrefix"], shown["industrySpecific"]) == (None, None)


async def test_certificates_of_persons_are_not_kept(live: Live, admin: Client) -> None:
    await apply(admin)
    async with live.node.wiring.database.connection() as connection:
        stored = await connection.fetchval("SELECT string_agg(e::text, ' ') FROM enterprise e")
    assert "412724197805022136" not in stored


async def test_all_of_it_or_nothing(live: Live, admin: Client, owner: Enterprise) -> None:
    other = OTHER["credit_code"]
    for told, reply in (
        ("前缀已被占用", await apply(admin, orgCrtCode=other, entPrefix=owner.prefix)),
        ("用户名已存在", await apply(admin, {"userName": "admin"}, orgCrtCode=other)),
        ("该企业已提交过申请", await apply(admin)),
    ):
        assert (reply.http, reply.told, reply.data) == (200, (-2, told), None)
    listed = (await admin.send("GET", PAGE)).data
    assert [row["id"] for row in listed["content"]] == [owner.enterprise_id]
    prefixes = (await admin.send("GET", "/snms/api/prefix/page")).data
    assert prefixes["totalElements"] == 1
    assert (await apply(admin, orgCrtCode=other)).told == DONE
    assert (await apply(admin, orgCrtCode=other)).told == (-2, "该企业已提交过申请")


async def test_only_operators_enter_enterprises(live: Live, client: Client) -> None:
    assert (await apply(client)).told == (-3, "只有管理员可以执行此操作")
    anonymous = Client(live.session, live.url, "", "")
    assert (await apply(anonymous)).told == (-1, "未登录或token已失效，请重新获取token")


@pytest.mark.parametrize(
    ("basic", "told"),
    [
        ({"orgName": None}, "缺少必要的请求参数: entBasicInfo.orgName"),
        ({"orgName": "n" * 129}, "单位名称过长，最多128个字符"),
        ({"orgName": "n" * 256}, "请求参数过长: entBasicInfo.orgName，最多255个字符"),
        ({"orgName": " 某公司"}, "单位名称首尾不能有空格"),
        ({"orgName": "某\t公司"}, "单位名称包含不可见字符"),
        ({"orgCrtType": 2}, "单位证件类型（orgCrtType）目前只支持1（统一社会信用代码）"),
        ({"orgCrtType": "1"}, None),
        ({"orgCrtType": None}, "缺少必要的请求参数: entBasicInfo.orgCrtType"),
        ({"orgCrtCode": "911101085891040470"}, "统一社会信用代码校验位不正确"),
        ({"orgCrtCode": "123"}, "统一社会信用代码格式不正确"),
        ({"contactPhone": "x"}, "联系人手机格式不正确"),
        ({"contactEmail": "x"}, "联系人邮箱格式不正确"),
        ({"industryCategory": "Z"}, "所属行业格式不正确"),
        ({"industrySpecific": "99"}, "所属行业格式不正确"),
        ({"website": "not a site"}, "官方网站格式不正确"),
        ({"website": ""}, None),
        ({"website": "https://example.com"}, None),
        ({"entPrefix": "88.119.1"}, "企业前缀格式不正确，应为“本节点前缀.数字”"),
        ({"entPrefix": "88.118"}, "企业前缀格式不正确，应为“本节点前缀.数字”"),
        ({"entPrefix": "88.118.1.2"}, "企业前缀格式不正确，应为“本节点前缀.数字”"),
        ({"entPrefix": "88.118.x"}, "企业前缀格式不正确，应为“本节点前缀.数字”"),
        ({"entPrefix": "88.118." + "1" * 40}, None),
        ({"entPrefix": "88.118." + "1" * 41}, "企业前缀格式不正确，应为“本节点前缀.数字”"),
        ({"entPrefix": "8" * 65}, "请求参数过长: entBasicInfo.entPrefix，最多64个字符"),
    ],
)
async def test_the_form_is_checked(admin: Client, basic: dict[str, Any], told: str | None) -> None:
    assert (await apply(admin, **basic)).told == (DONE if told is None else (-2, told))


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ({"userName": None}, "缺少必要的请求参数: sysUser.userName"),
        ({"userName": "n" * 51}, "请求参数过长: sysUser.userName，最多50个字符"),
        ({"userName": " n"}, "用户名不合法"),
        ({"password": "a secret"}, "密码应为SHA-256摘要（64位十六进制）"),
        ({"password": sha256("x").upper()}, None),
    ],
)
async def test_so_is_the_user(admin: Client, user: dict[str, Any], told: str | None) -> None:
    assert (await apply(admin, user)).told == (DONE if told is None else (-2, told))


async def test_a_form_without_its_main_part_is_none(admin: Client) -> None:
    reply = await admin.send("POST", APPLY, json={"sysUser": FORM["sysUser"]})
    assert reply.told == (-2, "缺少必要的请求参数: entBasicInfo")


async def test_an_enterprise_sees_itself_and_an_operator_all(
    live: Live, client: Client, admin: Client, owner: Enterprise
) -> None:
    other = await live.enterprise(OTHER)
    (row,) = (await client.send("GET", PAGE)).data["content"]
    assert row.pop("createDate") <= row.pop("updateDate")
    assert row == {
        "id": owner.enterprise_id,
        "orgName": SUBJECT["name"],
        "orgCrtCode": SUBJECT["credit_code"],
        "website": None,
        "orgCrtType": "1",
        "orgNature": None,
        "orgDesc": None,
        "entGeneralId": None,
        "openIds": [],
    }
    foreign = await client.send("GET", DETAIL, params={"id": other.enterprise_id})
    assert foreign.told == (-3, "无权访问其他企业的数据")
    both = (await admin.send("GET", PAGE)).data
    assert [row["id"] for row in both["content"]] == [other.enterprise_id, owner.enterprise_id]
    named = (await admin.send("GET", PAGE, params={"orgName": "另一家"})).data
    assert [row["id"] for row in named["content"]] == [other.enterprise_id]
    assert (await admin.send("GET", DETAIL, params={"id": other.enterprise_id})).told == DONE


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("999", "企业不存在"),
        ("0", "企业不存在"),
        ("2147483647", "企业不存在"),
        ("2147483648", "请求参数类型不正确: id"),
        ("-1", "请求参数类型不正确: id"),
        ("x", "请求参数类型不正确: id"),
        ("", "缺少必要的请求参数: id"),
    ],
)
async def test_an_operator_names_one(admin: Client, number: str, told: str) -> None:
    assert (await admin.send("GET", DETAIL, params={"id": number})).told == (-2, told)
