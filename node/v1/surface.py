"""All operations of v1, and the surface they make."""

from __future__ import annotations

from aiohttp import web

from node.http.edge import problem_surface
from node.v1 import (
    applications,
    batch,
    bureau,
    changes,
    codes,
    counts,
    enterprises,
    exports,
    gtins,
    identifiers,
    imports,
    jobs,
    keys,
    prefixes,
    queries,
    receipts,
    related_parties,
    resolution,
    search,
    templates,
    uploads,
)

OPERATIONS = (
    *enterprises.OPERATIONS,
    *related_parties.OPERATIONS,
    *prefixes.OPERATIONS,
    *keys.OPERATIONS,
    *applications.OPERATIONS,
    *codes.OPERATIONS,
    *templates.OPERATIONS,
    *gtins.OPERATIONS,
    *queries.OPERATIONS,
    *exports.OPERATIONS,
    *search.OPERATIONS,
    *identifiers.OPERATIONS,
    *receipts.OPERATIONS,
    *imports.OPERATIONS,
    *changes.OPERATIONS,
    *jobs.OPERATIONS,
    *uploads.OPERATIONS,
    *resolution.OPERATIONS,
    *counts.OPERATIONS,
    *bureau.OPERATIONS,
    *batch.OPERATIONS,
)
SURFACE = problem_surface("v1", "/v1")


def routes() -> list[web.RouteDef]:
    return [operation.route() for operation in OPERATIONS]
