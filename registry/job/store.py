"""SQL of jobs, what became of their lines, and the files uploaded for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec

from registry.access.actor import Actor
from registry.database import Connection
from registry.job.job import Job, JobError, JobKind, JobRefusal, JobState, Lease

_COLUMNS = """j.job_id, j.kind, p.prefix, j.name, j.state, j.total, j.done, j.created, j.unchanged,
              j.revived, j.refused, j.error, j.actor, j.requested_at, j.started_at, j.finished_at"""


@dataclass(frozen=True, slots=True)
class Source:
    """What a job works on, as far as it is kept."""

    job_id: int
    kind: JobKind
    prefix: str
    name: str
    parameters: bytes


async def next_id(tx: Connection) -> int:
    """The number of a job to be added: what is sealed for it must name it."""
    number: int = await tx.fetchval("SELECT nextval(pg_get_serial_sequence('job', 'job_id'))")
    return number


async def add(
    tx: Connection,
    job_id: int,
    *,
    kind: JobKind,
    prefix_id: int,
    name: str,
    parameters: bytes,
    content: bytes | None,
    total: int,
    actor: Actor,
) -> Job:
    await tx.execute(
        """INSERT INTO job (job_id, kind, prefix_id, name, parameters, content, total, actor,
                            actor_detail)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        job_id,
        kind,
        prefix_id,
        name,
        parameters.decode(),
        content,
        total,
        actor.name,
        msgspec.json.encode(actor).decode(),
    )
    (job,) = await get(tx, [job_id])
    return job


async def get(connection: Connection, job_ids: Collection[int]) -> list[Job]:
    """Those of the jobs that there are, in order of their numbers."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM job j JOIN prefix p USING (prefix_id)
             WHERE j.job_id = ANY($1) ORDER BY j.job_id""",
        list(job_ids),
    )
    return [_job(row) for row in rows]


async def owner(connection: Connection, job_id: int) -> int | None:
    """The enterprise a job works for; None where there is no such job."""
    found: int | None = await connection.fetchval(
        "SELECT p.enterprise_id FROM job j JOIN prefix p USING (prefix_id) WHERE j.job_id = $1",
        job_id,
    )
    return found


async def page(
    connection: Connection,
    *,
    enterprise_id: int | None,
    prefix: str | None,
    state: JobState | None,
    after: int | None,
    limit: int,
) -> list[Job]:
    """Jobs, the newest first, those older than `after`."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM job j JOIN prefix p USING (prefix_id)
             WHERE ($1::integer IS NULL OR p.enterprise_id = $1)
               AND ($2::text IS NULL OR p.prefix = $2)
               AND ($3::text IS NULL OR j.state = $3)
               AND ($4::bigint IS NULL OR j.job_id < $4)
             ORDER BY j.job_id DESC LIMIT $5""",
        enterprise_id,
        prefix,
        state,
        after,
        limit,
    )
    return [_job(row) for row in rows]


async def unfinished(connection: Connection, enterprise_id: int) -> int:
    """How many jobs of an enterprise have not ended."""
    number: int = await connection.fetchval(
        """SELECT count(*) FROM job j JOIN prefix p USING (prefix_id)
            WHERE p.enterprise_id = $1 AND j.state IN ('queued', 'running')""",
        enterprise_id,
    )
    return number


async def take(tx: Connection, token: str, seconds: float) -> Lease | None:
    """Take the job that has waited longest: new, given back, or left behind by a worker that no
    longer renews its lease. Of two workers each gets another one."""
    row = await tx.fetchrow(
        """UPDATE job j
              SET state = 'running', lease = $1, stalls = stalls + 1,
                  lease_until = clock_timestamp() + make_interval(secs => $2),
                  started_at = coalesce(started_at, now())
             FROM prefix p
            WHERE p.prefix_id = j.prefix_id AND j.job_id = (
                SELECT job_id FROM job
                 WHERE state IN ('queued', 'running') AND lease_until <= clock_timestamp()
                 ORDER BY lease_until, job_id LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING j.job_id, j.kind, p.prefix, j.prefix_id, j.actor_detail, j.parameters,
                     j.content, j.total, j.position, j.line, j.stalls""",
        token,
        seconds,
    )
    return None if row is None else _lease(row, token)


