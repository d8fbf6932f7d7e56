"""OIDs and GTINs: what is registered here first, what the DNS says behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from registry.access.actor import anonymous
from registry.errors import PrefixNotFound, RemoteUnavailable
from registry.gs1.gtin import GtinNotFound
from registry.identifier import Identifier
from registry.record.tag import Tag
from registry.record.value import MAX_VALUES, Data, Value, decode, encode
from registry.spelling import Recognised, recognise
from resolver import named as module
from resolver.dns import Dns, Naptr
from resolver.named import FIRST_INDEX, Named
from resolver.query import Answer, Outcome, Query, Source
from resolver.zones import Zones

GTIN, OTHER, OID = "6901234567892", "4006381333931", "1.2.156.1"
HERE = Identifier("88.118.1", "LAMP")
GTIN_NAME = "0.9.8.7.6.5.4.3.2.1.0.9.6.ons.test"


class Registry:
    """Knows one GTIN."""

    async def identifier(self, link: Recognised) -> Identifier:
        if link.text == f"0{GTIN}":
            return HERE
        raise GtinNotFound("no such GTIN", field="gtin", rule="gtin-not-found")


class Names(Dns):
    """Says two things of every name but those of OTHER; or nothing, or not at all."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.silent = asyncio.Event()
        self.silent.set()

    async def naptr(self, name: str) -> list[Naptr]:
        self.asked.append(name)
        await self.silent.wait()
        if self.error is not None:
            raise self.error
        if name.startswith("0.3.9"):
            return []
        texts = ("!^.*$!https://example.com/a!", "!^.*$!https://example.com/b!")
        return [Naptr(1, place, "U", "X", text, 300) for place, text in enumerate(texts)]


@pytest.fixture
def dns() -> Names:
    return Names()


@pytest.fixture
def named(dns: Names) -> Named:
    return Named(Zones(dns, oid="oid.test", ons="ons.test"), Registry())


def own(*values: tuple[int, str, str], outcome: Outcome = Outcome.FOUND) -> Answer:
    made = [
        Value(index=index, type=type_, data=Data("string", text)) for index, type_, text in values
    ]
    return Answer(outcome, Source.LOCAL, HERE.text, encode(made), Tag(3, None), prefix_id=7)


def onward(answer: Answer) -> Callable[[Query], object]:
    async def asked(query: Query) -> Answer:
        assert query.identifier == HERE
        return answer

    return asked


async def resolve(named: Named, text: str, answer: Answer, types: Sequence[str] = ()) -> Answer:
    recognised = recognise(text)
    query = Query(await named.meant(recognised), anonymous(), types=frozenset(types))
    return await named.resolve(recognised, onward(answer), query)


def told(answer: Answer) -> list[tuple[int, str, object]]:
    return [(value.index, value.type, value.data.value) for value in decode(answer.values)]


LAMP = own((1, "URL", "https://example.com/lamp"))
FROM_DNS = [
    (FIRST_INDEX, "URL.X", "https://example.com/a"),
    (FIRST_INDEX + 1, "URL.X", "https://example.com/b"),
]


async def test_what_is_registered_comes_first(named: Named) -> None:
    answer = await resolve(named, GTIN, LAMP)
    assert told(answer) == [(1, "URL", "https://example.com/lamp"), *FROM_DNS]
    assert (answer.outcome, answer.source, answer.handle) == (
        Outcome.FOUND,
        Source.LOCAL,
        HERE.text,
    )
    assert (answer.revision, answer.prefix_id, answer.merged) == (3, 7, True)
    assert (answer.via, answer.missing) == ((f"dns:{GTIN_NAME}",), ())


async def test_what_only_the_dns_knows(named: Named) -> None:
    answer = await named.resolve(
        recognise(OID),
        onward(LAMP),
        Query(await named.meant(recognise(OID)), anonymous()),
    )
    assert [text for _, _, text in told(answer)] == [
        "https://example.com/a",
        "https://example.com/b",
    ]
    assert (answer.source, answer.handle, answer.merged) == (Source.RECURSIVE, OID, False)
    assert await named.meant(recognise(OID)) == Identifier("OID", OID)
    assert await named.meant(recognise(OTHER)) == Identifier("GS1", f"0{OTHER}")


async def test_ordinary_identifiers_are_asked_for_as_ever(named: Named, dns: Names) -> None:
    assert await resolve(named, HERE.text, LAMP) is LAMP
    assert dns.asked == []


async def test_filters_are_for_both(named: Named) -> None:
    assert told(await resolve(named, GTIN, LAMP, ["URL."])) == [*told(LAMP), *FROM_DNS]
    none = own(outcome=Outcome.NO_VALUES)
    assert told(await resolve(named, GTIN, none, ["URL.X"])) == FROM_DNS
    nothing = await resolve(named, GTIN, none, ["EMAIL"])
    assert (nothing.outcome, told(nothing)) == (Outcome.NO_VALUES, [])
    query = Query(await named.meant(recognise(OID)), anonymous(), indexes=frozenset({2}))
    only = await named.resolve(recognise(OID), onward(LAMP), query)
    assert [index for index, _, _ in told(only)] == [2]


