"""The vocabulary of resolution: which values pass a filter."""

import msgspec
import pytest

from registry.access.actor import Actor, Role, anonymous
from registry.identifier import Identifier
from registry.record.typed_data import Reference
from registry.record.value import Data, Value
from resolver.query import Answer, Outcome, Query, Source, select

IDENTIFIER = Identifier("88.118.5", "LAMP-1")
KEYS = Actor("key:X", role=Role.ENTERPRISE, enterprise_id=1)
HANDLE = Actor("handle", identity=Reference("88.118.5/ADMIN", 300))
VALUES = tuple(
    Value(index, type_, Data("string", f"{type_} {index}"))
    for index, type_ in [(1, "URL"), (2, "url.mobile"), (3, "URLX"), (4, "EMAIL"), (7, "URL")]
)


def asked(types=(), indexes=(), actor=None, **further) -> Query:
    return Query(IDENTIFIER, actor or anonymous(), frozenset(types), frozenset(indexes), **further)


def indexes_of(query: Query) -> list[int]:
    _, text = select(query, VALUES)
    return [value["index"] for value in msgspec.json.decode(text)]


@pytest.mark.parametrize(
    ("types", "indexes", "passed"),
    [
        ((), (), [1, 2, 3, 4, 7]),
        (("URL",), (), [1, 7]),
        (("url",), (), [1, 7]),
        (("URL.",), (), [1, 2, 7]),
        (("Url.",), (), [1, 2, 7]),
        (("URL.MOBILE",), (), [2]),
        (("URL.MOBILE.",), (), [2]),
        (("URL.MOB.",), (), []),
        (("UR.",), (), []),
        (("EMAIL", "URL.mobile"), (), [2, 4]),
        ((), (1, 4), [1, 4]),
        ((), (99,), []),
        (("EMAIL",), (1,), [1, 4]),  # what either names
        (("EMAIL",), (4,), [4]),
        (("NOSUCH",), (3,), [3]),
        (("",), (), []),
        ((".",), (), []),
    ],
)
def test_a_value_passes_if_its_type_or_its_index_is_named(types, indexes, passed):
    assert indexes_of(asked(types, indexes)) == passed


def test_an_empty_selection_is_no_values_and_not_an_error():
    assert select(asked(["NOSUCH"]), VALUES) == (Outcome.NO_VALUES, "[]")
    assert select(asked(), ()) == (Outcome.NO_VALUES, "[]")
    outcome, _ = select(asked(["URL"]), VALUES)
    assert outcome is Outcome.FOUND


def test_a_selection_is_the_text_that_is_served():
    _, text = select(asked(indexes=[4]), VALUES)
    assert msgspec.json.decode(text) == [
        {"index": 4, "type": "EMAIL", "data": {"format": "string", "value": "EMAIL 4"}}
    ]


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        (asked(), True),
        (asked(["URL"]), False),
        (asked(indexes=[1]), False),
        (asked(public_only=False), False),
        (asked(actor=KEYS), False),
        (asked(actor=HANDLE), False),
    ],
)
def test_only_an_anonymous_query_without_a_filter_takes_the_stored_text(query, plain):
    assert query.plain is plain


def test_an_answer_is_found_only_if_it_is():
    for outcome in Outcome:
        answer = Answer(outcome, Source.LOCAL, IDENTIFIER.text)
        assert answer.found is (outcome is Outcome.FOUND)
