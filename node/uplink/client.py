"""Asking the national node: signed requests, repeated until answered or given up.

Every operation may be repeated safely. A filing carries its own idempotency handle, prefix and
revision, so a retry after an answer lost on the way meets the filing it made the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import msgspec
import stamina
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from node.uplink.messages import (
    Envelope,
    EnvelopeStatus,
    PrefixFiling,
    PrefixStatus,
    Referral,
    RefusalReason,
)
from node.uplink.signing import sign
from registry.bounded import bounded
from registry.errors import NationalNodeRefused, NationalNodeUnavailable

MAX_ANSWER = 1024 * 1024  # bytes

PREFIXES = "/ntn/v1/prefixes"
RESOLVE = "/ntn/v1/resolve"

T = TypeVar("T")


class NationalNode(msgspec.Struct, frozen=True, kw_only=True):
    """Where the national node is, as whom we speak to it, and how long we insist."""

    base_url: str
    app_id: str
    shr_prefix: str  # this node's secondary prefix, such as 88.118
    attempts: int = 5
    total_seconds: float = 30.0  # for one call, all attempts and waits included
    attempt_seconds: float = 10.0
    wait_initial: float = 0.1  # seconds before the second attempt; doubles from there
    wait_max: float = 5.0  # seconds; bounds a Retry-After as well
    wait_jitter: float = 0.5  # seconds at most, added at random to each wait


class _TryAgain(Exception):
    """An attempt that failed in a way the next one may not."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after  # seconds, where the answer asked for them


