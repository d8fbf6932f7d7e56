"""Server-sent events: how far a job is, as it gets on.

    id: 20000-running
    event: progress
    data: {"job_id":7,"state":"running","done":20000,…}

The last event is `ended`, with the job's final state. A client that comes back with the id of what
it saw last hears no more than is new; after the end that is nothing: 204, and browsers then stop.
"""

from __future__ import annotations

import time
from typing import Literal

import msgspec
from aiohttp import web

from node.http.edge import REQUEST_ID
from node.v1.operation import Call, Reply
from registry.job.job import Job
from registry.job.watcher import Watch

EVENT_STREAM = "text/event-stream"
HEARTBEAT = 10.0  # seconds of silence; proxies end connections that stay silent for a minute
LOOK = 1.0  # seconds after which a client that has gone is noticed
RETRY = 2000  # milliseconds after which a client comes back


class Event(msgspec.Struct, frozen=True):
    """An event of the stream. `data` is the job as JSON."""

    id: str
    event: Literal["progress", "ended"]
    data: str


async def watched(call: Call) -> Reply | web.StreamResponse:
    job = await call.wiring.jobs.get(call.actor, call.number)
    seen = call.request.headers.get("Last-Event-ID")
    if job.state.final and seen == _id(job):
        return Reply(status=204)
    response = web.StreamResponse(
        headers={
            "Content-Type": EVENT_STREAM,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would keep events back
            "X-Request-Id": call.request[REQUEST_ID],
        }
    )
    await response.prepare(call.request)
    try:
        with call.wiring.watcher.watch(job.job_id) as watch:
            watch.tell(job)
            await response.write(f"retry: {RETRY}\n\n".encode())
            await _tell_all(call.request, response, watch, seen)
        await response.write_eof()
    except ConnectionError:
        pass  # nobody listens any more
    return response


async def _tell_all(
    request: web.Request, response: web.StreamResponse, watch: Watch, seen: str | None
) -> None:
    """Tell the news until the job has ended, the client has gone or the node stops."""
    told = time.monotonic()
    while not watch.closed:
        job = await watch.next(LOOK)
        if request.transport is None or request.transport.is_closing():
            return
        if job is not None and _id(job) != seen:
            await response.write(_event(job))
            told = time.monotonic()
        elif time.monotonic() - told >= HEARTBEAT:
            await response.write(b": alive\n\n")
            told = time.monotonic()
        if job is not None and job.state.final:
            return


def _id(job: Job) -> str:
    return f"{job.done}-{job.state}"


def _event(job: Job) -> bytes:
    kind = "ended" if job.state.final else "progress"
    text = msgspec.json.encode(job).decode()
    return f"id: {_id(job)}\nevent: {kind}\ndata: {text}\n\n".encode()
