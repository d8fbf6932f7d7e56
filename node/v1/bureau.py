"""What the bureau pulls: evidence, reports with their packages, definitions, the policy's words."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from award import form
from award.archive.issuing import ReportKeysMissing, ReportNotFound, ReportWish, RevisionTaken
from award.archive.store import IssuedReport
from award.evidence.certified import CertifiedYear
from award.evidence.prometheus import PrometheusUnavailable
from award.facts.file import InvalidFacts
from award.policy.policy import NoPolicyYet, UnknownPolicy, load, names
from award.policy.reading import Reading
from award.report.definitions import DEFINITIONS
from award.report.package import PDF
from award.report.report import NotCertifiable, sha256
from award.upload import store as upload_store
from award.upload.store import Upload
from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Number, Page

TAG = "Bureau"
FACTS_LIMIT = 2 << 20  # bytes of a request with a facts file
ZIP, DOCUMENT = "application/zip", "application/pdf"


class EvidenceQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    through: Annotated[int, Meta(ge=2000, le=2199, description="The last year wanted")]


class ReportList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[Number, Meta(description="Continue behind this report")] = 0
    limit: Limit = 100


class UploadList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Limit = 31


class Definition(msgspec.Struct, frozen=True):
    title: str
    text: str


class PolicyText(msgspec.Struct, frozen=True):
    """A policy as this node applies it. `digest` is over its rules and parameters."""

    name: str
    title: str
    clause: str
    digest: str
    remark: str
    parameters: dict[str, str]  # each with its value, unit, article and words
    readings: list[Reading]


async def evidence(call: Call) -> Reply:
    """Who had it stands in the audit trail, as with reports."""
    call.actor.require_auditor()
    years = await call.wiring.issuing.years(call.query.through)
    reply = _unless_known(call, Page(list(years.values())))
    if reply.status != 304:
        await call.wiring.issuing.note_pull(
            call.actor, "evidence.pulled", f"evidence/{call.query.through}"
        )
    return reply


async def issued(call: Call) -> Reply:
    report = await call.wiring.issuing.issue(call.actor, call.body, call.once)
    return Reply(report, headers={"Location": _path(report)})


async def listed(call: Call) -> Reply:
    call.actor.require_auditor()
    query: ReportList = call.query
    found = await call.wiring.issuing.page(after=query.after, limit=query.limit)
    return Reply(Page(found, str(found[-1].report_id) if len(found) == query.limit else None))


async def shown(call: Call) -> Reply:
    return Reply(await _find(call))


async def packed(call: Call) -> web.StreamResponse:
    """The zip, unless the caller has it already: a report never changes."""
    found = await _find(call)
    if call.knows(_tag(found)):
        return web.Response(status=304, headers=_headers(found))
    content = await call.wiring.issuing.package(call.actor, found)
    name = f"report-{found.number}-r{found.revision}.zip"
    return _file(content, ZIP, name, found)


async def document(call: Call) -> web.StreamResponse:
    found = await _find(call)
    if call.knows(_tag(found)):
        return web.Response(status=304, headers=_headers(found))
    content = await call.wiring.issuing.package(call.actor, found)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        pdf = archive.read(PDF)
    return _file(pdf, DOCUMENT, f"report-{found.number}-r{found.revision}.pdf", found)


async def uploads(call: Call) -> Reply:
    call.actor.require_auditor()
    async with call.wiring.database.connection() as connection:
        return Reply(await upload_store.uploads(connection, call.query.limit))


async def definitions(call: Call) -> Reply:
    call.actor.require_auditor()
    return _unless_known(call, [Definition(title, text) for title, text in DEFINITIONS])


async def policies(call: Call) -> Reply:
    call.actor.require_auditor()
    return _unless_known(call, [_policy(name) for name in names()])


def _unless_known(call: Call, body: Any) -> Reply:
    """The answer, or that the caller has it already."""
    tag = f'"{sha256(form.encode(body))}"'
    headers = {"ETag": tag, "Cache-Control": "private, must-revalidate"}
    return Reply(status=304, headers=headers) if call.knows(tag) else Reply(body, headers=headers)


def _policy(name: str) -> PolicyText:
    found = load(name)
    parameters = {
        key: "；".join(f"{one.since} 起 {one.value}" for one in value.values)
        + f"（{value.unit}，{value.article}：{value.quote}）"
        for key, value in found.parameters.items()
    }
    return PolicyText(
        name=found.name,
        title=found.title,
        clause=found.clause,
        digest=found.digest,
        remark=found.remark,
        parameters=parameters,
        readings=list(found.readings),
    )


async def _find(call: Call) -> IssuedReport:
    call.actor.require_auditor()
    return await call.wiring.issuing.get(call.path["number"], int(call.path["revision"]))


def _file(content: bytes, media: str, name: str, found: IssuedReport) -> web.Response:
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(
        body=content, content_type=media, headers={**_headers(found), **disposition}
    )


def _headers(found: IssuedReport) -> Mapping[str, str]:
    return {"ETag": _tag(found), "Cache-Control": "private, must-revalidate"}


def _tag(found: IssuedReport) -> str:
    return f'"{found.digest}"'


def _path(found: IssuedReport) -> str:
    return f"/v1/bureau/reports/{found.number}/{found.revision}"


_ONE = "/v1/bureau/reports/{number:segment}/{revision:number}"

OPERATIONS = (
    Operation(
        name="listEvidence",
        tag=TAG,
        summary="The counts of a year and of those before it, as evidence (operators, bureau)",
        method="GET",
        path="/v1/bureau/evidence",
        handler=evidence,
        query=EvidenceQuery,
        answer=Page[CertifiedYear],
        also={304: "The caller has it"},
    ),
    Operation(
        name="issueReport",
        tag=TAG,
        summary="Issue a report on the award (operators)",
        description="A draft may be made of anything. A certified report is refused where the "
        "counts contradict themselves, or the independent witness by more than the tolerance. "
        "Its digest becomes a leaf of the statements log. Facts may hold what an applicant "
        "declares; who may pull the report sees them.",
        method="POST",
        path="/v1/bureau/reports",
        handler=issued,
        body=ReportWish,
        body_limit=FACTS_LIMIT,
        once=True,
        answer=IssuedReport,
        status=201,
        errors=(
            InvalidFacts,
            UnknownPolicy,
            NoPolicyYet,
            NotCertifiable,
            ReportNotFound,
            RevisionTaken,
            ReportKeysMissing,
            PrometheusUnavailable,
        ),
    ),
    Operation(
        name="listReports",
        tag=TAG,
        summary="List reports, the oldest first (operators, bureau)",
        method="GET",
        path="/v1/bureau/reports",
        handler=listed,
        query=ReportList,
        answer=Page[IssuedReport],
    ),
    Operation(
        name="getReport",
        tag=TAG,
        summary="Show a report's particulars (operators, bureau)",
        method="GET",
        path=_ONE,
        handler=shown,
        answer=IssuedReport,
        errors=(ReportNotFound,),
    ),
    Operation(
        name="getReportPackage",
        tag=TAG,
        summary="Download a report: JSON, PDF, signature, checkpoints (operators, bureau)",
        description="The same bytes for ever; `If-None-Match` saves pulling them again. Every "
        "pull stands in the audit trail.",
        method="GET",
        path=f"{_ONE}/package",
        handler=packed,
        answer=str,
        answer_media=ZIP,
        also={304: "The caller has it"},
        errors=(ReportNotFound,),
    ),
    Operation(
        name="getReportDocument",
        tag=TAG,
        summary="Download a report's PDF (operators, bureau)",
        method="GET",
        path=f"{_ONE}/document",
        handler=document,
        answer=str,
        answer_media=DOCUMENT,
        also={304: "The caller has it"},
        errors=(ReportNotFound,),
    ),
    Operation(
        name="listUploads",
        tag=TAG,
        summary="Which days' statistics the bureau has (operators, bureau)",
        description="Statistics of a closed day are made once, desensitised, and sent to the "
        "bureau's endpoint until it gives a receipt.",
        method="GET",
        path="/v1/bureau/uploads",
        handler=uploads,
        query=UploadList,
        answer=list[Upload],
    ),
    Operation(
        name="listDefinitions",
        tag=TAG,
        summary="What the counts mean (operators, bureau)",
        method="GET",
        path="/v1/bureau/definitions",
        handler=definitions,
        answer=list[Definition],
        also={304: "The caller has it"},
    ),
    Operation(
        name="listPolicies",
        tag=TAG,
        summary="The policies as this node applies them (operators, bureau)",
        method="GET",
        path="/v1/bureau/policies",
        handler=policies,
        answer=list[PolicyText],
        also={304: "The caller has it"},
    ),
)
