"""Aliases of identifiers elsewhere are followed, within bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.access.actor import anonymous
from registry.errors import RemoteUnavailable
from registry.identifier import Identifier
from registry.record.tag import Tag
from registry.record.value import Data, Value, decode, encode
from resolver.aliases import Aliases
from resolver.query import Answer, Outcome, Query, Source, select


def url(text: str) -> Value:
    return Value(index=1, type="URL", data=Data("string", text))


def alias(text: str) -> Value:
    return Value(index=9, type="HS_ALIAS", data=Data("string", text))


class Records:
    """Another node's, or this one's."""

    def __init__(self, records: dict[str, list[Value]], source: Source, name: str) -> None:
        self.records = records
        self.source = source
        self.name = name
        self.asked: list[str] = []

    async def resolve(self, query: Query) -> Answer | None:
        handle = query.identifier.text
        self.asked.append(handle)
        if handle not in self.records:
            return None
        outcome, values = select(query, self.records[handle])
        return Answer(outcome, self.source, handle, values, via=(self.name,))


def made(remote: dict[str, list[Value]], local: dict[str, list[Value]] | None = None) -> Aliases:
    return Aliases(
        Records(remote, Source.RECURSIVE, "https://far"), Records(local or {}, Source.LOCAL, "")
    )


def query(handle: str = "86.1/A", **more: object) -> Query:
    return replace(Query(Identifier.parse(handle), anonymous()), **more)  # type: ignore[arg-type]


async def told(link: Aliases, asked: Query) -> tuple[str, list[object]]:
    answer = await link.resolve(asked)
    assert answer is not None
    return answer.handle, [value.data.value for value in decode(answer.values)]


async def test_the_others_values_under_the_handle_asked_for() -> None:
    link = made({"86.1/A": [alias("86.1/B")], "86.1/B": [url("https://b")]})
    assert await told(link, query()) == ("86.1/A", ["https://b"])
    answer = await link.resolve(query())
    assert answer is not None
    assert answer.via == ("https://far", "https://far")


async def test_an_alias_that_names_a_record_here() -> None:
    link = made({"86.1/A": [alias("88.118.1/B")]}, {"88.118.1/B": [url("https://here")]})
    assert await told(link, query()) == ("86.1/A", ["https://here"])


async def test_filters() -> None:
    link = made({"86.1/A": [alias("86.1/B")], "86.1/B": [url("https://b")], "86.1/C": [url("c")]})
    assert await told(link, query(types=frozenset({"URL"}))) == ("86.1/A", ["https://b"])
    assert await told(link, query(indexes=frozenset({1}))) == ("86.1/A", ["https://b"])
    assert await told(link, query(types=frozenset({"HS_ALIAS"}))) == ("86.1/A", ["86.1/B"])
    assert await told(link, query("86.1/C", types=frozenset({"URL"}))) == ("86.1/C", ["c"])
    nothing = await link.resolve(query("86.1/C", types=frozenset({"X"})))
    assert nothing is not None
    assert nothing.outcome is Outcome.NO_VALUES


@pytest.mark.parametrize(
    "records",
    [
        {"86.1/A": [alias("86.1/a")]},
        {"86.1/A": [alias("86.1/B")], "86.1/B": [alias("86.1/A")]},
        {f"86.1/{one}": [alias(f"86.1/{chr(ord(one) + 1)}")] for one in "ABCDE"},
    ],
)  # fmt: skip
async def test_circles_and_chains_end(records: dict[str, list[Value]]) -> None:
    with pytest.raises(RemoteUnavailable):
        await made(records).resolve(query())


async def test_what_is_no_alias() -> None:
    link = made({"86.1/A": [alias("no handle"), url("HS_ALIAS")]})
    assert await told(link, query()) == ("86.1/A", ["no handle", "HS_ALIAS"])
    assert await made({}).resolve(query()) is None


async def test_an_alias_of_nothing() -> None:
    assert await made({"86.1/A": [alias("86.1/GONE")]}).resolve(query()) is None


async def test_what_was_asked_for_is_another_nodes() -> None:
    """Though a record here answers: else it would seem to be unchanged when the alias names another
    record of the same revision, and the question would count for the prefix of that record."""

    class Here:
        async def resolve(self, query: Query) -> Answer:
            values = encode([url("https://b")])
            return Answer(Outcome.FOUND, Source.LOCAL, "", values, Tag(1, None), prefix_id=7)

    link = Aliases(Records({"86.1/A": [alias("88.1/B")]}, Source.RECURSIVE, ""), Here())
    for one in (query(), query(types=frozenset({"URL"}))):
        answer = await link.resolve(one)
        assert answer is not None
        assert (answer.tag, answer.prefix_id, answer.source) == (None, 0, Source.RECURSIVE)
