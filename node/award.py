"""Issuing reports in the running program: where its evidence, keys and witness come from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import aiohttp

from award.archive.issuing import Issuing, Signing
from award.evidence.ledger import Ledger
from award.evidence.prometheus import Prometheus
from award.money import Rate
from metrics.year.book import YearBook
from node.log.wiring import CertifiedLog
from node.settings import Settings
from registry.access.once import OnceRunner
from registry.database import Database

DEMO = "demo."  # what the origin of a demonstration's log begins with


def issuing(
    settings: Settings,
    database: Database,
    session: aiohttp.ClientSession,
    digest: Callable[[str], bytes],
    log: CertifiedLog | None,
    now: Callable[[], datetime],
    once: OnceRunner,
) -> Issuing:
    """`digest` is the journal's hash of canonical identifiers. Without a certified log nothing can
    be signed, and so no report is issued."""
    witnesses = log.witnesses if log else ()
    ledger = Ledger(database, YearBook(database, digest), witnesses, demo=is_demo(settings))
    url = settings.prometheus_url
    return Issuing(
        database,
        settings.secondary_prefix,
        ledger,
        _signing(settings, log) if log else None,
        Prometheus(session, url) if url else None,
        Decimal(Rate.parse(settings.prometheus_tolerance)),
        now,
        once,
    )


def _signing(settings: Settings, log: CertifiedLog) -> Signing:
    spelled = settings.national_node_witness_key
    national = [key for key in log.witnesses if str(key) == (spelled or "").strip()]
    return Signing(log.keys, log.origin, log.witnesses, national[0] if national else None)


def is_demo(settings: Settings) -> bool:
    """Whether this is a demonstration, whose numbers are no evidence."""
    return (settings.log_origin or "").startswith(DEMO)