class NationalNodeClient:
    """Safe to use from many tasks at once.

    Every call raises NationalNodeUnavailable when no attempt brought an answer of the contract,
    and NationalNodeRefused when the answer was no: `detail` is the envelope's message, `field`
    the item at fault if named, `rule` starts with `status` and the envelope's status.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        node: NationalNode,
        key: Ed25519PrivateKey,
        *,
        clock: Callable[[], float],
        make_nonce: Callable[[], str],
    ) -> None:
        """`clock` gives unix seconds; `make_nonce` 16 to 64 characters, never the same twice."""
        self._session = session
        self._node = node
        self._base = URL(node.base_url)
        self._key = key
        self._clock = clock
        self._make_nonce = make_nonce

    async def file_prefix(self, filing: PrefixFiling) -> PrefixStatus:
        """File a prefix for review; the same (prefix, revision) again gives the same filing."""
        return _present(await self._call("POST", PREFIXES, PrefixStatus, body=filing))

    async def prefix_status(self, prefix: str) -> PrefixStatus | None:
        """Where the prefix stands; None if it was never filed."""
        return await self._call("GET", f"{PREFIXES}/{prefix}", PrefixStatus)

    async def update_prefix(self, filing: PrefixFiling) -> PrefixStatus:
        """File a change of a prefix already filed, under a greater revision."""
        path = f"{PREFIXES}/{filing.prefix}"
        return _present(await self._call("PUT", path, PrefixStatus, body=filing))

    async def delete_prefix(self, prefix: str) -> PrefixStatus:
        """Ask for a prefix to be deleted; deleting again changes nothing."""
        return _present(await self._call("DELETE", f"{PREFIXES}/{prefix}", PrefixStatus))

    async def resolve(self, identifier_text: str, *, at: str | None = None) -> Referral | None:
        """Which service answers for the identifier; None if nobody knows.

        `at` asks another national-level service, the `next` of an earlier referral. This method
        follows nothing itself: whoever asks bounds loops and depth.
        """
        query = {"id": identifier_text}
        base = _service(at) if at is not None else None
        return await self._call("GET", RESOLVE, Referral, query=query, base=base)

    async def _call(
        self,
        method: str,
        path: str,
        answer_type: type[T],
        *,
        body: PrefixFiling | None = None,
        query: dict[str, str] | None = None,
        base: URL | None = None,
    ) -> T | None:
        url = _join(base or self._base, path, query)
        content = msgspec.json.encode(body) if body is not None else b""
        status, answer = await self._insist(method, url, content)
        return _read(status, answer, answer_type)

    async def _insist(self, method: str, url: URL, body: bytes) -> tuple[int, bytes]:
        """The first answer that is final, as HTTP status and body."""
        node = self._node
        try:
            async with asyncio.timeout(node.total_seconds):
                async for attempt in stamina.retry_context(
                    on=self._wait_asked_for,
                    attempts=node.attempts,
                    timeout=node.total_seconds,
                    wait_initial=node.wait_initial,
                    wait_max=node.wait_max,
                    wait_jitter=node.wait_jitter,
                ):
                    with attempt:
                        return await self._attempt(method, url, body)
        except _TryAgain as error:
            raise NationalNodeUnavailable(f"No answer from the national node: {error}") from error
        except TimeoutError as error:
            raise NationalNodeUnavailable(
                f"No answer from the national node within {node.total_seconds:g} s"
            ) from error
        raise AssertionError("a retry context ends by return or by raising")

    def _wait_asked_for(self, error: Exception) -> bool | float:
        """Stamina's hook: no retry, retry with backoff, or retry after so many seconds."""
        if not isinstance(error, _TryAgain):
            return False
        if error.retry_after is None:
            return True
        return min(error.retry_after, self._node.wait_max)

    async def _attempt(self, method: str, url: URL, body: bytes) -> tuple[int, bytes]:
        """One request with its own timestamp and nonce, so that the receiver takes it as new."""
        try:
            async with self._session.request(
                method,
                url,
                data=body or None,
                headers=self.signed_headers(method, url, body),
                timeout=aiohttp.ClientTimeout(total=self._node.attempt_seconds),
                allow_redirects=False,
            ) as response:
                if response.status >= 500 or response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    raise _TryAgain(f"HTTP status {response.status}", _retry_after(response))
                return response.status, await _bounded(response)
        except TimeoutError as error:
            raise _TryAgain(f"silent for {self._node.attempt_seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise _TryAgain(f"{type(error).__name__}: {error}") from error

    def address(self, path: str) -> URL:
        """Where a path of the contract is."""
        return _join(self._base, path, None)

    def signed_headers(self, method: str, url: URL, body: bytes) -> dict[str, str]:
        """For one request, which says when it was made and is taken once."""
        headers = sign(
            self._key,
            app_id=self._node.app_id,
            shr_prefix=self._node.shr_prefix,
            method=method,
            target=url.raw_path_qs,
            body=body,
            timestamp=int(self._clock()),
            nonce=self._make_nonce(),
        )
        # Uncompressed, so that the bound on the answer is one on memory as well.
        headers["Accept-Encoding"] = "identity"
        if body:
            headers["Content-Type"] = "application/json"
        return headers


@asynccontextmanager
async def open_client(
    node: NationalNode,
    key: Ed25519PrivateKey,
    *,
    clock: Callable[[], float],
    make_nonce: Callable[[], str],
) -> AsyncIterator[NationalNodeClient]:
    """A client with a session of its own, closed at the end."""
    async with aiohttp.ClientSession() as session:
        yield NationalNodeClient(session, node, key, clock=clock, make_nonce=make_nonce)


def concerns_content(refusal: NationalNodeRefused) -> bool:
    """Whether what was sent is at fault, and not who sent it, when, or the national node itself."""
    return (refusal.rule or "").startswith(f"status {EnvelopeStatus.REFUSED.value}")


def _service(address: str) -> URL:
    """A base URL out of a referral, which is another's word: it may be anything."""
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise NationalNodeUnavailable("The national node referred to something that is no address")
    return url


def _join(base: URL, path: str, query: dict[str, str] | None) -> URL:
    """`path` below the base's own path, everything percent-encoded once."""
    return base.with_path(base.path.rstrip("/") + path).with_query(query)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = await bounded(response.content.iter_any(), MAX_ANSWER)
    if body is None:
        raise NationalNodeUnavailable(
            f"The national node's answer is larger than {MAX_ANSWER} bytes"
        )
    return body


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Retry-After in seconds; the form with a date is not part of the contract."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _read(status: int, body: bytes, answer_type: type[T]) -> T | None:
    """What a successful answer holds, which may be null; NationalNodeRefused for a refusal."""
    try:
        envelope = msgspec.json.decode(body, type=Envelope)
        if envelope.status != EnvelopeStatus.SUCCESS:
            raise _refusal(envelope)
        data = msgspec.json.decode(envelope.data, type=answer_type | None)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NationalNodeUnavailable(
            f"The national node's answer (HTTP status {status}) is not one of the contract: {error}"
        ) from error
    if status != HTTPStatus.OK:
        raise NationalNodeUnavailable(f"The national node says success with HTTP status {status}")
    return data


def _present(data: T | None) -> T:
    if data is None:
        raise NationalNodeUnavailable("The national node's answer is empty")
    return data


def _refusal(envelope: Envelope) -> NationalNodeRefused:
    try:
        reason = msgspec.json.decode(envelope.data, type=RefusalReason)
    except msgspec.DecodeError:
        reason = RefusalReason()
    rule = f"status {envelope.status}" + (f": {reason.rule}" if reason.rule else "")
    return NationalNodeRefused(envelope.message, field=reason.field, rule=rule)