async def others_wait(connection: Connection) -> bool:
    waiting: bool = await connection.fetchval(
        """SELECT EXISTS (SELECT FROM job WHERE state IN ('queued', 'running')
                             AND lease_until <= clock_timestamp())"""
    )
    return waiting


async def renew(connection: Connection, lease: Lease, seconds: float) -> bool:
    """Whether the job was still this worker's, and is for so many seconds more."""
    renewed: bool | None = await connection.fetchval(
        """UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => $3)
            WHERE job_id = $1 AND lease = $2 AND state = 'running' RETURNING true""",
        lease.job_id,
        lease.token,
        seconds,
    )
    return bool(renewed)


async def give_back(connection: Connection, token: str) -> None:
    """Let any worker go on with the job that was taken with this token, if one was."""
    await connection.execute(
        """UPDATE job SET lease = NULL, lease_until = clock_timestamp(),
                  stalls = greatest(stalls - 1, 0)
            WHERE lease = $1 AND state = 'running'""",
        token,
    )


async def hold(tx: Connection, lease: Lease, position: int) -> bool:
    """Whether the job is this worker's and stands at this position. Until the transaction ends
    nobody else can take, cancel or advance it."""
    held: bool | None = await tx.fetchval(
        """SELECT true FROM job
            WHERE job_id = $1 AND lease = $2 AND state = 'running' AND position = $3
              FOR NO KEY UPDATE""",
        lease.job_id,
        lease.token,
        position,
    )
    return bool(held)


async def advance(
    tx: Connection,
    job_id: int,
    *,
    position: int,
    line: int,
    judged: int,
    created: int,
    unchanged: int,
    revived: int,
    refused: int,
    finished: bool,
    seconds: float,
) -> None:
    """Move a held job on. Once it has ended its total is what was done."""
    await tx.execute(
        """UPDATE job
              SET position = $2, line = $3, done = done + $4, created = created + $5,
                  unchanged = unchanged + $6, revived = revived + $7, refused = refused + $8,
                  stalls = 0, lease_until = clock_timestamp() + make_interval(secs => $10),
                  total = CASE WHEN $9 THEN done + $4 ELSE greatest(total, done + $4) END,
                  state = CASE WHEN $9 THEN 'done' ELSE state END,
                  finished_at = CASE WHEN $9 THEN clock_timestamp() END
            WHERE job_id = $1""",
        job_id,
        position,
        line,
        judged,
        created,
        unchanged,
        revived,
        refused,
        finished,
        seconds,
    )


async def fail(connection: Connection, lease: Lease, error: JobError) -> None:
    """End a job that cannot go on, unless it is another worker's by now."""
    await connection.execute(
        """UPDATE job SET state = 'failed', error = $3, finished_at = clock_timestamp()
            WHERE job_id = $1 AND lease = $2 AND state = 'running'""",
        lease.job_id,
        lease.token,
        msgspec.json.encode(error).decode(),
    )


async def cancel(tx: Connection, job_id: int) -> bool:
    """Whether the job had not ended. Waits for the chunk that is being committed."""
    cancelled: bool | None = await tx.fetchval(
        """UPDATE job SET state = 'cancelled', finished_at = clock_timestamp()
            WHERE job_id = $1 AND state IN ('queued', 'running') RETURNING true""",
        job_id,
    )
    return bool(cancelled)


async def add_refusals(
    tx: Connection, job_id: int, refusals: Sequence[JobRefusal], limit: int
) -> None:
    """Keep refusals to be looked at, as long as the job has fewer than the limit."""
    await tx.execute(
        """INSERT INTO job_refusal (job_id, line, identifier, rule, field, detail)
           SELECT $1, line, identifier, rule, field, detail
             FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
                  AS refusal(line, identifier, rule, field, detail)
            ORDER BY line
            LIMIT greatest($7 - (SELECT count(*) FROM job_refusal WHERE job_id = $1), 0)""",
        job_id,
        [refusal.line for refusal in refusals],
        [refusal.identifier for refusal in refusals],
        [refusal.rule for refusal in refusals],
        [refusal.field for refusal in refusals],
        [refusal.detail for refusal in refusals],
        limit,
    )


