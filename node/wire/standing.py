"""Whether a proof of identity still stands: a key that was changed or taken away since, or an
application that was revoked, has no rights any more, however long its connection or session lasts.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

import msgspec

from node.wire.call import Line, Proven, Refused
from node.wire.parts import Parts
from registry.errors import NotAuthenticated
from registry.record.typed_data import Reference
from registry.record.value import Value
from resolver.wire.code import ResponseCode

TRUSTED = timedelta(seconds=1)  # for so long a connection's proof is not looked at again
MARK_BYTES = 16


def mark_of(value: Value, key: bytes = b"") -> bytes:
    """What stands for a key in a record. Keyed, so that what is stored of it does not let secrets
    be guessed."""
    text = msgspec.json.encode(value.stamped(""))
    key = key[: hashlib.blake2b.MAX_KEY_SIZE]
    return hashlib.blake2b(text, digest_size=MARK_BYTES, key=key).digest()


async def stands(parts: Parts, identity: Reference, mark: bytes, key: bytes = b"") -> bool:
    """Whether the identity's record still has the key of this mark."""
    values = await parts.wiring.catalogue.identity_values(identity.handle)
    return any(mark_of(value, key) == mark for value in values)


async def look_again(parts: Parts, line: Line, *, administrative: bool) -> None:
    """Forget a connection's login that no longer stands. Raises Refused where that matters."""
    login, now = line.login, parts.wiring.now()
    if login is None or abs(now - login.seen) < TRUSTED:
        return
    if await _stands(parts, login.proven):
        login.seen = now
        return
    line.login = None
    if administrative:
        raise Refused(ResponseCode.LOGIN_AGAIN, "this login's key or token is good no longer")


async def _stands(parts: Parts, proven: Proven) -> bool:
    if proven.token:
        try:
            await parts.wiring.applications.authenticate(proven.token, "")
        except NotAuthenticated:
            return False
        return True
    identity = proven.actor.identity
    return identity is not None and await stands(parts, identity, proven.mark)
