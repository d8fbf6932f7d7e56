"""Uploads: every row gets its verdict, wherever a worker stops and another goes on."""

from __future__ import annotations

import io

import pytest

from registry.errors import PrefixNotActive
from registry.identifier import Identifier
from registry.job.job import JobState
from registry.record.registration import Method, Registration
from registry.sealing import SealingKeyUnfit
from registry.table.column import ColumnWish, Role
from registry.table.dialect import InvalidTable
from registry.upload.parts import PART, Parts
from registry.upload.upload import UploadOptions, examine
from tests.registry.job.conftest import counted, ended, suffixes, until_done, values
from tests.registry.table.workbook import sheet, workbook

CSV = "标识后缀,详情网址,规格\nSN1,https://e/1,12W\nSN2,,\n".encode()


def table(count: int, start: int = 1) -> bytes:
    rows = [f"SN{n:06d},https://example.com/{n},灯{n}" for n in range(start, start + count)]
    return "\r\n".join(["suffix,url,名称", *rows]).encode()


async def stored(catalogue, holder, suffix):
    view = await catalogue.view(holder.actor, Identifier(holder.prefix, suffix))
    return [(value.index, value.type, value.data.value) for value in view.listed]


def outcomes(job):
    return job.created, job.unchanged, job.revived, job.refused


async def test_the_rows_of_a_file_are_registered(run, lamps, database, catalogue):
    job = await run(lamps, CSV, name="灯具.csv")
    assert (job.state, job.name, outcomes(job)) == (JobState.DONE, "灯具.csv", (2, 0, 0, 0))
    assert (job.total, job.done) == (2, 2)
    assert await suffixes(database) == ["SN1", "SN2"]
    assert await stored(catalogue, lamps, "SN1") == [
        (1, "URL", "https://e/1"),
        (2000, "规格", "12W"),
    ]
    assert await stored(catalogue, lamps, "SN2") == []
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT method FROM batch") == Method.UPLOAD
    assert await counted(database) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "gbk"])
async def test_encodings(run, lamps, catalogue, encoding):
    job = await run(lamps, CSV.decode().encode(encoding))
    assert outcomes(job) == (2, 0, 0, 0)
    assert (2000, "规格", "12W") in await stored(catalogue, lamps, "SN1")


async def test_the_file_again_is_unchanged(run, lamps, database):
    await run(lamps, table(2500))
    job = await run(lamps, table(2500))
    assert (job.state, outcomes(job)) == (JobState.DONE, (0, 2500, 0, 0))
    assert await counted(database) == 2500


async def test_bad_rows_harm_no_neighbour(run, lamps, jobs, database, registrar):
    await registrar.create(
        lamps.actor,
        [Registration(Identifier(lamps.prefix, "THERE"), values(URL="other"))],
        Method.SINGLE,
    )
    rows = [
        ("GOOD1,u", None),
        (",u", "suffix-empty"),
        ("x" * 250 + ",u", "too-long"),
        ("GOOD2,u", None),
        ("SHORT", "ragged-row"),
        ("LONG,u,v", "ragged-row"),
        ('QUOTED,"u"x', "csv-syntax"),
        ("1.5E+17,u", "number-notation"),
        ("THERE,u", "identifier-exists"),
        ("GOOD1,w", "identifier-exists"),
        ("good1,u", None),  # the same identifier with the same content
        ("BIG," + "x" * 70_000, "data-too-large"),
        ("A\x01B,u", "control-character"),
        (",,,", None),  # blank
        ("GOOD3,u", None),
    ]
    data = "\n".join(["suffix,url", *(row for row, _ in rows)]).encode()
    job = await run(lamps, data, chunk=4)
    refusals = await jobs.refusals(lamps.actor, job.job_id, 0, 100)
    assert [(one.line, one.rule) for one in refusals] == [
        (line, rule) for line, (_, rule) in enumerate(rows, start=2) if rule
    ]
    assert outcomes(job) == (3, 1, 0, 10)
    assert await suffixes(database) == ["GOOD1", "GOOD2", "GOOD3", "THERE"]
    assert job.done == job.total == 14


async def test_columns_as_wished(run, lamps, catalogue):
    columns = {
        "序列号": ColumnWish(role=Role.SUFFIX),
        "密钥": ColumnWish(role=Role.VALUE, index=3, type="HS_SECKEY"),
    }
    job = await run(lamps, "成本,序列号,密钥\n9.5,SN1,geheim\n".encode(), columns=columns)
    assert outcomes(job) == (1, 0, 0, 0)
    assert await stored(catalogue, lamps, "SN1") == [(3, "HS_SECKEY", "geheim")]


async def test_what_is_uploaded_is_sealed(add, lamps, database):
    await add(lamps, table(50))
    async with database.connection() as connection:
        parts = await connection.fetch("SELECT part FROM upload_part")
        row = await connection.fetchrow("SELECT parameters, content FROM job")
    assert parts
    assert not any(b"example.com" in part["part"] for part in parts)
    assert "example.com" not in row["parameters"]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "empty-file"),
        (b"\xd0\xcf\x11\xe0old", "file-kind"),
        (b"a,b\n\xff\xfe", "encoding"),
    ],
)
async def test_files_of_which_nothing_can_be_read_are_no_job(add, lamps, jobs, data, rule):
    with pytest.raises(InvalidTable) as raised:
        await add(lamps, data)
    assert raised.value.rule == rule
    assert await jobs.page(lamps.actor, prefix=None, state=None, after=None, limit=10) == []


