"""Witnesses over HTTP: C2SP tlog-witness, and the national node's, which wants signed requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

import aiohttp
from yarl import URL

from metrics.log.cosignature import time_of
from metrics.log.fault import LogFault
from metrics.log.note import COSIGNATURE, Signature, VerifierKey
from metrics.log.publisher import LogForked, WitnessAway, WitnessConflict, WitnessRefused
from metrics.log.submission import SIZE_MEDIA_TYPE, Submission
from registry.bounded import bounded

MAX_ANSWER = 64 * 1024  # bytes
PATIENCE = 5.0  # seconds

Headers = Callable[[str, URL, bytes], Mapping[str, str]]


def no_headers(method: str, url: URL, body: bytes) -> Mapping[str, str]:
    return {}


class HttpWitness:
    """`url` is the whole address that submissions go to. Safe to share between tasks."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: URL,
        key: VerifierKey,
        headers: Headers = no_headers,
    ) -> None:
        if key.kind != COSIGNATURE:
            raise LogFault(f"{key.name} is no witness's key", field="key", rule="witness-key")
        self._session = session
        self._url = url
        self._key = key
        self._headers = headers

    @property
    def key(self) -> VerifierKey:
        return self._key

    async def add(self, submission: Submission) -> Signature:
        """See `metrics.log.publisher.Witness`."""
        status, media_type, text = await self._post(str(submission).encode())
        if status == HTTPStatus.OK:
            return self._line(submission, text)
        if status == HTTPStatus.CONFLICT and media_type == SIZE_MEDIA_TYPE:
            raise WitnessConflict(_size(text))
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise LogForked(f"{self._key.name} has seen another history of this log")
        if status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise WitnessAway(f"it answers with HTTP status {status}")
        raise WitnessRefused(f"it answers with HTTP status {status}: {text[:200].strip()}")

    async def _post(self, body: bytes) -> tuple[int, str, str]:
        headers = {"Content-Type": "text/plain", "Accept-Encoding": "identity"}
        headers |= self._headers("POST", self._url, body)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                content = await bounded(response.content.iter_any(), MAX_ANSWER)
                if content is None:
                    raise WitnessAway(f"its answer is longer than {MAX_ANSWER} bytes")
                return response.status, response.content_type, content.decode("utf-8", "replace")
        except TimeoutError:
            raise WitnessAway(f"silent for {PATIENCE:g} s") from None
        except aiohttp.ClientError as error:
            raise WitnessAway(type(error).__name__) from None

    def _line(self, submission: Submission, text: str) -> Signature:
        """Its own line among those that came; others' are none of ours."""
        try:
            lines = [Signature.parse(line) for line in text.splitlines()]
            for line in lines:
                if line.of(self._key):
                    time_of(self._key, submission.note.text, line)
                    return line
        except LogFault as fault:
            raise WitnessAway(f"its answer is not one of the contract: {fault.detail}") from None
        raise WitnessAway("its answer has no line of its key")


def _size(text: str) -> int:
    if text.endswith("\n") and text[:-1].isascii() and text[:-1].isdigit() and len(text) < 20:
        return int(text)
    raise WitnessAway("it says conflict and no size")
