import enum
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.schemas import Schemas, name_of, without_null


class Colour(enum.IntEnum):
    """How it looks."""

    DARK_RED = 1
    GREEN = 2


class Size(enum.StrEnum):
    SMALL = "small"
    LARGE = "large"


class Part(msgspec.Struct):
    """A part.

    Only programmers read on.
    """

    at: datetime
    until: Annotated[datetime | None, Meta(description="The end")] = None
    colour: Colour | None = None
    code: Annotated[str, Meta(pattern=r"^[^\x00\ud800-\udfff]+\Z")] = "a"
    pattern: str = ""  # a member's name, not a constraint


class Options(msgspec.Struct):
    size: Size | None = None
    limit: int | None = 5


def test_components_are_named_and_referred_to():
    schemas = Schemas([list[Part]])
    assert schemas.of(list[Part])["items"] == {"$ref": "#/components/schemas/Part"}
    assert name_of(schemas.of(list[Part])["items"]) == "Part"
    assert set(schemas.components) == {"Part", "Colour"}


def test_times_are_date_times_also_where_they_may_be_null():
    members = Schemas([Part]).components["Part"]["properties"]
    assert members["at"] == {"type": "string", "format": "date-time"}
    assert {"type": "string", "format": "date-time"} in members["until"]["anyOf"]
    assert {"type": "null"} in members["until"]["anyOf"]


def test_a_struct_is_described_by_the_first_paragraph_of_its_docstring():
    assert Schemas([Part]).components["Part"]["description"] == "A part."


def test_numbers_of_an_enumeration_are_explained():
    colour = Schemas([Part]).components["Colour"]
    assert colour["type"] == "integer"
    assert colour["description"] == "How it looks.\n\n1 dark red; 2 green"


def test_texts_of_an_enumeration_keep_their_order():
    assert Schemas([Size]).components["Size"]["enum"] == ["small", "large"]


def test_patterns_are_ecmascript():
    members = Schemas([Part]).components["Part"]["properties"]
    assert members["code"]["pattern"] == r"^[^\x00]+$"
    assert members["pattern"] == {"type": "string", "default": ""}


def test_inlined_types_are_no_components_but_what_they_name_is():
    schemas = Schemas([Part], inlined=[Options])
    assert "Options" not in schemas.components
    assert "Size" in schemas.components
    assert list(schemas.of(Options)["properties"]) == ["size", "limit"]


def test_an_optional_member_where_it_is_given_is_not_null():
    members = Schemas([], inlined=[Options]).of(Options)["properties"]
    assert without_null(members["size"]) == {"$ref": "#/components/schemas/Size"}
    assert without_null(members["limit"]) == {"type": "integer", "default": 5}
    assert without_null({"type": "string"}) == {"type": "string"}
