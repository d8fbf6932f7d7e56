"""Registrations by many connections at once, and what of them was acknowledged."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field

import aiohttp

from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Served

SINGLES = 24  # connections that send one identifier after the other
LISTERS = 4  # connections that send one list after the other
LIST = 150  # identifiers in a list
NEW = {"created", "unchanged"}


@dataclass
class Load:
    """What was sent, all of it different, and which of it was acknowledged."""

    served: Served
    holder: Holder
    label: str
    connections: tuple[int, int] = (SINGLES, LISTERS)
    singles: set[str] = field(default_factory=set)
    lists: list[tuple[str, ...]] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)  # 0: the connection broke
    _running: list[asyncio.Task[None]] = field(default_factory=list)
    _began: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self) -> None:
        """Start sending; return when something has been acknowledged."""
        numbers = itertools.count()
        singles, listers = self.connections
        workers: list[Awaitable[None]] = [self._put_singles(numbers) for _ in range(singles)]
        workers += [self._post_lists(numbers) for _ in range(listers)]
        self._running = [asyncio.ensure_future(worker) for worker in workers]
        await self._began.wait()

    async def end(self) -> None:
        """Stop sending. Answers still under way are not waited for: nobody knows of them."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    @property
    def sent(self) -> set[str]:
        return self.singles.union(*self.lists)

    async def send_again(self) -> Counter[str]:
        """Everything once more, as a client would that knows of no answer: the outcomes."""
        outcomes: Counter[str] = Counter()

        async def put(suffixes: Iterator[str]) -> None:
            for suffix in suffixes:
                outcomes[await self._put(suffix)] += 1

        async def post(lists: Iterator[tuple[str, ...]]) -> None:
            for suffixes in lists:
                outcomes.update(await self._post(suffixes))

        singles, lists = iter(sorted(self.singles)), iter(self.lists)
        await asyncio.gather(*(put(singles) for _ in range(SINGLES)))
        await asyncio.gather(*(post(lists) for _ in range(LISTERS)))
        return outcomes

    async def _put_singles(self, numbers: Iterator[int]) -> None:
        while True:
            suffix = f"{self.label}-{next(numbers)}"
            self.singles.add(suffix)
            await self._attempt(self._put(suffix), [suffix])

    async def _post_lists(self, numbers: Iterator[int]) -> None:
        while True:
            suffixes = tuple(f"{self.label}-{next(numbers)}" for _ in range(LIST))
            self.lists.append(suffixes)
            await self._attempt(self._post(suffixes), suffixes)

    async def _attempt(
        self, asked: Awaitable[object], suffixes: tuple[str, ...] | list[str]
    ) -> None:
        try:
            await asked
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.statuses[0] += 1
            await asyncio.sleep(0.02)
        except Refused:
            await asyncio.sleep(0.02)
        else:
            self.acknowledged.update(suffixes)
            self._began.set()

    async def _put(self, suffix: str) -> str:
        path = f"/v1/identifiers/{self.holder.prefix}/{suffix}"
        body = {"values": content(suffix)}
        reply = await self.served.ask("PUT", path, key=self.holder.key, json=body)
        self.statuses[reply.status] += 1
        if reply.status not in (200, 201):
            raise Refused(reply.body)
        return str(reply.body["outcome"])

    async def _post(self, suffixes: tuple[str, ...]) -> Counter[str]:
        items = [
            {"handle": f"{self.holder.prefix}/{suffix}", "values": content(suffix)}
            for suffix in suffixes
        ]
        reply = await self.served.ask("POST", "/v1/identifiers", key=self.holder.key, json=items)
        self.statuses[reply.status] += 1
        if reply.status != 200:
            raise Refused(reply.body)
        outcomes = Counter(result["outcome"] for result in reply.body["results"])
        assert outcomes.keys() <= NEW, outcomes
        assert outcomes.total() == len(suffixes)
        return outcomes


class Refused(Exception):
    """An answer that acknowledges nothing."""


def content(suffix: str) -> list[dict[str, object]]:
    return [
        {"index": 1, "type": "URL", "data": f"https://example.com/p/{suffix}"},
        {"index": 300, "type": "HS_SECKEY", "data": f"secret of {suffix}"},
    ]


async def assert_kept(load: Load, office: Office) -> int:
    """Everything acknowledged is there with its content, lists are there whole or not at all, and
    the counts agree. How many identifiers were registered without their sender learning of it."""
    rows = await office.fetch(
        "SELECT suffix_shown, suffix, public_values, private_values, revision, batch_id"
        "  FROM identifier WHERE suffix LIKE upper($1) || '-%'",
        load.label,
    )
    stored = {row["suffix_shown"] or row["suffix"]: row for row in rows}
    lost = load.acknowledged - stored.keys()
    assert not lost, f"{len(lost)} acknowledged identifiers are lost, such as {min(lost)}"
    assert stored.keys() <= load.sent, "what nobody sent"
    for suffix, row in stored.items():
        assert f'"https://example.com/p/{suffix}"' in row["public_values"]
        assert row["private_values"] is not None
        assert row["revision"] == 1
    for suffixes in load.lists:
        there = [suffix for suffix in suffixes if suffix in stored]
        assert len(there) in (0, LIST), "a list was registered in part"
        assert len({stored[suffix]["batch_id"] for suffix in there}) <= 1
    await assert_counted(office)
    return len(stored.keys() - load.acknowledged)


async def assert_counted(office: Office) -> None:
    [counted] = await office.fetch(
        """SELECT (SELECT count(*) FROM identifier) AS rows,
                  (SELECT coalesce(sum(created), 0) FROM batch) AS batched,
                  (SELECT count(*) FROM
                    (SELECT batch_id, count(*) AS rows FROM identifier GROUP BY batch_id) i
                     FULL JOIN batch b USING (batch_id)
                    WHERE b.created IS DISTINCT FROM i.rows) AS wrong,
                  (SELECT count(*) FROM revision) AS changes"""
    )
    assert counted["batched"] == counted["rows"]
    assert (counted["wrong"], counted["changes"]) == (0, 0)


async def assert_answers(load: Load, suffixes: list[str]) -> None:
    """These identifiers resolve, and their owner reads their secret."""
    for suffix in suffixes:
        handle = f"{load.holder.prefix}/{suffix}"
        resolved = await load.served.ask("GET", f"/v1/resolve/{handle}")
        assert resolved.body["values"][0]["data"]["value"] == f"https://example.com/p/{suffix}"
        owned = await load.served.ask("GET", f"/v1/identifiers/{handle}", key=load.holder.key)
        assert owned.body["values"][1]["data"]["value"] == f"secret of {suffix}"
