"""Exports: all of a prefix, what each reader sees of it, and the way back through the stream."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from node.v1 import exports as module
from registry.query import export, store
from tests.node.live import OTHER, Enterprise, Live
from tests.node.refused import refused

NDJSON = {"Content-Type": "application/x-ndjson"}
TEMPLATE = {
    "version": "lamp",
    "items": [
        {"idIndex": 2000, "idType": "PAGE", "name": "网页", "pattern": "https://e/{suffix:url}"},
        {"idIndex": 2001, "idType": "COLOUR", "name": "颜色", "searchable": True},
        {"idIndex": 2002, "idType": "PRICE", "name": "价格", "visibility": "private"},
        {"idIndex": 2003, "idType": "REPORT", "name": "报告", "visibility": "granted"},
        {"idIndex": 2004, "idType": "STATE", "name": "状态", "default": "在产"},
    ],
}


def value(index: int, type_: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"index": index, "type": type_, "data": data, **more}


RECORDS: dict[str, dict[str, Any]] = {
    "EMPTY": {},
    "plain-1": {"values": [value(1, "URL", "https://e/1"), value(2, "名称", "吊灯,\"白\"\n=1+1")]},
    "secret": {
        "values": [
            value(1, "URL", "=cmd()", ttl=60),
            value(2, "COST", "17", permissions="1100"),
            value(3, "DEEP", "x", permissions="0000"),
            value(300, "HS_SECKEY", "geheim"),
            value(100, "HS_ADMIN", {
                "format": "admin",
                "value": {"handle": "88.9/A", "index": 300, "permissions": "011111110011"},
            }),
        ]
    },
    "灯/一": {"template": "lamp", "attributes": {"COLOUR": "白", "PRICE": "12", "REPORT": "合格"}},
    "lamp-2": {
        "template": "lamp",
        "attributes": {"PAGE": "https://own/2"},
        "values": [value(7, "NOTE", "自带")],
    },
    "zero": {"values": [value(1, "EMOJI", "😀𠮷")]},
}  # fmt: skip


@pytest.fixture
async def stock(live: Live, owner: Enterprise) -> Enterprise:
    await register(live, owner, RECORDS)
    gone = f"/v1/identifiers/{owner.prefix}/zz-gone"
    assert (await live.ask("PUT", gone, key=owner.key, json={"values": []})).status == 201
    assert (await live.ask("DELETE", gone, key=owner.key)).status == 200
    return owner


async def register(live: Live, owner: Enterprise, records: dict[str, dict[str, Any]]) -> None:
    path = f"/v1/prefixes/{owner.prefix}/templates"
    assert (await live.ask("POST", path, key=owner.key, json=TEMPLATE)).status == 201
    items = [{"handle": f"{owner.prefix}/{name}"} | content for name, content in records.items()]
    reply = await live.ask("POST", "/v1/identifiers", key=owner.key, json=items)
    assert reply.body["totals"] == {"created": len(records)}, reply.body


async def exported(live: Live, stock: Enterprise, key: str, query: str = "") -> str:
    path = f"/v1/prefixes/{stock.prefix}/identifiers.ndjson{query}"
    headers = {"Authorization": f"Bearer {key}"}
    async with live.session.get(live.url + path, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "application/x-ndjson"
        return await response.text()


async def sent(live: Live, key: str, text: str) -> list[dict[str, Any]]:
    """The verdicts on a stream of registrations."""
    headers = NDJSON | {"Authorization": f"Bearer {key}"}
    url = f"{live.url}/v1/identifiers"
    async with live.session.post(url, data=text.encode(), headers=headers) as response:
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.05)


def read(text: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The records by their suffixes, and the last line."""
    lines = [json.loads(line) for line in text.splitlines()]
    records = {line["handle"].partition("/")[2]: line for line in lines[:-1]}
    assert len(records) == len(lines) - 1
    return records, lines[-1]


def types(record: dict[str, Any]) -> dict[str, Any]:
    return {one["type"]: one["data"]["value"] for one in record["values"]}


