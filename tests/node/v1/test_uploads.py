"""Uploads over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from node.app import UPLOADS_EACH
from node.settings import Settings
from tests.node.live import OTHER, Enterprise, Live, Reply, until
from tests.node.v1.test_jobs import ended
from tests.registry.table.workbook import sheet, workbook

CSV = "标识后缀,详情网址,规格\nSN1,https://e/1,12W\nSN2,,\n".encode()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, upload_mebibytes=1)


async def add(
    live: Live, owner: Enterprise, data: Any = CSV, options: Any = None, **more: Any
) -> Reply:
    form = aiohttp.FormData(quote_fields=False)
    if options is not None:
        text = options.decode() if isinstance(options, bytes) else json.dumps(options)
        form.add_field("options", text)
    form.add_field("file", data, filename=more.pop("filename", "产品.csv"))
    path = f"/v1/prefixes/{owner.prefix}/uploads"
    return await live.ask("POST", path, key=more.pop("key", owner.key), data=form, **more)


async def test_a_file_is_accepted_and_registered(live: Live, owner: Enterprise) -> None:
    reply = await add(live, owner)
    assert reply.status == 202, reply.body
    job = reply.body
    assert reply.headers["Location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["kind"], job["name"], job["total"]) == ("upload", "产品.csv", 2)
    job = await ended(live, owner, job["job_id"])
    assert (job["state"], job["created"], job["refused"]) == ("done", 2, 0)
    resolved = await live.ask("GET", f"/v1/resolve/{owner.prefix}/SN1")
    assert [value["type"] for value in resolved.body["values"]] == ["URL", "规格"]


async def test_options(live: Live, owner: Enterprise) -> None:
    options = {"columns": {"b": {"role": "suffix"}}, "delimiter": ";", "encoding": "gb18030"}
    reply = await add(live, owner, "a;b\n灯;SN1\n".encode("gbk"), options)
    job = await ended(live, owner, reply.body["job_id"])
    assert (job["state"], job["created"]) == ("done", 1)
    shown = await live.ask("GET", f"/v1/identifiers/{owner.prefix}/SN1", key=owner.key)
    assert shown.body["values"] == []


async def test_a_workbook(live: Live, owner: Enterprise) -> None:
    data = workbook(One=sheet([["suffix"], ["00123"], [7]]))
    job = await ended(live, owner, (await add(live, owner, data)).body["job_id"])
    assert (job["state"], job["created"]) == ("done", 2)
    assert (await live.ask("GET", f"/v1/resolve/{owner.prefix}/00123")).status == 200


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("C:\\Users\\li\\产品.csv", "产品.csv"),
        ("../../etc/passwd", "passwd"),
        ("x" * 300, "x" * 255),
    ],
)
async def test_names_of_files(live: Live, owner: Enterprise, filename: str, shown: str) -> None:
    assert (await add(live, owner, filename=filename)).body["name"] == shown


async def test_the_same_key_again_makes_no_second_job(live: Live, owner: Enterprise) -> None:
    headers = {"Idempotency-Key": "file-1"}
    first = await add(live, owner, headers=headers)
    again = await add(live, owner, headers=headers)  # with another boundary
    assert (again.status, again.body) == (202, first.body)
    other = await add(live, owner, CSV + b"SN3,,\n", headers=headers)
    assert (other.status, other.body["rule"]) == (409, "idempotency-key-reused")
    other = await add(live, owner, options={"revive": True}, headers=headers)
    assert other.status == 409


@pytest.mark.parametrize(
    ("data", "options", "status", "rule"),
    [
        (b"", None, 422, "empty-file"),
        (b"a,b\n\xff\xff", None, 422, "encoding"),
        (b"\xd0\xcf\x11\xe0", None, 422, "file-kind"),
        (CSV, b"{", 422, "json-syntax"),
        (CSV, {"colour": "red"}, 422, "json-type"),
        (CSV, {"columns": {"a": {"role": "king"}}}, 422, "json-type"),
        (CSV, {"encoding": "latin-1"}, 422, "json-type"),
        (CSV, b"[" * 300_000, 413, "options-limit"),
        (b"x" * (1024 * 1024 + 1), None, 413, "file-limit"),
    ],
)
async def test_what_is_no_upload(
    live: Live, owner: Enterprise, data: bytes, options: Any, status: int, rule: str
) -> None:
    reply = await add(live, owner, data, options)
    assert (reply.status, reply.body["rule"]) == (status, rule), reply.body
    assert (await live.ask("GET", "/v1/jobs", key=owner.key)).body["items"] == []


async def test_forms_that_are_none(live: Live, owner: Enterprise) -> None:
    path = f"/v1/prefixes/{owner.prefix}/uploads"
    form = aiohttp.FormData({"options": "{}"})
    form.add_field("other", b"x", filename="x")
    two = aiohttp.FormData()
    for _ in range(2):
        two.add_field("file", CSV, filename="x.csv")
    with aiohttp.MultipartWriter("form-data") as inner, aiohttp.MultipartWriter("form-data") as out:
        inner.append("x")
        out.append(inner)
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    for options, rule in (
        ({"json": {}}, "content-type"),
        ({"data": CSV}, "content-type"),
        ({"data": form}, "form-part"),
        ({"data": two}, "form-part"),
        ({"data": out}, "form-part"),
        ({"data": aiohttp.FormData({"options": "{}"}, default_to_multipart=True)}, "file-needed"),
        ({"data": b"garbage", "headers": multipart}, "body-broken"),
        ({"data": b"--b\r\n", "headers": multipart}, None),
        ({"data": b"--b\r\n\r\nx", "headers": multipart}, None),
        ({"data": b"", "headers": {"Content-Type": "multipart/form-data"}}, "body-broken"),
        ({"data": CSV, "headers": {"Content-Type": "text/csv"}}, "content-type"),
    ):
        reply = await live.ask("POST", path, key=owner.key, **options)
        assert reply.status == 422, reply.body
        assert rule in (None, reply.body["rule"]), reply.body
    assert (await live.ask("GET", "/v1/jobs", key=owner.key)).body["items"] == []


async def test_who_may_upload_is_asked_before_the_file_is_read(
    live: Live, owner: Enterprise
) -> None:
    other = await live.enterprise(OTHER)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0.01)

    for key, status in ((other.key, 403), (live.operator, 403), (None, 401)):
        with contextlib.suppress(aiohttp.ClientError):  # the node may close it while we write
            assert (await add(live, owner, endless(), key=key)).status == status
    assert (await live.ask("GET", "/v1/jobs", key=owner.key)).body["items"] == []


async def test_an_upload_that_breaks_off_is_none(live: Live, owner: Enterprise) -> None:
    url = live.url.removeprefix("http://")
    host, _, port = url.partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v1/prefixes/{owner.prefix}/uploads HTTP/1.1\r\nHost: {url}\r\n"
        f"Authorization: Bearer {owner.key}\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n'.encode()
    )
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.1)
    assert (await live.ask("GET", "/v1/jobs", key=owner.key)).body["items"] == []


async def test_no_more_than_a_few_come_in_at_once(live: Live, owner: Enterprise) -> None:
    more = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield CSV
        await more.wait()

    waiting = [asyncio.create_task(add(live, owner, slow())) for _ in range(UPLOADS_EACH)]
    reception = live.node.wiring.reception
    await until(lambda: reception.count == UPLOADS_EACH or any(map(asyncio.Task.done, waiting)))
    assert not [task.result().body for task in waiting if task.done()]
    refused = await add(live, owner)
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "10"
    more.set()
    assert [reply.status for reply in await asyncio.gather(*waiting)] == [202] * UPLOADS_EACH
    assert (await add(live, owner)).status == 202
