"""This node's own records, as they are answered to anyone and to those with rights of their own."""

import dataclasses

import msgspec
import pytest

from registry.access.actor import Actor, anonymous
from registry.identifier import Identifier
from registry.prefix.prefix import Listener, Protocol, Routing
from registry.record.registration import Registration
from registry.record.typed_data import Admin, Reference
from registry.record.value import ValueIn, normalise
from resolver.local import LocalLink
from resolver.query import Outcome, Query, Source
from tests.registry.conftest import now

RECORD = (
    (1, "URL", "https://example.com/1"),
    (2, "URL.MOBILE", "https://m.example.com/1"),
    (3, "NAME", "吸顶灯"),
    (300, "HS_SECKEY", "geheim"),
)
PRIVATE = (400, "NOTE", "internal", "1100")
EVERY_RIGHT = "1" * 12
NOBODY = (500, "SEALED", "for nobody", "0000")


@pytest.fixture
def link(catalogue, records):
    return LocalLink(catalogue, records)


def asked(identifier, *, actor=None, types=(), indexes=(), **further):
    return Query(identifier, actor or anonymous(), frozenset(types), frozenset(indexes), **further)


def indexes_of(answer):
    return [value["index"] for value in msgspec.json.decode(answer.values)]


async def test_anyone_gets_the_public_values(link, register):
    identifier = await register("Lamp-1", *RECORD)
    answer = await link.resolve(asked(identifier))
    assert (answer.outcome, answer.source) == (Outcome.FOUND, Source.LOCAL)
    assert (answer.handle, answer.revision) == (identifier.text, 1)
    assert indexes_of(answer) == [1, 2, 3]
    assert answer.via == ()


@pytest.mark.parametrize("spelling", ["Lamp-1", "LAMP-1", "lamp-1"])
async def test_ascii_case_makes_no_difference_and_the_answer_echoes_the_question(
    link, register, lamps, spelling
):
    await register("Lamp-1", *RECORD)
    answer = await link.resolve(asked(Identifier(lamps.prefix, spelling)))
    assert answer.found
    assert answer.handle == f"{lamps.prefix}/{spelling}"


async def test_case_beyond_ascii_does_make_a_difference(link, register, lamps):
    await register("ÄÖ-1", *RECORD)
    answer = await link.resolve(asked(Identifier(lamps.prefix, "äö-1")))
    assert answer.outcome is Outcome.NOT_FOUND


@pytest.mark.parametrize(
    ("types", "indexes", "passed"),
    [
        (("url",), (), [1]),
        (("URL.",), (), [1, 2]),
        (("NAME",), (2,), [2, 3]),
        ((), (3, 1), [1, 3]),
        ((), (300,), []),
        (("HS_SECKEY",), (), []),
        (("NOSUCH",), (), []),
    ],
)
async def test_filters_choose_among_the_public_values(link, register, types, indexes, passed):
    identifier = await register("1", *RECORD)
    answer = await link.resolve(asked(identifier, types=types, indexes=indexes))
    assert answer.outcome is (Outcome.FOUND if passed else Outcome.NO_VALUES)
    assert indexes_of(answer) == passed


async def test_the_owner_sees_what_administrators_may_read(link, register, lamps):
    identifier = await register("1", *RECORD, PRIVATE, NOBODY)
    answer = await link.resolve(asked(identifier, actor=lamps.actor))
    assert indexes_of(answer) == [1, 2, 3, 300, 400]
    secret = await link.resolve(asked(identifier, actor=lamps.actor, indexes=[300]))
    assert msgspec.json.decode(secret.values)[0]["data"]["value"] == "geheim"
    sealed = await link.resolve(asked(identifier, actor=lamps.actor, indexes=[500]))
    assert sealed.outcome is Outcome.NO_VALUES


async def test_another_enterprise_sees_what_anyone_sees(link, register, active_prefix):
    identifier = await register("1", *RECORD, PRIVATE)
    stranger = await active_prefix()
    answer = await link.resolve(asked(identifier, actor=stranger.actor))
    assert indexes_of(answer) == [1, 2, 3]


async def test_a_handle_identity_sees_what_its_rights_say(link, register, prefixes, lamps):
    identifier = await register("1", *RECORD)
    reader = Actor("handle", identity=Reference(f"{lamps.prefix}/ADMIN", 300))
    assert indexes_of(await link.resolve(asked(identifier, actor=reader))) == [1, 2, 3]
    admin = Admin(handle=f"{lamps.prefix}/ADMIN", index=300, permissions=EVERY_RIGHT)
    await prefixes.set_administrators(lamps.actor, lamps.prefix, [admin])
    assert indexes_of(await link.resolve(asked(identifier, actor=reader))) == [1, 2, 3, 300]


async def test_hidden_values_are_passed_over_or_refused_as_asked(link, register):
    identifier = await register("1", *RECORD)
    assert (await link.resolve(asked(identifier))).found
    refused = await link.resolve(asked(identifier, public_only=False))
    assert (refused.outcome, refused.values) == (Outcome.HIDDEN, "[]")