@pytest.mark.parametrize(
    ("data", "options", "rule"),
    [
        (b"a,a\n1,2\n", {}, "header"),
        (b'"open\n1\n', {}, "header"),
        (b"a,b\n1,2\n", {"columns": {"c": ColumnWish(role=Role.SUFFIX)}}, "column-name"),
        (workbook(One=sheet([["a"]])), {"sheet": "Two"}, "sheet-name"),
        (b"PK\x03\x04junk", {}, "file-kind"),
    ],
)
async def test_what_the_job_finds_wrong_with_the_file_ends_it(run, lamps, data, options, rule):
    job = await run(lamps, data, **options)
    assert (job.state, job.error.kind, job.error.rule) == (
        JobState.FAILED,
        "invalid-table",
        rule,
    )
    assert job.done == 0


async def test_a_header_alone_registers_nothing(run, lamps):
    job = await run(lamps, b"suffix,url")
    assert (job.state, job.done, job.total) == (JobState.DONE, 0, 0)


async def test_a_workbook(run, lamps, database, catalogue, jobs):
    rows = [["标识后缀", "数量"], ["00123", 5], [123, 0.5], [], [12345678901234567, 1]]
    job = await run(lamps, workbook(产品=sheet(rows)), name="产品.xlsx")
    assert outcomes(job) == (2, 0, 0, 1)
    assert (job.total, job.done) == (3, 3)
    assert await suffixes(database) == ["00123", "123"]
    assert await stored(catalogue, lamps, "00123") == [(2000, "数量", "5")]
    (refusal,) = await jobs.refusals(lamps.actor, job.job_id, 0, 10)
    assert (refusal.line, refusal.rule) == (5, "number-notation")


async def test_a_workbook_is_opened_once_and_gone_on_with_as_text(
    add, working, works, lamps, jobs, database, monkeypatch
):
    rows = [["suffix", "n"], *([f"SN{n:05d}", n] for n in range(3000))]
    job = await add(lamps, workbook(One=sheet(rows)))
    async with working(works=works(100)):
        await until_done(jobs, lamps, job.job_id, 100)
    assert not (await jobs.get(lamps.actor, job.job_id)).state.final

    async def never(*_):
        raise AssertionError("opened again")

    monkeypatch.setattr("registry.table.sheet.convert", never)
    async with working(works=works(1000)):
        job = await ended(jobs, lamps, job.job_id)
    assert outcomes(job) == (3000, 0, 0, 0)
    assert await counted(database) == 3000


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
async def test_others_go_on_where_one_stopped(add, working, works, lamps, jobs, database, encoding):
    """Over several parts of the file, and from the midst of them."""
    long = "说明" * 300
    rows = [f'SN{n:06d},"第{n}行\n{long}"' for n in range(2000)]
    data = "\r\n".join(["suffix,note", *rows]).encode(encoding)
    assert len(data) > 2 * PART
    job = await add(lamps, data)
    at = 0
    while not (job := await jobs.get(lamps.actor, job.job_id)).state.final:
        async with working(works=works(90)):
            at = (await until_done(jobs, lamps, job.job_id, min(at + 300, 2000))).done
    assert (job.state, outcomes(job)) == (JobState.DONE, (2000, 0, 0, 0))
    assert await suffixes(database) == [f"SN{n:06d}" for n in range(2000)]
    assert await counted(database) == 2000


async def test_an_upload_is_cancelled_between_chunks(add, working, works, lamps, jobs, database):
    job = await add(lamps, table(50_000))
    async with working(works=works(200)):
        await until_done(jobs, lamps, job.job_id, 200)
        await jobs.cancel(lamps.actor, job.job_id)
    job = await jobs.get(lamps.actor, job.job_id)
    assert job.state is JobState.CANCELLED
    assert job.done == await counted(database) < 50_000


async def test_parts_come_back_as_they_were_and_only_in_their_place(add, lamps, database, form):
    data = table(60_000)
    job = await add(lamps, data)
    parts = Parts(form.sealing, job.job_id)
    whole = io.BytesIO()
    await parts.copy(database, whole)
    assert whole.getvalue() == data
    assert (await parts.read(database, PART - 5))[:20] == data[PART - 5 : PART]
    assert await parts.read(database, len(data)) == b""
    async with database.connection() as connection:
        await connection.execute("UPDATE upload_part SET number = 9 WHERE number = 1")
    with pytest.raises(SealingKeyUnfit):
        await parts.read(database, 9 * PART)


async def test_a_stopped_prefix_takes_no_file(add, lamps, prefixes, operator, jobs):
    await prefixes.stop(operator, lamps.prefix, "by order")
    with pytest.raises(PrefixNotActive):
        await jobs.check(lamps.actor, lamps.prefix)
    with pytest.raises(PrefixNotActive):
        await add(lamps, CSV)


def test_the_number_of_rows_is_estimated_before_they_are_read():
    assert examine(io.BytesIO(table(100)), UploadOptions()).estimate == 99  # no line end at last
    assert examine(io.BytesIO(b"suffix"), UploadOptions()).estimate == 1