async def test_the_owner_sees_all_but_what_nobody_may_read(live: Live, stock: Enterprise) -> None:
    records, end = read(await exported(live, stock, stock.key))
    assert end == {"type": "export", "identifiers": len(RECORDS), "complete": True}
    assert list(records) == sorted(RECORDS, key=str.upper)
    assert records["EMPTY"]["values"] == []
    admin = {"handle": "88.9/A", "index": 300, "permissions": "011111110011"}
    assert types(records["secret"]) == {
        "URL": "=cmd()", "COST": "17", "HS_ADMIN": admin, "HS_SECKEY": "geheim",
    }  # fmt: skip
    assert records["secret"]["values"][0]["ttl"] == 60
    assert records["灯/一"]["template"] == "lamp"
    assert types(records["灯/一"]) == {
        "PAGE": "https://e/%E7%81%AF%2F%E4%B8%80", "COLOUR": "白", "PRICE": "12",
        "REPORT": "合格", "STATE": "在产",
    }  # fmt: skip
    assert types(records["lamp-2"]) == {"NOTE": "自带", "PAGE": "https://own/2", "STATE": "在产"}
    assert "registered_at" not in records["zero"]
    dated, _ = read(await exported(live, stock, stock.key, "?dates=true"))
    assert dated["zero"]["registered_at"].startswith("20")


async def test_an_operator_sees_what_anyone_may_read(live: Live, stock: Enterprise) -> None:
    text = await exported(live, stock, live.operator)
    records, end = read(text)
    assert (len(records), end["complete"]) == (len(RECORDS), True)
    assert set(types(records["secret"])) == {"URL", "HS_ADMIN"}
    assert set(types(records["灯/一"])) == {"PAGE", "COLOUR", "STATE"}
    for hidden in ("geheim", "合格", '"12"', '"17"'):
        assert hidden not in text


async def test_who_may_not_list_may_not_export(live: Live, stock: Enterprise) -> None:
    """Not even an enterprise that holds a grant: it reads items of records it knows of."""
    stranger = await live.enterprise(OTHER)
    grant = {"enterprise_id": stranger.enterprise_id}
    path = f"/v1/prefixes/{stock.prefix}/grants"
    assert (await live.ask("POST", path, key=stock.key, json=grant)).status == 201
    for form in ("ndjson", "csv"):
        path = f"/v1/prefixes/{stock.prefix}/identifiers.{form}"
        refused(await live.ask("GET", path, key=stranger.key), 403, "not-permitted")
        refused(await live.ask("GET", path), 401, "not-authenticated")
        path = f"/v1/prefixes/88.118.999/identifiers.{form}"
        refused(await live.ask("GET", path, key=stock.key), 404, "prefix-not-found")


async def test_a_key_that_may_not_register_exports_what_is_public(
    live: Live, stock: Enterprise
) -> None:
    wish = {"label": "reads", "scopes": ["manage"], "enterprise_id": stock.enterprise_id}
    made = await live.ask("POST", "/v1/keys", key=stock.key, json=wish | {"role": "enterprise"})
    assert made.status == 201, made.body
    records, _ = read(await exported(live, stock, made.body["secret"]))
    assert set(types(records["secret"])) == {"URL", "HS_ADMIN"}


async def test_sent_back_as_it_is_an_export_changes_nothing(live: Live, stock: Enterprise) -> None:
    text = await exported(live, stock, stock.key)
    *verdicts, summary = await sent(live, stock.key, text)
    told = [verdict for verdict in verdicts if verdict["type"] == "refused"]
    # A value that not even administrators may read is in no export, so that is other content.
    assert [verdict["handle"].partition("/")[2] for verdict in told] == ["secret"]
    assert summary["totals"] == {
        "created": 0, "unchanged": len(RECORDS) - 1, "revived": 0, "refused": 1,
    }  # fmt: skip
    assert await exported(live, stock, stock.key) == text


async def test_sent_to_another_prefix_it_makes_the_same_records(
    live: Live, stock: Enterprise
) -> None:
    other = await live.enterprise(OTHER)
    path = f"/v1/prefixes/{other.prefix}/templates"
    assert (await live.ask("POST", path, key=other.key, json=TEMPLATE)).status == 201
    text = (await exported(live, stock, stock.key)).replace(
        f'"{stock.prefix}/', f'"{other.prefix}/'
    )
    summary = (await sent(live, other.key, text))[-1]
    assert (summary["totals"]["created"], summary["totals"]["refused"]) == (len(RECORDS), 0)
    ours, _ = read(await exported(live, stock, stock.key))
    theirs, _ = read(await exported(live, other, other.key))
    for name in RECORDS:
        assert types(ours[name]) == types(theirs[name])
        assert ours[name].get("template") == theirs[name].get("template")


