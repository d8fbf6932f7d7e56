import shlex

import pytest

from node.v1.openapi import document
from node.v1.outline import Outline, curl
from node.v1.surface import OPERATIONS


@pytest.fixture(scope="module")
def entries():
    tags = Outline(document(OPERATIONS, version="1")).tags()
    return {entry.name: entry for entries in tags.values() for entry in entries}


def test_every_operation_stands_under_its_tag():
    tags = Outline(document(OPERATIONS, version="1")).tags()
    for operation in OPERATIONS:
        assert operation.name in [entry.name for entry in tags[operation.tag]]


def test_members_of_members_follow_them_one_deeper(entries):
    rows = entries["putIdentifier"].body.rows
    depths = {row.name: row.depth for row in rows}
    assert (depths["values"], depths["data"], depths["format"]) == (0, 1, 2)


def test_types_are_told_in_words(entries):
    query = {row.name: row for row in entries["listEnterprises"].parameters}
    assert query["limit"].type == "integer (1–1000)"
    assert query["limit"].default == "100"
    assert query["state"].type.startswith("applied | ")
    key = {row.name: row for row in entries["revokeKey"].answers[0].body.rows}
    assert key["expires_at"].type == "date-time or null"
    assert key["created_at"].type == "date-time"
    assert entries["listKeys"].answers[0].body.type == "list of Key"


def test_refusals_are_grouped_by_status(entries):
    refusals = {refusal.status: refusal.kinds for refusal in entries["resolve"].refusals}
    assert refusals["401"] == {"not-authenticated": "A valid key is needed"}
    assert "default" not in refusals


def test_a_type_that_holds_itself_ends():
    node = {"type": "object", "title": "Node", "properties": {"child": {"$ref": "#/x/Node"}}}
    node["properties"]["child"]["$ref"] = "#/components/schemas/Node"
    part = document(OPERATIONS[:1], version="1")
    part["components"]["schemas"]["Node"] = node
    body = part["paths"]["/v1/enterprises"]["post"]["requestBody"]["content"]["application/json"]
    body["schema"] = {"$ref": "#/components/schemas/Node"}
    tags = Outline(part).tags()
    assert len(next(iter(tags.values()))[0].body.rows) < 20


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_the_command_is_one_that_a_shell_reads(entries, name):
    words = shlex.split(entries[name].curl)
    assert words[0] == "curl"
    address = next(word for word in words if word.startswith("$NODE/v1/"))
    assert "{" not in address
    assert ("Authorization: Bearer $KEY" in words) == (not entries[name].open)


def test_texts_in_a_command_are_quoted():
    part = {
        "parameters": [
            {"name": "handle", "in": "path", "example": "88.1.2/a b$x"},
            {"name": "prefix", "in": "query", "required": True, "example": "88.1.2&x"},
        ],
        "security": [{}],
        "requestBody": {"content": {"application/json": {"example": {"note": "it's"}}}},
    }
    words = shlex.split(curl("PUT", "/v1/x/{handle}", part))
    assert words[1:4] == ["-X", "PUT", "$NODE/v1/x/88.1.2/a%20b%24x?prefix=88.1.2%26x"]
    assert words[-1] == '{\n  "note": "it\'s"\n}'
