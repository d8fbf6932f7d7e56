"""From credentials to actors: API keys as Bearer tokens, and handle identities as Basic ones."""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import unquote

from aiohttp import web

from node.http.edge import REQUEST_ID
from node.wiring import Wiring
from registry.access.actor import Actor, anonymous
from registry.errors import InvalidIdentifier, NotAuthenticated
from registry.identifier import Identifier
from registry.record.typed_data import Reference
from registry.record.value import MAX_INDEX, SECRET_TYPE, Data

FAILURES = "authentication-failures"
MINUTE = 60


async def authenticate(request: web.Request, wiring: Wiring) -> Actor:
    """The actor behind a request. Without credentials: anonymous.

    Raises NotAuthenticated for credentials that don't hold or that came by an unsafe way, and
    TooManyRequests for an address that failed too often.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return anonymous(request[REQUEST_ID])
    if not wiring.clients.takes_credentials(request):
        raise NotAuthenticated(
            "credentials are taken over TLS only", field="Authorization", rule="tls-needed"
        )
    client = wiring.clients.address(request)
    limit = wiring.settings.failures_per_minute
    await wiring.throttle.check(FAILURES, client, limit=limit, window=MINUTE)
    try:
        return await _actor(header, request[REQUEST_ID], wiring)
    except NotAuthenticated:
        await wiring.throttle.count(FAILURES, client, limit=limit, window=MINUTE)
        raise


async def _actor(header: str, request_id: str, wiring: Wiring) -> Actor:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return await wiring.keyring.authenticate(value.strip(), request_id)
    if scheme.lower() == "basic":
        return await _identity(value.strip(), request_id, wiring)
    raise NotAuthenticated(
        "credentials are a Bearer key, or Basic with a handle and its secret key",
        field="Authorization",
        rule="scheme",
    )


async def _identity(value: str, request_id: str, wiring: Wiring) -> Actor:
    """The handle identity `index:handle` whose HS_SECKEY is the password."""
    user, secret = _basic(value)
    identity = _reference(user)
    for stored in await wiring.catalogue.identity_values(identity.handle):
        if stored.index == identity.index and stored.type.upper() == SECRET_TYPE:
            expected = _secret_bytes(stored.data)
            if expected and hmac.compare_digest(expected, secret):
                name = f"handle:{identity.index}:{identity.handle}"
                return Actor(name, identity=identity, request_id=request_id)
    raise NotAuthenticated("Identity not verified", field="Authorization", rule="identity-unknown")


def _basic(value: str) -> tuple[str, bytes]:
    """User and password. The user is percent-encoded, since a handle may contain a colon."""
    try:
        text = base64.b64decode(value, validate=True)
        user, colon, secret = text.partition(b":")
        if not colon:
            raise ValueError("no colon")
        return unquote(user.decode(), errors="strict"), unquote(secret.decode()).encode()
    except (ValueError, binascii.Error):
        raise NotAuthenticated(
            "Basic credentials are user and password", field="Authorization", rule="basic-form"
        ) from None


def _reference(user: str) -> Reference:
    index, _, handle = user.partition(":")
    try:
        if not (index.isascii() and index.isdigit()) or int(index) > MAX_INDEX:
            raise ValueError(index)
        return Reference(Identifier.parse(handle).text, int(index))
    except (ValueError, InvalidIdentifier):
        raise NotAuthenticated(
            "the user is index:prefix/suffix, percent-encoded",
            field="Authorization",
            rule="identity-form",
        ) from None


def _secret_bytes(data: Data) -> bytes:
    """The secret a value holds; empty, which opens nothing, where it holds none."""
    if data.format == "base64":
        return base64.b64decode(data.value)
    return data.value.encode() if data.format == "string" else b""
