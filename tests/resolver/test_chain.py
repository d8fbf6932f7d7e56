"""The chain: the first link that is responsible answers, and none after it is asked."""

import pytest

from registry.access.actor import anonymous
from registry.errors import PrefixNotFound, RemoteUnavailable
from registry.identifier import Identifier
from resolver.chain import Chain
from resolver.query import Answer, Outcome, Query, Source

QUERY = Query(Identifier("88.118.5", "LAMP-1"), anonymous())


class Said:
    """A link that always says the same, and counts how often."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0

    async def resolve(self, query):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answered(outcome, source=Source.LOCAL):
    return Answer(outcome, source, QUERY.identifier.text)


async def test_links_are_asked_in_order_until_one_answers():
    links = [Said(None), Said(answered(Outcome.FOUND)), Said(answered(Outcome.NOT_FOUND))]
    assert await Chain(links).resolve(QUERY) == answered(Outcome.FOUND)
    assert [link.asked for link in links] == [1, 1, 0]


@pytest.mark.parametrize(
    "outcome", [Outcome.NOT_FOUND, Outcome.WITHDRAWN, Outcome.HIDDEN, Outcome.NO_VALUES]
)
async def test_a_responsible_link_that_has_nothing_is_the_last_word(outcome):
    """What is unknown here must not be made up elsewhere."""
    elsewhere = Said(answered(Outcome.FOUND, Source.RECURSIVE))
    assert (await Chain([Said(answered(outcome)), elsewhere]).resolve(QUERY)).outcome is outcome
    assert elsewhere.asked == 0


async def test_a_link_that_cannot_tell_ends_the_chain_with_its_error():
    last = Said(answered(Outcome.FOUND))
    with pytest.raises(RemoteUnavailable):
        await Chain([Said(RemoteUnavailable("away")), last]).resolve(QUERY)
    assert last.asked == 0


@pytest.mark.parametrize("links", [[], [Said(None), Said(None)]])
async def test_an_identifier_that_nobody_answers_for_has_an_unknown_prefix(links):
    with pytest.raises(PrefixNotFound, match=r"88\.118\.5 is not known") as caught:
        await Chain(links).resolve(QUERY)
    assert (caught.value.field, caught.value.rule) == ("handle", "prefix-not-found")
