"""The client of a node's HTTP API: bounded in time, and every refusal one line."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from metrics.journal.client import OWN_AGENT
from node.version import VERSION
from registry.errors import BiaoshiError, InvalidInput, Unavailable

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 60.0
PAGE = 1000
PIECE = 256 * 1024  # bytes written at a time

T = TypeVar("T")


class NodeRefused(BiaoshiError):
    """The node answered with a problem. `status` is HTTP's, `kind` stays this class's."""

    kind = "node-refused"
    title = "The node refused the request"

    def __init__(
        self, detail: str, *, status: int, field: str | None = None, rule: str | None = None
    ) -> None:
        super().__init__(detail, field=field, rule=rule)
        self.status = status


class NodeUnreachable(Unavailable):
    kind = "node-unreachable"
    title = "The node does not answer"


class _Problem(msgspec.Struct, frozen=True):
    title: str
    detail: str = ""
    field: str | None = None
    rule: str | None = None


class NodeClient:
    """One node's API, spoken to with one key or none. Safe to share between tasks."""

    def __init__(
        self, base_url: str, key: str | None = None, *, seconds: float = TOTAL_SECONDS
    ) -> None:
        """Raises InvalidInput where `base_url` is none. `seconds` bounds one request."""
        self.base_url = base_url.rstrip("/")
        if URL(self.base_url).scheme not in ("http", "https") or not URL(self.base_url).host:
            raise InvalidInput(f"{base_url} is not the URL of a node, such as http://host:8000")
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"Accept": "application/json", "User-Agent": f"{OWN_AGENT}/{VERSION}"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(headers=headers, timeout=self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **query: str | int | list[str]) -> Any:
        return await self.call("GET", path, query=query)

    async def pages(self, path: str, **query: str | int) -> AsyncIterator[Any]:
        """All items of a list that comes in pages."""
        after: str | None = None
        while True:
            page = await self.get(path, limit=PAGE, **query, **({"after": after} if after else {}))
            for item in page["items"]:
                yield item
            after = page["next"]
            if after is None:
                return

    async def post(self, path: str, body: object | None = None) -> Any:
        return await self.call("POST", path, body)

    async def put(self, path: str, body: object) -> Any:
        return await self.call("PUT", path, body)

    async def call(
        self,
        method: str,
        path: str,
        body: object | None = None,
        *,
        query: dict[str, str | int | list[str]] | None = None,
        once: str | None = None,
    ) -> Any:
        """The answer's JSON. `path` is percent-encoded already, as `handle_path` makes it.

        Raises NodeRefused for an answer that is a problem, NodeUnreachable for none.
        """
        url = URL(self.base_url + path, encoded=True)
        if query:
            url = url.extend_query(query)
        content = msgspec.json.encode(body) if body is not None else None
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if once is not None:
            headers["Idempotency-Key"] = once
        async with self._answer(method, url, data=content, headers=headers) as response:
            return _read(response.status, await response.read(), self.base_url)

    async def send_file(self, path: str, file: Path, options: object, *, once: str) -> Any:
        """POST a file and how to read it, as a form. However long that takes, as long as it gets
        on. `once` names the request: sent again it makes nothing new."""
        with file.open("rb") as stream:
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("options", msgspec.json.encode(options).decode())
            form.add_field("file", stream, filename=file.name)
            async with self._answer(
                "POST",
                URL(self.base_url + path, encoded=True),
                data=form,
                headers={"Idempotency-Key": once},
                timeout=_patient(self._timeout),
            ) as response:
                return _read(response.status, await response.read(), self.base_url)

    async def download(self, path: str, file: Path) -> None:
        """GET what is no JSON, and write it to a file."""
        url = URL(self.base_url + path, encoded=True)
        async with self._answer("GET", url, timeout=_patient(self._timeout)) as response:
            if response.status != 200:
                _read(response.status, await response.read(), self.base_url)
            with file.open("wb") as stream:
                async for piece in response.content.iter_chunked(PIECE):
                    stream.write(piece)

    async def stream(
        self, path: str, file: Path, media: str, **query: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        """POST a file as it is, however long that takes, and yield the lines of the answer, which
        come while it is being sent."""
        url = URL(self.base_url + path, encoded=True).extend_query(query)
        with file.open("rb") as content:
            async with self._answer(
                "POST",
                url,
                data=content,
                headers={"Content-Type": media},
                timeout=_patient(self._timeout),
            ) as response:
                if response.status != 200:
                    _read(response.status, await response.read(), self.base_url)
                async for line in response.content:
                    yield msgspec.json.decode(line)

    @asynccontextmanager
    async def _answer(
        self, method: str, url: URL, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Raises NodeUnreachable for whatever goes wrong on the way."""
        assert self._session is not None, "used outside its context"
        try:
            async with self._session.request(
                method, url, allow_redirects=False, **options
            ) as response:
                yield response
        except TimeoutError:
            raise NodeUnreachable(f"the node at {self.base_url} does not answer in time") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if number and number > 0 else type(error).__name__
            raise NodeUnreachable(f"cannot reach the node at {self.base_url}: {reason}") from None


def _patient(timeout: aiohttp.ClientTimeout) -> aiohttp.ClientTimeout:
    """The time between two pieces is bounded, not that of all."""
    return aiohttp.ClientTimeout(sock_connect=timeout.sock_connect, sock_read=timeout.total)


def handle_path(start: str, text: str) -> str:
    """The path of one identifier below `start`, whatever characters its text has."""
    return f"{start}/{quote(text, safe='')}"


def _read(status: int, content: bytes, base_url: str) -> Any:
    try:
        if 200 <= status < 300:
            return msgspec.json.decode(content) if content else None
        problem = msgspec.json.decode(content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NodeRefused(
            f"{base_url} answers like no node: HTTP {status} without a JSON body", status=status
        ) from None
    detail = problem.detail or problem.title
    raise NodeRefused(detail, status=status, field=problem.field, rule=problem.rule)