async def test_an_export_that_broke_off_is_not_taken_for_a_whole_one(
    live: Live, stock: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_rows, calls = export.store.rows, 0

    async def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise asyncpg.PostgresConnectionError("away")
        return await read_rows(*arguments, **options)

    monkeypatch.setattr(export, "PART_RECORDS", 2)
    monkeypatch.setattr(export.store, "rows", failing)
    text = await exported(live, stock, stock.key)
    monkeypatch.undo()
    records, end = read(text)
    assert (len(records), end["identifiers"], end["complete"]) == (4, 4, False)
    assert end["problem"]["type"].endswith("unavailable")
    told = await sent(live, stock.key, text)
    rules = [one["problem"]["rule"] for one in told if one["type"] == "refused"]
    assert "export-incomplete" in rules


async def test_parts_are_bounded_and_what_changes_meanwhile_is_taken_as_it_is(
    live: Live, stock: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 4)
    monkeypatch.setattr(export, "PART_BYTES", 200)
    monkeypatch.setattr(store, "WALK", 2)
    records, end = read(await exported(live, stock, stock.key))
    assert (len(records), end["complete"]) == (len(RECORDS), True)
    records, end = read(await exported(live, stock, stock.key, "?starts_with=LAMP&template=lamp"))
    assert list(records) == ["lamp-2"]
    assert end["identifiers"] == 1


async def test_csv(live: Live, stock: Enterprise) -> None:
    path = f"/v1/prefixes/{stock.prefix}/identifiers.csv"
    headers = {"Authorization": f"Bearer {stock.key}"}
    async with live.session.get(live.url + path, headers=headers) as response:
        raw = await response.read()
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        name = quote(f"{stock.prefix}.csv", safe="")
        assert response.headers["Content-Disposition"].endswith(f"UTF-8''{name}")
    head, *rows, last = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert raw.startswith(b"\xef\xbb\xbf")
    assert head == list(module.COLUMNS)
    assert last == [module.END, str(len(RECORDS))]
    cells = {(row[0].partition("/")[2], row[5]): row for row in rows}
    assert cells["plain-1", "名称"][7] == '吊灯,"白"\n=1+1'
    assert cells["secret", "URL"][7:] == ["'=cmd()", "60", "1110"]
    assert cells["secret", "HS_SECKEY"][9] == "1100"
    assert cells["灯/一", "COLOUR"][3:5] == ["lamp", "2001"]
    assert cells["zero", "EMOJI"][7] == "😀𠮷"
    assert cells["EMPTY", ""][4:] == [""] * 6
    public = (await live.ask("GET", path, key=live.operator)).body
    assert "geheim" not in public
    assert "合格" not in public


async def test_only_so_many_exports_at_once(live: Live, stock: Enterprise) -> None:
    path = f"/v1/prefixes/{stock.prefix}/identifiers.csv"
    places = live.node.wiring.exporting
    name = f"key:{stock.key.split('_')[1]}"
    with places.place(name), places.place(name):
        reply = await live.ask("GET", path, key=stock.key)
        refused(reply, 429, "too-many-requests")
        assert int(reply.headers["Retry-After"]) > 0
    assert (await live.ask("GET", path, key=stock.key)).status == 200


async def test_a_client_that_takes_nothing_holds_no_connection_and_is_given_up(
    live: Live, stock: Enterprise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    long = value(1, "LONG", "x" * 60_000)
    items = [{"handle": f"{stock.prefix}/long-{number}", "values": [long]} for number in range(200)]
    await live.ask("POST", "/v1/identifiers", key=stock.key, json=items)
    host, port = live.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    path = f"/v1/prefixes/{stock.prefix}/identifiers.ndjson"
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stock.key}\r\n\r\n".encode()
    )
    places = live.node.wiring.exporting
    async with asyncio.timeout(60):
        await until(lambda: places.count == 1)
        await until(lambda: places.count == 0)
    writer.close()
    assert (await live.ask("GET", "/v1/resolve/" + f"{stock.prefix}/EMPTY")).status == 200
