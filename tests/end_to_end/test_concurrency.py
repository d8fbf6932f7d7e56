"""Two processes registering the same identifiers at once: each identifier is created once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Reply, Served

ROUNDS = 120
LISTS = 30


@pytest.fixture
async def both(serving):
    """Two node processes on one database."""
    return list(await asyncio.gather(serving(), serving()))


def content(author: object) -> dict[str, object]:
    return {"values": [{"index": 1, "type": "URL", "data": f"https://example.com/{author}"}]}


async def test_of_rival_contents_exactly_one_wins(both: list[Served], holder: Holder, office):
    """PUT of one identifier with four contents, two through each process, in either spelling."""

    async def put(number: int, author: int) -> Reply:
        spelling = f"Lamp-{number}" if author % 2 else f"LAMP-{number}"
        path = f"/v1/identifiers/{holder.prefix}/{spelling}"
        return await both[author // 2].ask("PUT", path, key=holder.key, json=content(author))

    won = set()
    for number in range(ROUNDS):
        authors = random.sample(range(4), 4)
        replies = await asyncio.gather(*(put(number, author) for author in authors))
        assert sorted(reply.status for reply in replies) == [201, 409, 409, 409]
        winner = next(a for a, reply in zip(authors, replies, strict=True) if reply.status == 201)
        won.add(winner // 2)
        outcomes = {reply.body.get("outcome") or reply.body["rule"] for reply in replies}
        assert outcomes == {"created", "identifier-exists"}
        resolved = await both[0].ask("GET", f"/v1/resolve/{holder.prefix}/LAMP-{number}")
        value = resolved.body["values"][0]["data"]["value"]
        assert value == f"https://example.com/{winner}"
    assert won == {0, 1}, "each process wins now and then, so they did race"
    await assert_counted_once(office, ROUNDS)


async def test_of_equal_contents_one_is_created_and_the_others_unchanged(
    both: list[Served], holder: Holder, office
):
    for number in range(ROUNDS):
        path = f"/v1/identifiers/{holder.prefix}/{number}"
        asked = [
            both[author % 2].ask("PUT", path, key=holder.key, json=content("all"))
            for author in range(4)
        ]
        replies = await asyncio.gather(*asked)
        outcomes = Counter(reply.body["outcome"] for reply in replies)
        assert outcomes == {"created": 1, "unchanged": 3}
        assert len({reply.body["batch"] for reply in replies}) == 1, "all name the first batch"
    await assert_counted_once(office, ROUNDS)


async def test_of_overlapping_lists_each_identifier_is_created_by_one(
    both: list[Served], holder: Holder, office
):
    """Lists that share most of their identifiers, in different orders, which deadlock where rows
    are taken in the order sent."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    shuffled = random.Random(seed)
    created: Counter[str] = Counter()
    for turn in range(LISTS):
        handles = [f"{holder.prefix}/{turn}-{number}" for number in range(150)]
        lists = [shuffled.sample(handles, 110) for _ in range(4)]
        asked = [
            both[author % 2].ask(
                "POST",
                "/v1/identifiers",
                key=holder.key,
                json=[{"handle": handle} | content(author) for handle in wanted],
            )
            for author, wanted in enumerate(lists)
        ]
        for wanted, reply in zip(lists, await asyncio.gather(*asked), strict=True):
            assert reply.status == 200, reply.body
            assert [result["handle"] for result in reply.body["results"]] == wanted
            for result in reply.body["results"]:
                assert result["outcome"] in ("created", "refused")
                if result["outcome"] == "created":
                    created[result["handle"]] += 1
                else:
                    assert result["problem"]["rule"] == "identifier-exists"
        assert {handle for sent in lists for handle in sent} == {
            handle for handle in created if handle.startswith(f"{holder.prefix}/{turn}-")
        }
    assert set(created.values()) == {1}
    await assert_counted_once(office, len(created))


async def assert_counted_once(office: Office, number: int) -> None:
    """Rows, the sum over batches and each batch's own rows all say the same."""
    [counted] = await office.fetch(
        """SELECT (SELECT count(*) FROM identifier) AS rows,
                  (SELECT sum(created) FROM batch) AS batched,
                  (SELECT count(*) FROM batch b
                    WHERE created <> (SELECT count(*) FROM identifier i
                                       WHERE i.batch_id = b.batch_id)) AS wrong,
                  (SELECT count(*) FROM revision) AS changes"""
    )
    assert dict(counted) == {"rows": number, "batched": number, "wrong": 0, "changes": 0}
