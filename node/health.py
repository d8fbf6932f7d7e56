"""Health, readiness and metrics."""

from __future__ import annotations

import asyncio

import asyncpg
import msgspec
from aiohttp import web
from redis.exceptions import RedisError

from metrics.instruments import CONTENT_TYPE
from node import foundation
from node.settings import Settings
from node.wiring import WIRING, Wiring
from registry.database import DATABASE_AWAY
from registry.errors import BiaoshiError
from registry.keeper import store
from registry.sealing import SealingKeyUnfit

PATIENCE = 2.0  # seconds for what a probe asks


def routes(settings: Settings) -> list[web.RouteDef]:
    """Of several workers whoever answers would tell its own numbers as the node's: each has an
    address of its own for that."""
    probes = [
        web.get("/healthz", healthy, name="healthz"),
        web.get("/readyz", ready, name="readyz"),
    ]
    return probes if settings.workers else [*probes, _METRICS]


def monitoring(wiring: Wiring) -> web.Application:
    """What one process answers on an address of its own: whether it lives, and its metrics."""
    app = web.Application()
    app[WIRING] = wiring
    app.add_routes([web.get("/healthz", healthy), _METRICS])
    return app


async def healthy(_: web.Request) -> web.Response:
    """The process answers; it says nothing of what it depends on."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """200 when registration and resolution work here; 503 naming what is missing otherwise."""
    wiring = request.app[WIRING]
    missing = await _missing(wiring)
    degraded = await _degraded(wiring)
    status = "ready" if not missing else "not ready"
    body = msgspec.json.encode({"status": status, "missing": missing, "degraded": degraded})
    return web.Response(body=body, status=503 if missing else 200, content_type="application/json")


async def metrics(request: web.Request) -> web.Response:
    body = request.app[WIRING].instruments.exposition()
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


_METRICS = web.get("/metrics", metrics, name="metrics")


async def _missing(wiring: Wiring) -> dict[str, str]:
    """What registration and local resolution cannot do without."""
    try:
        async with asyncio.timeout(PATIENCE), wiring.database.connection() as connection:
            await foundation.check(connection, wiring.settings)
    except SealingKeyUnfit:
        return {"sealing_key": "cannot be used"}  # its path is nobody's business
    except BiaoshiError as error:
        return {"database": error.detail}
    except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
        return {"database": f"does not answer ({type(error).__name__})"}
    return {}


async def _degraded(wiring: Wiring) -> dict[str, str]:
    """What is away and can be done without: the national node and Redis."""
    found: dict[str, str] = {}
    if wiring.redis is not None:
        try:
            async with asyncio.timeout(PATIENCE):
                await wiring.redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            found["redis"] = f"does not answer ({type(error).__name__})"
    if wiring.uplink is None:
        found["national_node"] = "not configured: filings wait in the outbox"
    if wiring.log is not None and wiring.log.keeping.trouble is not None:
        found["log"] = f"not kept at present: {wiring.log.keeping.trouble}"
    return found | await _told_by_keeper(wiring)


async def _told_by_keeper(wiring: Wiring) -> dict[str, str]:
    """What only the keeper knows, which may be another process. A database that is away is told
    elsewhere."""
    try:
        async with asyncio.timeout(PATIENCE), wiring.database.connection() as connection:
            if not await store.seat_is_taken(connection):
                return {"keeper": "none is elected: nothing is sent to the national node"}
            if wiring.uplink is not None and not await store.national_node_answers(connection):
                return {"national_node": "does not answer: filings wait in the outbox"}
    except (asyncpg.PostgresError, *DATABASE_AWAY):
        pass
    return {}
