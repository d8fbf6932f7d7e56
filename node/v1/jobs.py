"""Jobs: serial blocks, and how far they are."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.events import EVENT_STREAM, Event, watched
from node.v1.item import Content, ContentReader
from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Number, Page
from node.v1.verdicts import CSV, told
from registry import errors
from registry.code.allocation import BEIJING
from registry.identifier import Identifier
from registry.job.block import MAX_COUNT, BlockWish
from registry.job.job import Job, JobNotFound, JobRefusal, JobState
from registry.job.report import ReportGone
from registry.series.series import Content as Shared

TAG = "Jobs"


class BlockRequest(Content, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Identifiers to register whose suffixes are consecutive codes of a pattern with a serial. All
    have the same content; what shall differ comes from a template's patterns."""

    pattern: Annotated[str, Meta(min_length=1, max_length=1024)]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)]
    start: Annotated[
        int | None, Meta(description="The first serial; default the next one that is free")
    ] = None
    on: Annotated[date | None, Meta(description="The day for date parts; default today")] = None
    revive: Annotated[bool, Meta(description="Bring withdrawn identifiers back")] = False


class JobList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prefix: Annotated[str, Meta(max_length=64)] | None = None
    state: JobState | None = None
    after: Annotated[Number | None, Meta(description="Continue behind this job")] = None
    limit: Limit = 100


class RefusalList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[Number, Meta(description="Continue behind this line")] = 0
    limit: Limit = 100


async def block_added(call: Call) -> Reply:
    body: BlockRequest = call.body
    prefix = call.path["prefix"]
    now = call.wiring.now()
    reader = ContentReader(call.wiring.templates, call.actor, now)
    # Contents are the same for all suffixes; this one is not registered.
    model = await reader.registration(Identifier(prefix, "model"), body, new=True)
    wish = BlockWish(
        pattern=body.pattern,
        count=body.count,
        start=body.start,
        on=body.on or now.astimezone(BEIJING).date(),
        content=Shared(model.values, model.template_id),
        revive=body.revive,
    )
    job = await call.wiring.jobs.add_block(call.actor, prefix, wish, call.once)
    return Reply(job, headers=location(job))


async def listed(call: Call) -> Reply:
    query: JobList = call.query
    jobs = await call.wiring.jobs.page(
        call.actor,
        prefix=query.prefix,
        state=query.state,
        after=query.after,
        limit=query.limit,
    )
    return Reply(Page(jobs, str(jobs[-1].job_id) if len(jobs) == query.limit else None))


async def shown(call: Call) -> Reply:
    return Reply(await call.wiring.jobs.get(call.actor, call.number))


async def refusals(call: Call) -> Reply:
    query: RefusalList = call.query
    found = await call.wiring.jobs.refusals(call.actor, call.number, query.after, query.limit)
    return Reply(Page(found, str(found[-1].line) if len(found) == query.limit else None))


async def cancelled(call: Call) -> Reply:
    return Reply(await call.wiring.jobs.cancel(call.actor, call.number))


def location(job: Job) -> dict[str, str]:
    return {"Location": f"/v1/jobs/{job.job_id}"}


ADMISSION = (
    errors.NotPrefixOwner,
    errors.EnterpriseNotVerified,
    errors.EnterpriseSuspended,
    errors.PrefixNotActive,
    errors.PrefixElsewhere,
    errors.PrefixNotFound,
)

OPERATIONS = (
    Operation(
        name="addBlock",
        tag=TAG,
        summary="Register a block of serial numbers",
        description="The node expands the pattern and registers chunk by chunk; the job tells how "
        "far it is. Identifiers that exist with the same content are unchanged, so a block may be "
        "sent again; with other content they are refused. Later reservations of codes and blocks "
        "without a start begin behind the block.",
        method="POST",
        path="/v1/prefixes/{prefix:segment}/blocks",
        handler=block_added,
        body=BlockRequest,
        answer=Job,
        status=202,
        errors=(
            errors.InvalidPattern,
            errors.CodesExhausted,
            errors.InvalidIdentifier,
            errors.InvalidValue,
            errors.DuplicateIndex,
            errors.UnknownTemplate,
            errors.InvalidAttribute,
            *ADMISSION,
        ),
        once=True,
    ),
    Operation(
        name="listJobs",
        tag=TAG,
        summary="List jobs, the newest first",
        method="GET",
        path="/v1/jobs",
        handler=listed,
        query=JobList,
        answer=Page[Job],
    ),
    Operation(
        name="getJob",
        tag=TAG,
        summary="Show how far a job is",
        method="GET",
        path="/v1/jobs/{job_id:number}",
        handler=shown,
        answer=Job,
        errors=(JobNotFound,),
    ),
    Operation(
        name="listRefusals",
        tag=TAG,
        summary="List a job's first refusals",
        description="At most 1000 of a job. The verdicts have all.",
        method="GET",
        path="/v1/jobs/{job_id:number}/refusals",
        handler=refusals,
        query=RefusalList,
        answer=Page[JobRefusal],
        errors=(JobNotFound,),
    ),
    Operation(
        name="watchJob",
        tag=TAG,
        summary="Watch a job get on",
        description="Server-sent events: `progress` with the job as it is, and at last `ended`. "
        "Come back with Last-Event-ID to hear only what is new.",
        method="GET",
        path="/v1/jobs/{job_id:number}/events",
        handler=watched,
        answer=Event,
        answer_media=EVENT_STREAM,
        also={204: "It has ended, and the client knows that"},
        errors=(JobNotFound,),
    ),
    Operation(
        name="getVerdicts",
        tag=TAG,
        summary="Download what became of every line",
        description="CSV in UTF-8 with a mark of it: line, identifier, outcome, rule, field, "
        "reason; all lines judged by now. Kept for 30 days after the job has ended.",
        method="GET",
        path="/v1/jobs/{job_id:number}/verdicts.csv",
        handler=told,
        answer=str,
        answer_media=CSV,
        errors=(JobNotFound, ReportGone),
    ),
    Operation(
        name="cancelJob",
        tag=TAG,
        summary="Cancel a job",
        description="It ends after the chunk that is being committed. What it registered stays.",
        method="POST",
        path="/v1/jobs/{job_id:number}/cancel",
        handler=cancelled,
        answer=Job,
        errors=(JobNotFound, errors.WrongState),
    ),
)
