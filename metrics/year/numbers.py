"""The numbers of a year, as they are told: plain data with a JSON form."""

from __future__ import annotations

from datetime import date

import msgspec

from metrics.counting.reason import Reason

# What the report calls the links of the chain, in its order.
TITLES = {
    Reason.LATE: "结账后才到达的请求",
    Reason.NOT_FOUND: "标识不存在或已注销",
    Reason.NO_VALUES: "有标识而无所查内容",
    Reason.REFUSED: "拒绝访问",
    Reason.FAILED: "出错",
    Reason.ELSEWHERE: "递归解析的他节点标识",
    Reason.OPERATOR: "运营方密钥",
    Reason.OWNER: "标识所属企业自身",
    Reason.CONSOLE: "本节点命令行与门户",
    Reason.PROBE: "健康检查与国家顶级节点探测",
    Reason.CANARY: "探测用标识",
    Reason.LOAD_TEST: "压力测试",
    Reason.ROBOT: "公开名单上的爬虫",
    Reason.REPEAT: "30 秒内的重复请求",
}


class Link(msgspec.Struct, frozen=True):
    """What one reason takes off."""

    reason: str
    title: str
    requests: int


class Registrations(msgspec.Struct, frozen=True, kw_only=True):
    """`gross` counts each identifier in the year of its first registration. `deleted` are those of
    the gross that were withdrawn by the year's end, `deleted_all` also older ones. `related` are
    those of the gross by related parties, marked so on any day of the year. `resolved` are those of
    the gross of which at least one request was counted in the year, after all exclusions, each once
    (年内新增标识中，年内至少有一次解析计入的个数); null where they were not looked through."""

    gross: int
    deleted: int
    net: int
    imported: int
    revived: int
    deleted_all: int
    related: int
    unrelated: int
    total: int
    resolved: int | None
    by_method: dict[str, int]
    by_industry: dict[str, int]


class Resolutions(msgspec.Struct, frozen=True, kw_only=True):
    """received − all links = counted. `answered` sums up the national 单日解析成功响应量, in which
    robots and repeats are. `unrelated` is counted without the prefixes of related parties.
    `identifiers` are the different identifiers of which at least one request was counted in the
    year, whenever they were registered, each once (年内有解析计入的不同标识的个数)."""

    received: int
    chain: list[Link]
    answered: int
    counted: int
    unrelated: int
    daily_mean: str  # counted by the days of the year so far, two decimals
    identifiers: int


class Day(msgspec.Struct, frozen=True):
    day: date
    created: int
    deleted: int  # less revived, of those new in the same year
    received: int
    answered: int
    counted: int


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one enterprise has part in."""

    enterprise_id: int
    name: str
    prefixes: list[str]
    industry: str
    related: bool
    created: int
    counted: int


class Network(msgspec.Struct, frozen=True):
    """Where counted requests came from, cut to /24 or /48."""

    network: str
    requests: int
    counted: int


class Flag(msgspec.Struct, frozen=True):
    """What a person should look at. It takes nothing off."""

    flag: str
    text: str


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers rest on."""

    definitions: str
    robots: str
    robots_sha256: str
    window_seconds: str
    time_zone: str


class YearNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """Of closed days alone; `through` is the last of them, null where there is none."""

    year: int
    through: date | None
    complete: bool
    rules: Rules
    registrations: Registrations
    resolutions: Resolutions
    days: list[Day]
    enterprises: list[Share]
    networks: list[Network]
    flags: list[Flag]
