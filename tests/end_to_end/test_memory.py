"""A worker that is asked for far more identifiers than its memory is to hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.office import Holder
from tests.end_to_end.served import Served, eventually

TOGETHER = 1000  # identifiers of a request
SLACK = 6 << 20  # bytes that come and go


def private_bytes(served: Served) -> int:
    """Memory that is the worker's own; the journal's mapped files are not."""
    status = Path(f"/proc/{served.processes()['worker-1']}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


async def scan(served: Served, holder: Holder, first: int, last: int) -> None:
    for start in range(first, last, TOGETHER):
        numbers = range(start, min(start + TOGETHER, last))
        handles = [f"{holder.prefix}/M{number:08d}" for number in numbers]
        reply = await served.ask("POST", "/v1/resolve", json={"handles": handles})
        assert reply.status == 200, reply.body
        assert all("resolution" in result for result in reply.body["results"])


@pytest.mark.parametrize(
    ("mebibytes", "full", "identifiers"),
    [(2, 4_000, 20_000), pytest.param(64, 200_000, 10_000_000, marks=pytest.mark.soak)],
)
async def test_memory_stays_within_its_bound_while_all_is_scanned(
    serving, holder: Holder, mebibytes: int, full: int, identifiers: int
) -> None:
    """The cache is full after so many, at 600 bytes each or more."""
    served = await serving(cache_mebibytes=mebibytes, workers=1, metrics_port=0)
    block = {
        "pattern": "M{serial:08d}",
        "start": 1,
        "count": identifiers,
        "values": [{"index": 1, "type": "URL", "data": "https://example.com/" + "p" * 100}],
    }
    path = f"/v1/prefixes/{holder.prefix}/blocks"
    job = (await served.ask("POST", path, key=holder.key, json=block)).body["job_id"]

    async def registered() -> bool:
        reply = await served.ask("GET", f"/v1/jobs/{job}", key=holder.key)
        return bool(reply.body["state"] == "done")

    await eventually(registered, 600)
    await scan(served, holder, 1, full)
    before = private_bytes(served)
    await scan(served, holder, full, identifiers)
    assert private_bytes(served) - before < SLACK + (mebibytes << 20) / 4
