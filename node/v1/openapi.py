"""The OpenAPI 3.1 document of v1, made from the table of operations and the types they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from node.http.body import InvalidJson
from node.http.problem import CONTENT_TYPE as PROBLEM
from node.http.problem import TYPE_BASE, Problem, status_of
from node.v1.examples import BODIES, PARAMETERS
from node.v1.operation import IDEMPOTENCY_KEY, JSON, Operation
from node.v1.schemas import Schema, Schemas, without_null
from registry import errors
from registry.access.once import MAX_KEY
from registry.errors import BiaoshiError

Part = dict[str, Any]  # of the document

_PARAMETER = re.compile(r"\{(\w+):(\w+)\}")

_INTRODUCTION = """\
Register, resolve and administer industrial internet identifiers on this node.

Bodies are JSON in UTF-8. A key goes into `Authorization: Bearer …`. Errors are problem documents \
(RFC 9457): branch on the last part of `type`, and on `rule` where one kind has several. Every \
answer carries `X-Request-Id`, by which the operator finds the request."""

# Path parameters, by their kind.
_KINDS: dict[str, Part] = {
    "number": {"schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999}},
    "segment": {"schema": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}},
    "handle": {
        "description": "The identifier, prefix/suffix, percent-encoded. Its slashes may be sent as "
        "they are or as %2F.",
        "schema": {"type": "string", "pattern": "^[^/]+/.+$", "maxLength": 255},
    },
}

_HEADERS: dict[str, Part] = {
    "X-Request-Id": {
        "description": "The request's id in the node's log: the client's own where it sent one of "
        "8 to 64 letters, digits, dots, hyphens and underscores",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of what was made, where it has one",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "ETag": {"description": "The record's state, for If-Match", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds to wait before trying again",
        "schema": {"type": "integer"},
    },
    "WWW-Authenticate": {"description": "What is asked for", "schema": {"type": "string"}},
    "Allow": {"description": "The methods there are", "schema": {"type": "string"}},
}

# Refused by the HTTP server itself, before there is a request that could have a surface.
_MALFORMED = "\n\nAs plain text: malformed HTTP, or a request line or header beyond 8190 bytes"

_CONDITION: Part = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of the revision to change; the request is refused if the record has "
    "changed since",
    "schema": {"type": "string", "pattern": r'^"[1-9][0-9]*(\.[1-9][0-9]*)?"$'},
    "example": '"3"',
}

_ONCE: Part = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "A text of the client's choice. The same request sent again with it gets the "
    "first answer again and makes nothing new",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[ -~]+$"},
    "example": "order-2026-0314",
}


def document(operations: Sequence[Operation], *, version: str) -> dict[str, Any]:
    """The document as JSON-ready members; the same for the same operations."""
    queries = [operation.query for operation in operations if operation.query]
    schemas = Schemas([Problem, *_types(operations)], inlined=queries)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Biaoshi 标识",
            "summary": "A secondary node of the Industrial Internet identifier system",
            "description": _INTRODUCTION,
            "version": version,
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(item.tag for item in operations)],
        "paths": _paths(operations, schemas),
        "components": {
            "schemas": schemas.components,
            "headers": _HEADERS,
            "examples": _problem_examples(operations),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "bsk_…",
                    "description": "An API key of this node",
                }
            },
        },
    }


def problems(operation: Operation) -> list[type[BiaoshiError]]:
    """What the operation refuses with: its own errors, then those that its shape brings along."""
    return list(dict.fromkeys([*operation.errors, *_usual_problems(operation)]))


def path_of(operation: Operation) -> str:
    """The path with its parameters as OpenAPI writes them."""
    return _PARAMETER.sub(r"{\1}", operation.path)


def _types(operations: Iterable[Operation]) -> Iterator[Any]:
    for operation in operations:
        for kind in (operation.answer, _body_type(operation)):
            if kind is not None:
                yield kind


def _body_type(operation: Operation) -> Any:
    return operation.body if operation.body_schema is None else operation.body_schema


def _usual_problems(operation: Operation) -> Iterator[type[BiaoshiError]]:
    yield errors.NotAuthenticated  # a wrong key is refused where none is needed, too
    if operation.needs_key:
        yield errors.NotPermitted
    if "handle}" in operation.path:
        yield errors.InvalidIdentifier
    if "{" in operation.path:
        yield errors.NotFound
    if operation.once:
        yield errors.KeyReused
    if operation.conditional:
        yield errors.RevisionMismatch
    if operation.body is not None:
        yield from (errors.TooLarge, InvalidJson)
    if operation.body is not None or operation.query or operation.once or operation.conditional:
        yield errors.InvalidInput
    yield from (errors.TooManyRequests, errors.Unavailable)


def _paths(operations: Iterable[Operation], schemas: Schemas) -> dict[str, Part]:
    paths: dict[str, Part] = {}
    for operation in operations:
        methods = paths.setdefault(path_of(operation), {})
        methods[operation.method.lower()] = _operation(operation, schemas)
    return paths


def _operation(operation: Operation, schemas: Schemas) -> Part:
    part: Part = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": list(_parameters(operation, schemas)),
        "responses": _responses(operation, schemas),
        "security": [{"key": []}] if operation.needs_key else [{}, {"key": []}],
    }
    if operation.description:
        part["description"] = operation.description
    if operation.body is not None:
        part["requestBody"] = _body(operation, schemas)
    return part


def _parameters(operation: Operation, schemas: Schemas) -> Iterator[Part]:
    for name, kind in _PARAMETER.findall(operation.path):
        parameter = {"name": name, "in": "path", "required": True, **_KINDS[kind]}
        yield _with_example(parameter, PARAMETERS.get(name))
    if operation.query:
        yield from _query(schemas.of(operation.query))
    if operation.once:
        yield _ONCE
    if operation.conditional:
        yield _CONDITION


def _query(struct: Schema) -> Iterator[Part]:
    for name, member in struct["properties"].items():
        schema = without_null(member)
        required = name in struct["required"]
        parameter: Part = {"name": name, "in": "query", "required": required}
        if "description" in schema:
            parameter["description"] = schema["description"]
        parameter["schema"] = {key: schema[key] for key in schema if key != "description"}
        if schema.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
        yield _with_example(parameter, PARAMETERS.get(name) if required else None)


def _body(operation: Operation, schemas: Schemas) -> Part:
    content = {"schema": schemas.of(_body_type(operation))}
    limit = f"{operation.body_limit // 1024} KiB" if operation.body_media == JSON else "as set"
    return {
        "description": f"At most {limit}",
        "required": True,
        "content": {operation.body_media: _with_example(content, BODIES.get(operation.name))},
    }


def _with_example(part: Part, example: Any) -> Part:
    return part if example is None else {**part, "example": example}


def _responses(operation: Operation, schemas: Schemas) -> Part:
    meanings = {operation.status: HTTPStatus(operation.status).phrase, **operation.also}
    responses = {
        str(status): _success(operation, schemas, status, meaning)
        for status, meaning in sorted(meanings.items())
    }
    refusals: dict[int, list[type[BiaoshiError]]] = {}
    for error in problems(operation):
        refusals.setdefault(status_of(error), []).append(error)
    refusals.setdefault(HTTPStatus.BAD_REQUEST, [])
    refusals.setdefault(HTTPStatus.INTERNAL_SERVER_ERROR, [])
    for status, kinds in sorted(refusals.items()):
        responses[str(int(status))] = _refusal(HTTPStatus(status), kinds)
    responses["400"]["description"] += _MALFORMED
    responses["400"]["content"]["text/plain"] = {"schema": {"type": "string"}}
    responses["default"] = _problem("A problem that is HTTP's own, such as a method not allowed")
    responses["default"]["headers"] |= _headers("Allow")
    return responses


def _success(operation: Operation, schemas: Schemas, status: int, meaning: str) -> Part:
    names = ["X-Request-Id"]
    if status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
        names.append("Location")
    if operation.conditional or _has_revision(operation.answer):
        names.append("ETag")
    response: Part = {"description": meaning, "headers": _headers(*names)}
    if operation.answer is not None:
        response["content"] = {operation.answer_media: {"schema": schemas.of(operation.answer)}}
    return response


def _has_revision(answer: Any) -> bool:
    """An answer with a revision carries it as its ETag."""
    is_struct = isinstance(answer, type) and issubclass(answer, msgspec.Struct)
    return is_struct and "revision" in answer.__struct_fields__


def _refusal(status: HTTPStatus, kinds: list[type[BiaoshiError]]) -> Part:
    listed = "\n".join(f"- `{kind.kind}`: {kind.title}" for kind in kinds)
    response = _problem(f"{status.phrase}\n\n{listed}".strip())
    if kinds:
        response["content"][PROBLEM]["examples"] = {
            kind.kind: {"$ref": f"#/components/examples/{kind.kind}"} for kind in kinds
        }
    if status == HTTPStatus.UNAUTHORIZED:
        response["headers"] |= _headers("WWW-Authenticate")
    if any(issubclass(kind, errors.TooManyRequests | errors.Unavailable) for kind in kinds):
        response["headers"] |= _headers("Retry-After")
    return response


def _problem(description: str) -> Part:
    return {
        "description": description,
        "headers": _headers("X-Request-Id"),
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _headers(*names: str) -> Part:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problem_examples(operations: Iterable[Operation]) -> Part:
    """Each kind of problem that some operation refuses with, by its name."""
    kinds = {kind.kind: kind for operation in operations for kind in problems(operation)}
    return {
        name: {
            "summary": kinds[name].title,
            "value": {
                "type": TYPE_BASE + name,
                "title": kinds[name].title,
                "status": status_of(kinds[name]),
            },
        }
        for name in sorted(kinds)
    }
