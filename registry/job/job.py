"""Jobs and their states.

    queued ── a worker takes it ──> running ── all judged ──> done
       │                               ├── cannot go on ────> failed
       └────────── cancel ─────────────┴────────────────────> cancelled

A job whose worker died stays `running` until its lease ends; then another worker goes on with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

import msgspec

from registry.access.actor import Actor
from registry.errors import BiaoshiError, NotFound
from registry.record.bulk import Tally
from registry.sealing import SealingKey


class JobNotFound(NotFound):
    kind = "job-not-found"
    title = "No such job"


class LeaseLost(Exception):
    """The job is another worker's by now, or was cancelled. What this worker did not commit is
    rolled back."""


class JobKind(StrEnum):
    BLOCK = "block"
    UPLOAD = "upload"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING)


class JobError(msgspec.Struct, frozen=True):
    """Why a job could not go on. What it registered before stays."""

    kind: str
    detail: str
    field: str | None = None
    rule: str | None = None

    @classmethod
    def of(cls, error: BiaoshiError) -> JobError:
        return cls(error.kind, error.detail, error.field, error.rule)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job and how far it is. Of an upload `total` is an estimate until the job has ended."""

    job_id: int
    kind: JobKind
    prefix: str
    name: str  # a block's pattern, an upload's file name
    state: JobState
    total: int
    done: int
    created: int
    unchanged: int
    revived: int
    refused: int
    error: JobError | None
    actor: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


T = TypeVar("T")


class JobRefusal(msgspec.Struct, frozen=True):
    """A line that was refused, and why."""

    line: int
    identifier: str
    rule: str | None
    field: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A job in the hands of one worker, as it was when it was taken."""

    job_id: int
    token: str
    kind: JobKind
    prefix: str
    prefix_id: int
    actor: Actor
    parameters: bytes
    content: bytes | None  # sealed
    total: int
    position: int
    line: int
    stalls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What one chunk brought a job: where it is now, and what became of the chunk's lines."""

    position: int
    line: int
    lines: Sequence[int]  # the numbers of the lines judged, in their order
    tally: Tally
    finished: bool


def seal_content(sealing: SealingKey, job_id: int, content: object) -> bytes:
    return sealing.seal(msgspec.json.encode(content), _context(job_id))


def content_of(lease: Lease, sealing: SealingKey, kind: type[T]) -> T:
    """What was sealed for the job."""
    assert lease.content is not None  # jobs of such kinds have one
    return msgspec.json.decode(sealing.unseal(lease.content, _context(lease.job_id)), type=kind)


def _context(job_id: int) -> str:
    return f"job/{job_id}/content"