async def refusals(connection: Connection, job_id: int, after: int, limit: int) -> list[JobRefusal]:
    rows = await connection.fetch(
        """SELECT line, identifier, rule, field, detail FROM job_refusal
            WHERE job_id = $1 AND line > $2 ORDER BY line LIMIT $3""",
        job_id,
        after,
        limit,
    )
    return [JobRefusal(**row) for row in rows]


async def add_verdicts(
    tx: Connection, job_id: int, position: int, outcomes: bytes, refusals: bytes | None
) -> None:
    await tx.execute(
        "INSERT INTO job_verdicts (job_id, position, outcomes, refusals) VALUES ($1, $2, $3, $4)",
        job_id,
        position,
        outcomes,
        refusals,
    )


async def verdicts(
    connection: Connection, job_id: int, after: int
) -> tuple[int, bytes, bytes | None] | None:
    """The verdicts on the first chunk whose position is above `after`: that position, outcomes and
    refusals."""
    row = await connection.fetchrow(
        """SELECT position, outcomes, refusals FROM job_verdicts
            WHERE job_id = $1 AND position > $2 ORDER BY position LIMIT 1""",
        job_id,
        after,
    )
    return None if row is None else (row["position"], row["outcomes"], row["refusals"])


async def source(connection: Connection, job_id: int) -> Source | None:
    """None once what the job worked on was forgotten."""
    row = await connection.fetchrow(
        """SELECT j.job_id, j.kind, p.prefix, j.name, j.parameters
             FROM job j JOIN prefix p USING (prefix_id)
            WHERE j.job_id = $1 AND j.parameters <> '{}'""",
        job_id,
    )
    if row is None:
        return None
    parameters = row["parameters"].encode()
    return Source(row["job_id"], JobKind(row["kind"]), row["prefix"], row["name"], parameters)


async def forget(tx: Connection, *, finished_before: datetime, limit: int = 20) -> int:
    """Delete the files, verdicts and contents of some jobs that ended before that time; how many
    jobs. That they were, and what came of them, stays."""
    jobs = await tx.fetch(
        """UPDATE job SET content = NULL, parameters = '{}'
            WHERE job_id IN (SELECT job_id FROM job
                              WHERE finished_at < $1 AND parameters <> '{}'
                              ORDER BY finished_at LIMIT $2)
           RETURNING job_id""",
        finished_before,
        limit,
    )
    job_ids = [row["job_id"] for row in jobs]
    for table in ("upload_part", "job_verdicts", "job_refusal"):
        await tx.execute(f"DELETE FROM {table} WHERE job_id = ANY($1)", job_ids)
    return len(job_ids)


def _job(row: asyncpg.Record) -> Job:
    error = row["error"]
    return Job(
        job_id=row["job_id"],
        kind=JobKind(row["kind"]),
        prefix=row["prefix"],
        name=row["name"],
        state=JobState(row["state"]),
        total=row["total"],
        done=row["done"],
        created=row["created"],
        unchanged=row["unchanged"],
        revived=row["revived"],
        refused=row["refused"],
        error=None if error is None else msgspec.json.decode(error, type=JobError),
        actor=row["actor"],
        requested_at=row["requested_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _lease(row: asyncpg.Record, token: str) -> Lease:
    return Lease(
        job_id=row["job_id"],
        token=token,
        kind=JobKind(row["kind"]),
        prefix=row["prefix"],
        prefix_id=row["prefix_id"],
        actor=msgspec.json.decode(row["actor_detail"], type=Actor),
        parameters=row["parameters"].encode(),
        content=row["content"],
        total=row["total"],
        position=row["position"],
        line=row["line"],
        stalls=row["stalls"],
    )
