"""Adding jobs, looking at them, cancelling them."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import msgspec

from registry.access import store as access
from registry.access.actor import Actor, Scope
from registry.access.once import Once, OnceRunner
from registry.database import Connection, Database, storable
from registry.errors import TooManyRequests, WrongState
from registry.job import block, store
from registry.job.admission import admit
from registry.job.block import BlockWish
from registry.job.job import Job, JobKind, JobNotFound, JobRefusal, JobState, seal_content
from registry.prefix.prefix import Holding
from registry.record.archive import Form
from registry.upload.parts import Parts
from registry.upload.upload import Upload

MAX_UNFINISHED = 50  # jobs of one enterprise; more would only wait
RETRY_SECONDS = 30


class Jobs:
    """Safe to share between tasks. `wake` is called when a job was added."""

    def __init__(
        self, database: Database, once: OnceRunner, form: Form, wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._once = once
        self._form = form
        self._wake = wake

    async def add_block(
        self, actor: Actor, prefix: str, wish: BlockWish, once: Once | None = None
    ) -> Job:
        """Have a serial block registered."""

        async def work(tx: Connection) -> Job:
            holding = await self._admit(tx, actor, prefix)
            settled = await block.settle(tx, holding, wish)
            job_id = await store.next_id(tx)
            await access.audit(
                tx, actor, "block.requested", prefix, {"job": job_id, "count": settled.count}
            )
            return await store.add(
                tx,
                job_id,
                kind=JobKind.BLOCK,
                prefix_id=holding.prefix_id,
                name=wish.pattern,
                parameters=msgspec.json.encode(settled),
                content=seal_content(self._form.sealing, job_id, wish.content),
                total=settled.count,
                actor=actor,
            )

        job = await self._once.run(once, Job, work)
        self._wake()
        return job

    async def check(self, actor: Actor, prefix: str) -> None:
        """Raise what would forbid this actor a job under the prefix, before it sends a file."""
        async with self._database.connection() as connection:
            await self._admit(connection, actor, prefix)

    async def add_upload(
        self,
        actor: Actor,
        prefix: str,
        name: str,
        upload: Upload,
        file: BinaryIO,
        once: Once | None = None,
    ) -> Job:
        """Have the rows of a file registered. The file is stored before this returns."""

        async def work(tx: Connection) -> Job:
            holding = await self._admit(tx, actor, prefix)
            job_id = await store.next_id(tx)
            await access.audit(
                tx, actor, "upload.requested", prefix, {"job": job_id, "bytes": upload.size}
            )
            job = await store.add(
                tx,
                job_id,
                kind=JobKind.UPLOAD,
                prefix_id=holding.prefix_id,
                name=name,
                parameters=msgspec.json.encode(upload),
                content=None,
                total=upload.estimate,
                actor=actor,
            )
            await Parts(self._form.sealing, job_id).write(tx, file)
            return job

        job = await self._once.run(once, Job, work)
        self._wake()
        return job

    async def get(self, actor: Actor, job_id: int) -> Job:
        async with self._database.connection() as connection:
            await self._visible(connection, actor, job_id)
            (job,) = await store.get(connection, [job_id])
            return job

    async def page(
        self,
        actor: Actor,
        *,
        prefix: str | None,
        state: JobState | None,
        after: int | None,
        limit: int,
    ) -> list[Job]:
        """Jobs, the newest first, those older than `after`; an enterprise sees its own."""
        actor.require_known()
        if prefix is not None and not storable(prefix):
            return []
        async with self._database.connection() as connection:
            return await store.page(
                connection,
                enterprise_id=None if actor.operator else actor.enterprise_id or 0,
                prefix=prefix,
                state=state,
                after=after,
                limit=limit,
            )

    async def refusals(self, actor: Actor, job_id: int, after: int, limit: int) -> list[JobRefusal]:
        """The first refusals of a job in order of their lines, those above `after`."""
        async with self._database.connection() as connection:
            await self._visible(connection, actor, job_id)
            return await store.refusals(connection, job_id, after, limit)

    async def cancel(self, actor: Actor, job_id: int) -> Job:
        """Cancel a job; what it registered stays. Cancelling it again changes nothing. Raises
        WrongState where it has ended otherwise."""

        async def work(tx: Connection) -> Job:
            actor.require_enterprise(await _owner(tx, job_id), Scope.REGISTER)
            if await store.cancel(tx, job_id):
                await access.audit(tx, actor, "job.cancelled", f"job/{job_id}")
            (job,) = await store.get(tx, [job_id])
            if job.state is not JobState.CANCELLED:
                raise WrongState(f"the job is {job.state}", field="state", rule="job-ended")
            return job

        return await self._database.transaction(work)

    async def _admit(self, tx: Connection, actor: Actor, prefix: str) -> Holding:
        holding = await admit(tx, self._form, actor, prefix)
        if await store.unfinished(tx, holding.enterprise_id) >= MAX_UNFINISHED:
            raise TooManyRequests(
                f"{MAX_UNFINISHED} jobs of this enterprise have not ended",
                retry_after=RETRY_SECONDS,
            )
        return holding

    async def _visible(self, connection: Connection, actor: Actor, job_id: int) -> None:
        actor.require_reader(await _owner(connection, job_id))


async def _owner(connection: Connection, job_id: int) -> int:
    owner = await store.owner(connection, job_id)
    if owner is None:
        raise JobNotFound(f"there is no job {job_id}", field="job_id")
    return owner
