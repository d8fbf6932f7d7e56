"""The wiring of a node: its parts are opened in order and closed in reverse."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web
from redis.asyncio import Redis

from metrics.crew import Crew
from metrics.instruments import Instruments
from metrics.journal.loss import LossCollector
from metrics.log.keys import LogKeys
from metrics.log.upkeep import UpkeepCollector
from node import foundation, health, housekeeping
from node.award import issuing
from node.bureau import uploading
from node.counting import count_keeping
from node.crew import crew
from node.handle_json import surface as handle_json
from node.http.client import Clients
from node.http.edge import make_edge
from node.http.reception import Reception
from node.http.throttle import REDIS_PATIENCE, Throttle
from node.keeper import Keeper, Work
from node.lane.site import LANE, desk_of
from node.log import serving as log_serving
from node.log.wiring import certified_log, claim_keys
from node.page import surface as page
from node.recorder import Recorder, open_recorder
from node.recursion import recursion
from node.settings import Settings, station_of
from node.snms import surface as snms
from node.standing import standing_keeping
from node.uplink.sender import Sender
from node.uplink.wiring import national_node
from node.v1 import docs
from node.v1 import surface as v1
from node.version import VERSION
from node.wiring import WIRING, Wiring
from registry.access.applications import Applications
from registry.access.keyring import Keyring
from registry.access.once import OnceRunner
from registry.change.feed import Feed
from registry.code.allocation import Codes
from registry.database import Database, connect
from registry.enterprise.enterprises import Enterprises
from registry.enterprise.related_party import RelatedParties
from registry.gs1.gtins import Gtins
from registry.importing.imports import Imports
from registry.job.block import BlockWork
from registry.job.job import JobKind
from registry.job.jobs import Jobs
from registry.job.report import Reports
from registry.job.watcher import Watcher
from registry.job.worker import JobWork, Shift, Worker
from registry.lookup.backfill import Backfill
from registry.prefix.prefixes import Prefixes
from registry.public.lookups import Lookups
from registry.query.export import Exports
from registry.query.queries import Queries
from registry.record.archive import Form
from registry.record.bulk import Bulk, Tally
from registry.record.catalogue import Catalogue
from registry.record.changes import Changes
from registry.record.group import GroupCommit
from registry.record.registrar import Registrar
from registry.record.registration import Method
from registry.roll.admission import Admissions
from registry.roll.roll import Roll
from registry.sealing import SealingKey
from registry.template.grants import Grants
from registry.template.templates import Templates
from registry.upload.work import UploadWork
from resolver.aliases import Aliases
from resolver.cache import Cache
from resolver.chain import Chain
from resolver.dns import Dns
from resolver.local import LocalLink
from resolver.named import Named
from resolver.records import Records
from resolver.zones import Zones

SURFACES = (v1.SURFACE, handle_json.SURFACE, snms.SURFACE, log_serving.SURFACE, handle_json.SITE)

# Coming in at once: each may take as much disk as an upload may have.
UPLOADS_EACH, UPLOADS_ALTOGETHER = 4, 32
EXPORTS_EACH, EXPORTS_ALTOGETHER = 2, 8  # under way in one process

# Queries for what many ask at once: while one is answered the next may be sent.
LOOKUPS = 3


@dataclass(frozen=True, slots=True)
class Node:
    """An open node: its application, and the work that must run beside it."""

    app: web.Application
    wiring: Wiring
    background: tuple[Work, ...]  # in every process
    answering: tuple[Work, ...]  # in every process that answers
    keeping: tuple[Work, ...]  # in one process alone: the keeper


@asynccontextmanager
async def open_node(settings: Settings) -> AsyncIterator[Node]:
    """Open everything a node needs; raises a BiaoshiError in one line where something is amiss."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            connect(
                settings.database_url,
                size=settings.database_connections,
                statement_timeout=settings.statement_seconds,
            )
        )
        async with database.connection() as connection:
            await foundation.check(connection, settings)
        keys = await claim_keys(settings, database)
        hands = stack.enter_context(crew())
        redis = _redis(settings)
        if redis is not None:
            stack.push_async_callback(redis.aclose)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        sealing = SealingKey.load(Path(settings.sealing_key_file))
        recorder = await stack.enter_async_context(open_recorder(settings, database, sealing))
        leaves = keys.leaf.material if keys else None
        form = Form(settings.case_sensitive, sealing, leaves=leaves)
        yield _assemble(settings, database, redis, session, form, recorder, keys, hands)


