"""Uploads, with workers on the registry's database."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from registry.access.once import OnceRunner
from registry.database import Database
from registry.job.job import Job, JobKind
from registry.job.jobs import Jobs
from registry.record.archive import Form
from registry.record.bulk import Bulk
from registry.upload.upload import UploadOptions, examine
from registry.upload.work import UploadWork
from tests.registry.conftest import Holder
from tests.registry.job.conftest import Told, Working, ended, working

Upload: TypeAlias = Callable[..., Awaitable[Job]]
__all__ = ["working"]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def bulk(database: Database, form: Form) -> Bulk:
    return Bulk(database, form)


@pytest.fixture
def jobs(database: Database, once: OnceRunner, form: Form) -> Jobs:
    return Jobs(database, once, form, wake=lambda: None)


@pytest.fixture
def works(database: Database, bulk: Bulk, form: Form) -> Callable[..., dict[JobKind, Any]]:
    """How uploads are advanced, so many rows at a time."""

    def make(chunk: int = 1000) -> dict[JobKind, Any]:
        work = UploadWork(database, bulk, form, lambda: datetime.now(UTC), chunk=chunk)
        return {JobKind.UPLOAD: work}

    return make


@pytest.fixture
def add(jobs: Jobs) -> Upload:
    """Adds a file as a job."""

    async def upload(holder: Holder, data: bytes, name: str = "a.csv", **options: Any) -> Job:
        file = io.BytesIO(data)
        examined = examine(file, UploadOptions(**options))
        return await jobs.add_upload(holder.actor, holder.prefix, name, examined, file)

    return upload


@pytest.fixture
def run(
    jobs: Jobs, add: Upload, working: Working, works: Callable[..., dict[JobKind, Any]]
) -> Upload:
    """Adds a file and lets it be worked through."""

    async def upload(holder: Holder, data: bytes, *, chunk: int = 1000, **options: Any) -> Job:
        job = await add(holder, data, **options)
        async with working(works=works(chunk)):
            return await ended(jobs, holder, job.job_id, 30)

    return upload
