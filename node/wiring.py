"""What request handlers work with. Made once, in `node/app.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from redis.asyncio import Redis

from award.archive.issuing import Issuing
from metrics.instruments import Instruments
from node.http.client import Clients
from node.http.reception import Reception
from node.http.throttle import Throttle
from node.keeper import Keeper
from node.log.wiring import CertifiedLog
from node.recorder import Recorder
from node.settings import Settings
from node.uplink.sender import Sender
from registry.access.applications import Applications
from registry.access.keyring import Keyring
from registry.code.allocation import Codes
from registry.database import Database
from registry.enterprise.enterprises import Enterprises
from registry.enterprise.related_party import RelatedParties
from registry.gs1.gtins import Gtins
from registry.importing.imports import Imports
from registry.job.jobs import Jobs
from registry.job.report import Reports
from registry.job.watcher import Watcher
from registry.prefix.prefixes import Prefixes
from registry.query.export import Exports
from registry.query.queries import Queries
from registry.record.archive import Form
from registry.record.bulk import Bulk
from registry.record.catalogue import Catalogue
from registry.record.changes import Changes
from registry.record.group import GroupCommit
from registry.record.registrar import Registrar
from registry.roll.admission import Admissions
from registry.roll.roll import Roll
from registry.template.grants import Grants
from registry.template.templates import Templates
from resolver.chain import Chain
from resolver.local import LocalLink
from resolver.named import Named
from resolver.records import Records


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts of a running node."""

    settings: Settings
    instruments: Instruments
    clients: Clients
    throttle: Throttle
    database: Database
    redis: Redis | None
    form: Form
    keyring: Keyring
    applications: Applications
    roll: Roll
    admissions: Admissions
    enterprises: Enterprises
    related_parties: RelatedParties
    prefixes: Prefixes
    codes: Codes
    templates: Templates
    grants: Grants
    registrar: Registrar
    bulk: Bulk
    imports: Imports
    changes: Changes  # of many records at once
    singles: GroupCommit  # registrations that arrive one by one
    jobs: Jobs
    reception: Reception  # of uploads
    reports: Reports  # what became of every line of a job
    watcher: Watcher  # of jobs
    catalogue: Catalogue
    queries: Queries
    exports: Exports
    exporting: Reception  # exports under way
    gtins: Gtins
    records: Records  # as anyone may read them
    local: LocalLink  # this node's own records alone
    named: Named  # OIDs and GTINs: what is registered here, and the DNS
    chain: Chain  # the local link, then recursion
    recorder: Recorder  # of resolutions
    now: Callable[[], datetime]
    uplink: Sender | None  # None where no national node is configured
    keeper: Keeper
    log: CertifiedLog | None  # None where no certified log is kept
    issuing: Issuing  # of reports on the award


WIRING = web.AppKey("wiring", Wiring)
