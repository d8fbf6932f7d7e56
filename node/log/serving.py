"""The logs over HTTP: checkpoint and tiles, below /log/<name>/ (C2SP tlog-tiles).

Only what a published checkpoint covers is served. Tiles never change, so they may be kept for ever;
the checkpoint does.
"""

from __future__ import annotations

from aiohttp import web

from metrics.log import store
from metrics.log.export import cut
from metrics.log.fault import LogFault
from metrics.log.log import Log
from metrics.log.tile import ENTRIES, HEIGHT, Tile
from node.http.edge import problem_surface
from node.wiring import WIRING
from registry.errors import NotFound, Unavailable

SURFACE = problem_surface("log", "/log")
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
CHANGING = {"Cache-Control": "no-cache"}


class NotInLog(NotFound):
    kind = "not-in-log"
    title = "The log has no such thing"


class TileMissing(Unavailable):
    kind = "tile-missing"
    title = "A part of the log is missing"


def routes() -> list[web.RouteDef]:
    return [
        web.get("/log/{name}/checkpoint", checkpoint, name="log_checkpoint"),
        web.get("/log/{name}/{path:tile/.+}", tile, name="log_tile"),
    ]


async def checkpoint(request: web.Request) -> web.Response:
    """The latest published checkpoint."""
    async with request.app[WIRING].database.connection() as connection:
        log = await store.named(connection, request.match_info["name"])
        published = None if log is None else await store.published(connection, log.log_id)
    if published is None:
        raise _nothing("no checkpoint is published here")
    return web.Response(
        text=published.note, content_type="text/plain", charset="utf-8", headers=CHANGING
    )


async def tile(request: web.Request) -> web.Response:
    """A tile of hashes, or a bundle of entries."""
    try:
        wanted = Tile.parse(request.match_info["path"])
    except LogFault as fault:
        raise _nothing(fault.detail) from None
    async with request.app[WIRING].database.connection() as connection:
        log = await store.named(connection, request.match_info["name"])
        published = None if log is None else await store.published(connection, log.log_id)
        if log is None or published is None or not covers(published.size, wanted):
            raise _nothing("no published checkpoint needs this tile")
        content = await store.tile(connection, log.log_id, wanted.level, wanted.index)
    if content is None:
        raise _missing(log, wanted)
    return web.Response(
        body=cut(content, wanted), content_type="application/octet-stream", headers=IMMUTABLE
    )


def covers(size: int, tile: Tile) -> bool:
    """Whether all of a tile belongs to a log of this size."""
    there = size if tile.level == ENTRIES else size >> HEIGHT * tile.level
    return tile.start + tile.width <= there


def _nothing(detail: str) -> NotInLog:
    return NotInLog(detail, field="path", rule="not-in-log")


def _missing(log: Log, tile: Tile) -> TileMissing:
    return TileMissing(f"{log.name}/{tile.path} is missing: `biaoshi verify` says more")
