"""The OpenAPI document in the order and the words in which a reader wants it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from node.http.problem import CONTENT_TYPE as PROBLEM
from node.v1.operation import IDEMPOTENCY_KEY, JSON, MULTIPART
from node.v1.schemas import Schema, name_of, without_null

MAX_DEPTH = 6  # of members within members; types that hold themselves end there


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A parameter, or a member of a body, as deep as `depth` tells inside others."""

    name: str
    type: str
    required: bool
    place: str = ""  # of a parameter: path, query or header
    depth: int = 0
    description: str = ""
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A request's or an answer's body: what it is, and its members."""

    type: str
    description: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    description: str
    body: Body | None
    headers: list[str]


@dataclass(frozen=True, slots=True)
class Refusal:
    status: str
    kinds: dict[str, str]  # with their titles


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation."""

    name: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    open: bool  # whether it can do without a key
    parameters: list[Row]
    body: Body | None
    answers: list[Answer]
    refusals: list[Refusal]
    curl: str


class Outline:
    """Reads an OpenAPI document that `openapi.document` made."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = document["components"]
        self._paths = document["paths"]
        self._tags = [tag["name"] for tag in document["tags"]]

    def tags(self) -> dict[str, list[Entry]]:
        """All operations by their tag."""
        entries = [
            self._entry(method.upper(), path, part)
            for path, methods in self._paths.items()
            for method, part in methods.items()
        ]
        return {tag: [entry for entry in entries if entry.tag == tag] for tag in self._tags}

    def _entry(self, method: str, path: str, part: Mapping[str, Any]) -> Entry:
        request = part.get("requestBody")
        answers = [item for item in part["responses"].items() if item[0] < "4"]
        return Entry(
            name=part["operationId"],
            tag=part["tags"][0],
            method=method,
            path=path,
            summary=part["summary"],
            description=part.get("description", ""),
            open={} in part["security"],
            parameters=[self._parameter(item) for item in part["parameters"]],
            body=self._body(_schema(request["content"])) if request else None,
            answers=[self._answer(status, answer) for status, answer in answers],
            refusals=list(self._refusals(part["responses"])),
            curl=curl(method, path, part),
        )

    def _parameter(self, part: Mapping[str, Any]) -> Row:
        schema = part["schema"]
        return Row(
            name=part["name"],
            type=self._type(schema),
            required=part["required"],
            place=part["in"],
            description=part.get("description", ""),
            default=_default(schema),
        )

    def _answer(self, status: str, part: Mapping[str, Any]) -> Answer:
        content = part.get("content")
        body = self._body(_schema(content)) if content else None
        headers = [name for name in part["headers"] if name != "X-Request-Id"]
        return Answer(status, part["description"], body, headers)

    def _refusals(self, responses: Mapping[str, Any]) -> Iterator[Refusal]:
        for status, part in responses.items():
            names = part["content"].get(PROBLEM, {}).get("examples", {}) if status >= "4" else {}
            if names:
                examples = self._components["examples"]
                yield Refusal(status, {name: examples[name]["summary"] for name in names})

    def _body(self, schema: Schema) -> Body:
        described = self._held(schema).get("description", "")
        return Body(self._type(schema), described, list(self._rows(schema, 0)))

    def _rows(self, schema: Schema, depth: int) -> Iterator[Row]:
        """The members of an object, or of the objects in a list, each followed by its own."""
        held = self._held(schema)
        if depth > MAX_DEPTH:
            return
        for name, member in held.get("properties", {}).items():
            given = without_null(member)
            nullable = given is not member and member.get("default", ...) is not None
            yield Row(
                name=name,
                type=self._type(given) + (" or null" if nullable else ""),
                required=name in held.get("required", ()),
                depth=depth,
                description=self._meaning(given),
                default=_default(member),
            )
            yield from self._rows(given, depth + 1)

    def _held(self, schema: Schema) -> Schema:
        """The object inside references, lists and alternatives."""
        if "$ref" in schema:
            return self._held(self._resolve(schema))
        if "items" in schema:
            return self._held(schema["items"])
        if "anyOf" in schema:
            objects = (self._held(option) for option in schema["anyOf"])
            return next((option for option in objects if "properties" in option), schema)
        return schema

    def _meaning(self, member: Schema) -> str:
        """What is said of a member, or else of its type."""
        if "description" in member:
            return str(member["description"])
        return str(self._resolve(without_null(member.get("items", member))).get("description", ""))

    def _resolve(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        found: Schema = self._components["schemas"][name_of(schema)]
        return found

    def _type(self, schema: Schema) -> str:
        """A schema in a few words."""
        schema = self._resolve(schema)
        if "enum" in schema:
            return " | ".join(str(value) for value in schema["enum"])
        if "anyOf" in schema:
            return " or ".join(self._type(option) for option in schema["anyOf"])
        if schema.get("type") == "array":
            return f"list of {self._type(schema['items'])}{_bounds(schema)}"
        if schema.get("type") == "object":
            return str(schema.get("title", "object"))
        plain = schema.get("format", schema.get("type", "any JSON"))
        return f"{plain}{_bounds(schema)}"


def curl(method: str, path: str, part: Mapping[str, Any]) -> str:
    """A command that calls the operation; the shell's variables NODE and KEY hold the rest."""
    examples = {item["name"]: str(item.get("example", "")) for item in part["parameters"]}
    query = []
    for item in part["parameters"]:
        example = quote(examples[item["name"]])
        if item["in"] == "path":
            path = path.replace(f"{{{item['name']}}}", example)
        elif item["in"] == "query" and item["required"]:
            query.append(f"{item['name']}={example}")
    address = f"$NODE{path}{'?' if query else ''}{'&'.join(query)}"
    words = [f'curl "{address}"' if method == "GET" else f'curl -X {method} "{address}"']
    if {} not in part["security"]:
        words.append('-H "Authorization: Bearer $KEY"')
    if IDEMPOTENCY_KEY in examples:
        words.append(f"-H {shlex.quote(f'{IDEMPOTENCY_KEY}: {examples[IDEMPOTENCY_KEY]}')}")
    content = part.get("requestBody", {}).get("content", {})
    words += _form(content.get(MULTIPART, {}).get("example", {}))
    content = content.get(JSON, {})
    if "example" in content:
        body = json.dumps(content["example"], ensure_ascii=False, indent=2)
        words += [f"-H 'Content-Type: {JSON}'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(words)


def _schema(content: Mapping[str, Any]) -> Schema:
    """The schema of a body or an answer, which has one media type."""
    (media,) = content.values()
    found: Schema = media["schema"]
    return found


def _form(example: Mapping[str, Any]) -> list[str]:
    """The parts of a form: texts are files, anything else is JSON."""
    return [
        f"-F {name}=@{name}.csv"
        if isinstance(value, str)
        else f"-F {shlex.quote(f'{name}={json.dumps(value, ensure_ascii=False)}')}"
        for name, value in example.items()
    ]


def _default(schema: Schema) -> str | None:
    default = schema.get("default")
    return None if default in (None, "", []) else json.dumps(default, ensure_ascii=False)


def _bounds(schema: Schema) -> str:
    """The constraints of a schema, in brackets."""
    said = [
        _range(schema.get("minimum"), schema.get("maximum"), ""),
        _range(schema.get("minLength"), schema.get("maxLength"), " characters"),
        _range(schema.get("minItems"), schema.get("maxItems"), " items"),
    ]
    listed = ", ".join(text for text in said if text)
    return f" ({listed})" if listed else ""


def _range(least: int | None, most: int | None, unit: str) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return "not empty" if unit and least == 1 else f"at least {least}{unit}"
    if least is None:
        return f"at most {most}{unit}"
    return f"{least}–{most}{unit}" if least != most else f"{most}{unit}"
