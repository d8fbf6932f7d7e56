"""What a node speaks to besides its database: the national node, Redis, and itself."""

from __future__ import annotations

import os
import time
from email.utils import parsedate_to_datetime

import aiohttp
from redis.asyncio import Redis
from redis.exceptions import RedisError

from node.cli.client import NodeClient, NodeRefused
from node.cli.doctor.finding import Finding, failed, warning, well
from node.http.entrance import CannotListen, base_url, probe
from node.settings import Settings
from registry.errors import BiaoshiError

PATIENCE = 5.0  # seconds
SKEW_SECONDS = 300.0  # beyond which the national node refuses signatures
UNREADY = 503


async def examine(settings: Settings) -> list[Finding]:
    return [
        await _national_node(settings),
        await _redis(settings),
        await _port(settings),
    ]


async def _national_node(settings: Settings) -> Finding:
    subject = "国家顶级节点 national node"
    if settings.national_node_url is None:
        return warning(
            subject,
            "not configured: filings wait, no prefix becomes active",
            "set national_node_url, national_node_app_id and national_node_key_file",
        )
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(settings.national_node_url, allow_redirects=False) as response,
        ):
            date = response.headers.get("Date")
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else type(error).__name__
        return warning(
            subject,
            f"{settings.national_node_url}: {reason}; filings wait, registration goes on",
            "check national_node_url and the way there",
        )
    return _skew(subject, settings.national_node_url, date)


def _skew(subject: str, url: str, date: str | None) -> Finding:
    """The Date header has whole seconds, which is enough here."""
    try:
        difference = parsedate_to_datetime(date or "").timestamp() - time.time()
    except ValueError:
        return well(subject, f"{url} answers, without its time")
    said = f"{url} answers, clock differs by {difference:+.0f} s"
    if abs(difference) < SKEW_SECONDS:
        return well(subject, said)
    remedy = "keep this machine's clock with NTP: signatures older than 300 s are refused"
    return failed(subject, said, remedy)


async def _redis(settings: Settings) -> Finding:
    subject = "Redis"
    if settings.redis_url is None:
        return well(subject, "not configured: one host needs none")
    try:
        redis = Redis.from_url(
            settings.redis_url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        )
        async with redis:
            await redis.ping()
    except (RedisError, OSError, ValueError, TimeoutError) as error:
        return warning(
            subject,
            f"does not answer ({type(error).__name__}); limits are kept in process",
            "check redis_url and that the server runs",
        )
    return well(subject, "answers")


async def _port(settings: Settings) -> Finding:
    """Free, or taken by a node that is ready."""
    subject = "监听端口 port"
    where = f"{settings.host} port {settings.port}"
    try:
        with probe(settings.host, settings.port):
            return well(subject, f"{where} is free")
    except CannotListen as error:
        return await _taken(subject, where, error, base_url(settings.host, settings.port))


async def _taken(subject: str, where: str, error: CannotListen, url: str) -> Finding:
    remedy = "end the other program, or choose another port"
    try:
        async with NodeClient(url, seconds=PATIENCE) as client:
            answer = await client.get("/readyz")
    except NodeRefused as refusal:
        if refusal.status == UNREADY:
            return failed(
                subject, f"a node answers at {url}, but is not ready", f"see {url}/readyz"
            )
        return failed(subject, error.detail, remedy)
    except BiaoshiError:
        return failed(subject, error.detail, remedy)
    if not isinstance(answer, dict) or answer.get("status") != "ready":
        return failed(subject, error.detail, remedy)
    return well(subject, f"{where}: a node answers there and is ready")
