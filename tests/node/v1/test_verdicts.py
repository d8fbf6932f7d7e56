"""The verdict on every line, as CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

from registry.job import store
from tests.node.live import OTHER, Enterprise, Live
from tests.node.v1.test_jobs import add as add_block
from tests.node.v1.test_jobs import ended
from tests.node.v1.test_uploads import add as add_upload
from tests.registry.table.workbook import sheet, workbook

FILE = """标识后缀,详情网址
A1,https://e/1
A1,https://e/other

bad\x01,x
"open,x
A2,"two
lines"
=cmd|x,y
A1,https://e/1
"""


async def verdicts(live: Live, owner: Enterprise, job_id: int) -> list[list[str]]:
    """The rows of the file, without the header."""
    path = f"/v1/jobs/{job_id}/verdicts.csv"
    async with live.session.get(
        live.url + path, headers={"Authorization": f"Bearer {owner.key}"}
    ) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        data = await response.read()
    assert data.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert header == ["line", "identifier", "outcome", "rule", "field", "reason"]
    return rows


async def test_every_row_of_an_upload_has_its_verdict(live: Live, owner: Enterprise) -> None:
    job = await ended(live, owner, (await add_upload(live, owner, FILE.encode())).body["job_id"])
    rows = await verdicts(live, owner, job["job_id"])
    prefix = owner.prefix
    assert [tuple(row[:4]) for row in rows] == [
        ("2", f"{prefix}/A1", "created", ""),
        ("3", f"{prefix}/A1", "refused", "identifier-exists"),
        ("5", f"{prefix}/bad\x01", "refused", "control-character"),
        ("6", f"{prefix}/", "refused", "csv-syntax"),
        ("7", f"{prefix}/A2", "created", ""),
        ("8", f"{prefix}/=cmd|x", "created", ""),
        ("9", f"{prefix}/A1", "unchanged", ""),
    ]
    assert rows[1][5]
    assert rows[2][4] == "suffix"
    assert (job["created"], job["unchanged"], job["refused"]) == (3, 1, 3)


async def test_the_rows_of_a_workbook_keep_their_numbers(live: Live, owner: Enterprise) -> None:
    data = workbook(One=sheet([["suffix"], ["A1"], [], ["x" * 300], ["灯"]], first=3))
    job = await ended(live, owner, (await add_upload(live, owner, data)).body["job_id"])
    rows = await verdicts(live, owner, job["job_id"])
    assert [(row[0], row[2]) for row in rows] == [
        ("4", "created"),
        ("6", "refused"),
        ("7", "created"),
    ]
    assert rows[2][1] == f"{owner.prefix}/灯"


async def test_cells_that_a_spreadsheet_would_compute_are_texts(
    live: Live, owner: Enterprise
) -> None:
    data = '标识\n"=HYPERLINK(""http://evil"")"\n@x\n'.encode()
    job = await ended(live, owner, (await add_upload(live, owner, data)).body["job_id"])
    rows = await verdicts(live, owner, job["job_id"])
    assert [row[1] for row in rows] == ['\'=HYPERLINK("http://evil")', "'@x"]


async def test_all_lines_of_a_block(live: Live, owner: Enterprise) -> None:
    await ended(live, owner, (await add_block(live, owner, count=30_000)).body["job_id"])
    job = await add_block(live, owner, start=29_999, count=30_003, values=[])
    job_id = job.body["job_id"]
    await ended(live, owner, job_id)
    rows = await verdicts(live, owner, job_id)
    assert [row[0] for row in rows] == [str(number) for number in range(1, 30_004)]
    assert rows[0][1] == f"{owner.prefix}/SN029999"
    assert [row[2] for row in rows[:3]] == ["refused", "refused", "created"]
    assert rows[-1][1:3] == [f"{owner.prefix}/SN060001", "created"]


async def test_a_job_that_judged_nothing_has_a_header_alone(live: Live, owner: Enterprise) -> None:
    job = await ended(live, owner, (await add_upload(live, owner, b"suffix")).body["job_id"])
    assert await verdicts(live, owner, job["job_id"]) == []
    failed = await add_upload(live, owner, b"PK\x03\x04none")
    job = await ended(live, owner, failed.body["job_id"])
    assert job["state"] == "failed"
    assert await verdicts(live, owner, job["job_id"]) == []


async def test_who_may_read_them_and_how_long(live: Live, owner: Enterprise) -> None:
    other = await live.enterprise(OTHER)
    job = await ended(live, owner, (await add_block(live, owner)).body["job_id"])
    path = f"/v1/jobs/{job['job_id']}/verdicts.csv"
    assert (await live.ask("GET", path, key=other.key)).status == 403
    assert (await live.ask("GET", path)).status == 401
    assert (await live.ask("GET", "/v1/jobs/99/verdicts.csv", key=owner.key)).status == 404
    limit = datetime.now(UTC) + timedelta(hours=1)
    await live.node.wiring.database.transaction(lambda tx: store.forget(tx, finished_before=limit))
    gone = await live.ask("GET", path, key=owner.key)
    assert (gone.status, gone.body["type"]) == (404, "/docs/problems#report-gone")