async def test_hidden_values_that_were_not_asked_for_hide_nothing(link, register):
    """The filter comes first: a secret key elsewhere in the record does not make the URL secret."""
    identifier = await register("1", *RECORD)
    answer = await link.resolve(asked(identifier, types=["URL"], public_only=False))
    assert indexes_of(answer) == [1]
    refused = await link.resolve(asked(identifier, indexes=[1, 300], public_only=False))
    assert refused.outcome is Outcome.HIDDEN


async def test_the_owner_is_refused_nothing(link, register, lamps):
    identifier = await register("1", *RECORD)
    answer = await link.resolve(asked(identifier, actor=lamps.actor, public_only=False))
    assert indexes_of(answer) == [1, 2, 3, 300]


async def test_a_record_of_hidden_values_alone_has_no_values_for_anyone(link, register):
    identifier = await register("ADMIN", (300, "HS_SECKEY", "geheim"))
    answer = await link.resolve(asked(identifier))
    assert (answer.outcome, answer.values) == (Outcome.NO_VALUES, "[]")
    assert answer.revision == 1, "it is there"


async def test_what_was_never_registered_is_not_found(link, lamps):
    for query in (
        asked(Identifier(lamps.prefix, "NOPE")),
        asked(Identifier(lamps.prefix, "NOPE"), types=["URL"]),
        asked(Identifier(lamps.prefix, "NOPE"), actor=lamps.actor),
    ):
        answer = await link.resolve(query)
        assert (answer.outcome, answer.values) == (Outcome.NOT_FOUND, "[]")


async def test_a_tombstone_is_told_apart_and_tells_nothing(link, register, registrar, lamps):
    identifier = await register("1", *RECORD)
    await registrar.withdraw(lamps.actor, identifier)
    for query in (
        asked(identifier),
        asked(identifier, types=["URL"]),
        asked(identifier, actor=lamps.actor),
        asked(identifier, public_only=False),
    ):
        answer = await link.resolve(query)
        assert (answer.outcome, answer.values) == (Outcome.WITHDRAWN, "[]")


async def test_a_change_is_seen_at_once_and_has_its_own_revision(link, register, registrar, lamps):
    identifier = await register("1", *RECORD)
    values = normalise([ValueIn(9, "URL", "https://example.com/new")], now=now())
    await registrar.put(lamps.actor, Registration(identifier, values))
    answer = await link.resolve(asked(identifier))
    assert (answer.revision, indexes_of(answer)) == (2, [9])


async def test_resolution_goes_on_while_the_prefix_is_stopped(
    link, register, prefixes, operator, lamps
):
    identifier = await register("1", *RECORD)
    await prefixes.stop(operator, lamps.prefix, "for a while")
    assert (await link.resolve(asked(identifier))).found


@pytest.mark.parametrize("types", [(), ("URL",)])
async def test_other_prefixes_are_left_to_other_links(link, types):
    elsewhere = Identifier("86.1000.1", "DEMO-0001")
    assert await link.resolve(asked(elsewhere, types=types)) is None


@pytest.mark.parametrize("types", [(), ("URL",)])
async def test_a_prefix_with_its_own_resolver_is_left_to_other_links(
    link, register, prefixes, lamps, types
):
    """Even for what was registered here before."""
    identifier = await register("1", *RECORD)
    routing = Routing("8.8.8.8", (Listener(Protocol.HTTP, 80),))
    await prefixes.route(lamps.actor, lamps.prefix, routing)
    assert await link.resolve(asked(identifier, types=types)) is None
    assert await link.resolve(asked(Identifier(lamps.prefix, "NOPE"), types=types)) is None


async def test_a_prefix_has_a_record_of_who_administers_it(link, prefixes, lamps):
    admin = Admin(handle=f"{lamps.prefix}/ADMIN", index=300, permissions=EVERY_RIGHT)
    await prefixes.set_administrators(lamps.actor, lamps.prefix, [admin])
    answer = await link.resolve(asked(Identifier("0.NA", lamps.prefix)))
    [value] = msgspec.json.decode(answer.values)
    assert (answer.handle, answer.outcome) == (f"0.NA/{lamps.prefix}", Outcome.FOUND)
    assert (value["index"], value["type"]) == (100, "HS_ADMIN")
    assert value["data"]["format"] == "admin"
    assert value["data"]["value"]["handle"] == f"{lamps.prefix}/ADMIN"
    filtered = await link.resolve(asked(Identifier("0.na", lamps.prefix), types=["HS_SITE"]))
    assert filtered.outcome is Outcome.NO_VALUES


@pytest.mark.parametrize("suffix", ["86.1000.1", "not/a/prefix", "nonsense"])
async def test_the_records_of_other_prefixes_are_left_to_other_links(link, suffix):
    assert await link.resolve(asked(Identifier("0.NA", suffix))) is None


def test_a_query_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        asked(Identifier("88.118.5", "1")).public_only = False
