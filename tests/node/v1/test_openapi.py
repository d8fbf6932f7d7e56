import json
import re
from dataclasses import replace

import msgspec
import pytest
from openapi_spec_validator import validate

from node.http.problem import CONTENT_TYPE, status_of
from node.v1.openapi import document, path_of, problems
from node.v1.surface import OPERATIONS

EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
def openapi():
    return json.loads(msgspec.json.encode(document(OPERATIONS, version="1.2.3")))


@pytest.fixture
def part(openapi, operation):
    return openapi["paths"][path_of(operation)][operation.method.lower()]


def named(name):
    return next(operation for operation in OPERATIONS if operation.name == name)


def references(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from references(item)


def test_the_document_is_valid_openapi(openapi):
    validate(openapi)
    assert openapi["openapi"].startswith("3.1")
    assert openapi["info"]["version"] == "1.2.3"


def test_every_reference_resolves(openapi):
    found = set(references(openapi))
    assert found
    for reference in found:
        place = openapi
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_component_schema_is_used(openapi):
    found = set(references(openapi))
    for name in openapi["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in found


def test_it_holds_the_operations_and_no_others(openapi):
    listed = [part["operationId"] for item in openapi["paths"].values() for part in item.values()]
    assert sorted(listed) == sorted(operation.name for operation in OPERATIONS)
    assert len(set(listed)) == len(listed)


def test_it_is_the_same_each_time():
    assert document(OPERATIONS, version="1") == document(OPERATIONS, version="1")


@EACH
def test_path_parameters_are_those_of_the_route(operation, part):
    route = operation.route()
    in_route = re.findall(r"\{(\w+):", route.path)
    described = [item["name"] for item in part["parameters"] if item["in"] == "path"]
    assert described == in_route == re.findall(r"\{(\w+)\}", path_of(operation))
    assert all(item["required"] for item in part["parameters"] if item["in"] == "path")


@EACH
def test_query_parameters_are_the_members_of_the_query_type(operation, part):
    described = {item["name"]: item for item in part["parameters"] if item["in"] == "query"}
    members = msgspec.structs.fields(operation.query) if operation.query else ()
    assert list(described) == [member.encode_name for member in members]
    for member in members:
        assert described[member.encode_name]["required"] == member.required
        assert {"type": "null"} not in described[member.encode_name]["schema"].get("anyOf", [])


@EACH
def test_every_kind_of_problem_stands_under_its_status(operation, part):
    for error in problems(operation):
        content = part["responses"][str(status_of(error))]["content"]
        assert error.kind in content[CONTENT_TYPE]["examples"]


@EACH
def test_whatever_goes_wrong_is_a_problem_document(operation, part):
    refusals = {status: item for status, item in part["responses"].items() if status >= "4"}
    assert {"401", "429", "500", "503", "default"} <= set(refusals)
    for response in refusals.values():
        problem = {"$ref": "#/components/schemas/Problem"}
        assert response["content"][CONTENT_TYPE]["schema"] == problem


@EACH
def test_every_success_is_described(operation, part):
    described = {status for status in part["responses"] if status < "4"}
    assert described == {str(operation.status), *map(str, operation.also)}


@EACH
def test_headers_and_keys_are_as_the_operation_takes_them(operation, part):
    headers = {item["name"] for item in part["parameters"] if item["in"] == "header"}
    assert ("Idempotency-Key" in headers) == operation.once
    assert ("If-Match" in headers) == operation.conditional
    assert ({} in part["security"]) == (not operation.needs_key)
    assert {"key": []} in part["security"]


@EACH
def test_what_is_no_http_is_refused_in_plain_text(operation, part):
    assert set(part["responses"]["400"]["content"]) == {CONTENT_TYPE, "text/plain"}


def test_repeatable_query_parameters_are_exploded_arrays(openapi):
    parameters = openapi["paths"]["/v1/resolve/{handle}"]["get"]["parameters"]
    types = next(item for item in parameters if item["name"] == "type")
    assert types["schema"]["type"] == "array"
    assert (types["style"], types["explode"]) == ("form", True)


def test_raw_members_have_their_true_schema(openapi):
    put = openapi["paths"]["/v1/identifiers"]["post"]["requestBody"]["content"]
    items = put["application/json"]["schema"]["items"]
    assert items == {"$ref": "#/components/schemas/Item"}
    resolved = openapi["paths"]["/v1/resolve/{handle}"]["get"]["responses"]["200"]
    name = resolved["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    values = openapi["components"]["schemas"][name]["properties"]["values"]
    assert values["items"] == {"$ref": "#/components/schemas/Value"}


def test_an_answer_with_a_revision_has_an_etag(openapi):
    for path, method in [("/v1/resolve/{handle}", "get"), ("/v1/identifiers/{handle}", "put")]:
        assert "ETag" in openapi["paths"][path][method]["responses"]["200"]["headers"]
    assert "ETag" not in openapi["paths"]["/v1/keys"]["get"]["responses"]["200"]["headers"]


def test_an_operation_without_an_answer_has_no_content():
    silent = replace(named("revokeKey"), answer=None, status=204)
    response = document([silent], version="1")["paths"]["/v1/keys/{key_id}"]["delete"]["responses"]
    assert "content" not in response["204"]


def test_times_are_zoned(openapi):
    key = openapi["components"]["schemas"]["Key"]["properties"]
    assert key["created_at"] == {"type": "string", "format": "date-time"}