async def test_indexes_that_are_taken_are_passed_over(named: Named) -> None:
    answer = await resolve(named, GTIN, own((FIRST_INDEX, "N", "x")))
    assert [index for index, _, _ in told(answer)] == [
        FIRST_INDEX,
        FIRST_INDEX + 1,
        FIRST_INDEX + 2,
    ]


async def test_a_dns_that_fails_spoils_nothing(named: Named, dns: Names) -> None:
    dns.error = RemoteUnavailable("away", field="handle", rule="dns-unavailable")
    answer = await resolve(named, GTIN, LAMP)
    assert told(answer) == told(LAMP)
    assert (answer.missing, answer.merged) == ((f"dns:{GTIN_NAME}",), True)


async def test_a_dns_that_is_slow_spoils_nothing(
    named: Named, dns: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    dns.silent.clear()
    answer = await resolve(named, GTIN, LAMP)
    assert told(answer) == told(LAMP)
    assert answer.missing == (f"dns:{GTIN_NAME}",)
    assert len(asyncio.all_tasks()) == 1  # nobody goes on asking


async def test_a_record_that_fails_ends_the_question(named: Named, dns: Names) -> None:
    dns.silent.clear()

    async def fails(_: Query) -> Answer:
        raise RemoteUnavailable("away", field="handle", rule="remote-unavailable")

    with pytest.raises(RemoteUnavailable, match="away"):
        await named.resolve(recognise(GTIN), fails, Query(HERE, anonymous()))
    assert len(asyncio.all_tasks()) == 1


async def test_what_is_absent_here_may_be_there(named: Named, dns: Names) -> None:
    absent = own(outcome=Outcome.NOT_FOUND)
    answer = await resolve(named, GTIN, absent)
    assert (answer.source, len(told(answer))) == (Source.RECURSIVE, 2)
    dns.error = RemoteUnavailable("away", field="handle", rule="dns-unavailable")
    with pytest.raises(RemoteUnavailable):
        await resolve(named, GTIN, absent)


async def test_what_was_withdrawn_here_stays_so(named: Named) -> None:
    for outcome in (Outcome.WITHDRAWN, Outcome.HIDDEN):
        answer = await resolve(named, GTIN, own(outcome=outcome))
        assert (answer.outcome, told(answer)) == (outcome, [])


async def test_a_record_without_room(named: Named) -> None:
    full = own(*((index, "N", "x") for index in range(1, MAX_VALUES + 1)))
    answer = await resolve(named, GTIN, full)
    assert answer.values == full.values
    assert answer.missing == (f"dns:{GTIN_NAME}",)


async def test_without_zones(dns: Names) -> None:
    named = Named(Zones(dns, oid=None, ons=None), Registry())
    assert await resolve(named, GTIN, LAMP) is LAMP
    with pytest.raises(GtinNotFound):
        await named.meant(recognise(OTHER))
    for text in (OID, "did:bid:efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp"):
        with pytest.raises(PrefixNotFound):
            await named.meant(recognise(text))
    assert dns.asked == []


async def test_aliases_that_a_record_names(named: Named, dns: Names) -> None:
    record = own((1, "oid", OID), (2, "GTIN", GTIN), (3, "OID", "no oid"), (4, "GTIN", OID))
    answer = await named.with_aliases(Query(HERE, anonymous()), record)
    assert sorted(dns.asked) == [GTIN_NAME, "1.156.2.1.oid.test"]
    assert [index for index, _, _ in told(answer)] == [
        *range(1, 5),
        *range(FIRST_INDEX, FIRST_INDEX + 4),
    ]
    assert answer.via == ("dns:1.156.2.1.oid.test", f"dns:{GTIN_NAME}")
    dns.error = RemoteUnavailable("away", field="handle", rule="dns-unavailable")
    partial = await named.with_aliases(Query(HERE, anonymous()), record)
    assert (partial.values, partial.missing) == (record.values, answer.via)


async def test_aliases_are_few(named: Named, dns: Names) -> None:
    record = own(*((index, "OID", f"1.2.{index}") for index in range(1, 20)))
    await named.with_aliases(Query(HERE, anonymous()), record)
    assert len(dns.asked) == 4
    assert await named.with_aliases(Query(HERE, anonymous()), LAMP) is LAMP


@pytest.mark.parametrize("text", ["88.118.1", "0.NA", HERE.text, "nonsense", "1234", f"hdl:{HERE}"])
async def test_handles_that_are_no_such_thing(named: Named, text: str) -> None:
    assert await named.unslashed(text) is None


async def test_handles_that_are(named: Named) -> None:
    assert (await named.unslashed(GTIN) or (None,))[1:] == (HERE,)
    for text in (OID, f"urn:oid:{OID}"):
        assert (await named.unslashed(text) or (None,))[1:] == (Identifier("OID", OID),)