def _assemble(
    settings: Settings,
    database: Database,
    redis: Redis | None,
    session: aiohttp.ClientSession,
    form: Form,
    recorder: Recorder,
    keys: LogKeys | None,
    hands: Crew,
) -> Node:
    instruments = Instruments(VERSION)
    instruments.registry.register(LossCollector(recorder.journal))
    once = OnceRunner(database, form.sealing)
    cache = Cache(settings.cache_mebibytes << 20)
    lookups = Lookups(database, form)
    prefixes_on = partial(
        Prefixes,
        once=once,
        secondary=settings.secondary_prefix,
        allow_private=settings.allow_private_addresses,
        tell=cache.hear,
    )
    prefixes = prefixes_on(database)
    catalogue = Catalogue(database, form, _now)
    queries = Queries(database, case_sensitive=settings.case_sensitive)
    national = national_node(settings, session)
    keeper = Keeper(
        settings.database_url, f"{socket.gethostname()} {os.getpid()}", instruments.keeper_up.set
    )
    log = certified_log(settings, keys, database, session, national, _now, keeper.fence, hands)
    kept = database.behind(keeper.fence)  # for the keeper's works
    sender = Sender(kept, prefixes_on(kept), national, instruments) if national else None
    records = Records(lookups, cache, recorder.journal.digest)
    servers = [station_of(one) for one in settings.dns_servers]
    dns = Dns(servers, seconds=settings.recursion_seconds)
    local = LocalLink(catalogue, records)
    registrar = Registrar(database, form, cache.hear)
    singles = GroupCommit(partial(registrar.grant, method=Method.SINGLE))
    bulk = Bulk(database, form, cache.hear)
    works: dict[JobKind, JobWork] = {
        JobKind.BLOCK: BlockWork(bulk, form),
        JobKind.UPLOAD: UploadWork(database, bulk, form, _now),
    }
    worker = Worker(database, form.sealing, works, _shift(settings, instruments))
    watcher = Watcher(database)
    gtins = Gtins(database)
    elsewhere = recursion(settings, session, catalogue, national, redis, dns)
    wiring = Wiring(
        settings=settings,
        instruments=instruments,
        clients=Clients(
            settings.trusted_proxies, credentials_over_http=settings.credentials_over_http
        ),
        throttle=Throttle(redis, time.time),
        database=database,
        redis=redis,
        form=form,
        keyring=Keyring(database, once, _now),
        applications=Applications(database, once, form.sealing, _now),
        roll=Roll(database),
        admissions=Admissions(database, form.sealing, settings.secondary_prefix),
        enterprises=Enterprises(database, once),
        related_parties=RelatedParties(database, _now),
        prefixes=prefixes,
        codes=Codes(
            database,
            once,
            case_sensitive=settings.case_sensitive,
            now=_now,
            random_bytes=secrets.token_bytes,
        ),
        templates=Templates(database, once, form.shelf, cache.hear),
        grants=Grants(database, once, _now),
        registrar=registrar,
        bulk=bulk,
        imports=Imports(database, form),
        changes=Changes(database, form, cache.hear),
        singles=singles,
        jobs=Jobs(database, once, form, worker.wake),
        reception=Reception(each=UPLOADS_EACH, altogether=UPLOADS_ALTOGETHER),
        reports=Reports(database, form.sealing, works),
        watcher=watcher,
        catalogue=catalogue,
        queries=queries,
        exports=Exports(database, form, queries),
        exporting=Reception(each=EXPORTS_EACH, altogether=EXPORTS_ALTOGETHER),
        gtins=gtins,
        records=records,
        local=local,
        chain=Chain([local, Aliases(elsewhere, local)]),
        named=Named(Zones(dns, oid=settings.oid_zone, ons=settings.ons_zone), gtins),
        recorder=recorder,
        now=_now,
        uplink=sender,
        keeper=keeper,
        log=log,
        issuing=issuing(settings, database, session, recorder.journal.digest, log, _now, once),
    )
    # Two workers: a small job need not wait for a large file to be opened.
    answering: list[Work] = [singles.run, worker.run, worker.run, watcher.run]
    answering += [Feed(settings.database_url, cache).run, *[lookups.run] * LOOKUPS]
    keeping: list[Work] = [
        partial(housekeeping.run, kept, _now),
        Backfill(kept).run,
        count_keeping(settings, database, _now, keeper.fence, hands).run,
        standing_keeping(database, _now, instruments).run,
    ]
    if sender:
        keeping.append(sender.run)
    if log:
        instruments.registry.register(UpkeepCollector(log.keeping))
        keeping.append(log.keeping.run)
    if uploads := uploading(settings, kept, session, log):
        keeping.append(uploads.run)
    background = (recorder.shipper.run,)
    return Node(_application(wiring), wiring, background, tuple(answering), tuple(keeping))


def _application(wiring: Wiring) -> web.Application:
    app = web.Application(middlewares=[make_edge(SURFACES)])
    app[WIRING] = wiring
    app[LANE] = desk_of(wiring)
    app.on_shutdown.append(_end_watches)
    app.add_routes([*health.routes(wiring.settings), *v1.routes()])
    app.add_routes(docs.routes(v1.OPERATIONS, version=VERSION))
    app.add_routes([*handle_json.routes(), *snms.routes(), *log_serving.routes()])
    app.add_routes(page.routes())
    return app


async def _end_watches(app: web.Application) -> None:
    """Streams of events would last longer than the node."""
    app[WIRING].watcher.close()


def _shift(settings: Settings, instruments: Instruments) -> Shift:
    def count(kind: JobKind, tally: Tally) -> None:
        instruments.count(kind, tally.created, tally.unchanged, tally.revived, len(tally.refusals))

    return Shift(settings.job_lease_seconds, partial(secrets.token_hex, 8), count)


def _redis(settings: Settings) -> Redis | None:
    if settings.redis_url is None:
        return None
    return Redis.from_url(
        settings.redis_url, socket_timeout=REDIS_PATIENCE, socket_connect_timeout=REDIS_PATIENCE
    )


def _now() -> datetime:
    return datetime.now(UTC)
