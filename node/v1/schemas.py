"""JSON Schemas of the types that v1 takes and answers with."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/"


class Schemas:
    """Schemas of a set of types. Structs and enumerations become named components, but for the
    `inlined` ones, whose schemas stand where they are asked for."""

    def __init__(self, types: Iterable[Any], inlined: Iterable[Any] = ()) -> None:
        types, inlined = list(dict.fromkeys(types)), list(dict.fromkeys(inlined))
        named = _named([*types, *inlined])
        # Asking for every named type as well tells which component is whose.
        asked = [*types, *inlined, *named]
        schemas, components = msgspec.json.schema_components(
            asked, ref_template=f"{REFERENCE}{{name}}"
        )
        self._schemas: dict[Any, Schema] = dict(zip(asked, schemas, strict=True))
        for kind, info in named.items():
            _complete(components[name_of(self._schemas[kind])], info)
        _translate_patterns(components)
        for kind in inlined:
            self._schemas[kind] = components.pop(name_of(self._schemas[kind]))
        self.components: Mapping[str, Schema] = components

    def of(self, kind: Any) -> Schema:
        return self._schemas[kind]


def name_of(schema: Schema) -> str:
    """The component that a reference names."""
    return str(schema["$ref"]).removeprefix(REFERENCE)


def without_null(schema: Schema) -> Schema:
    """The schema of an optional member where it is given: null and the default null dropped."""
    if not any(option.get("type") == "null" for option in schema.get("anyOf", ())):
        return schema
    options = [option for option in schema["anyOf"] if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if rest.get("default", ...) is None:
        del rest["default"]
    return {**rest, **(options[0] if len(options) == 1 else {"anyOf": options})}


def _named(types: list[Any]) -> dict[Any, inspect.Type]:
    """All structs and enumerations that the types hold."""
    found: dict[Any, inspect.Type] = {}
    waiting: list[inspect.Type] = list(inspect.multi_type_info(types))
    while waiting:
        info = waiting.pop()
        if isinstance(info, inspect.StructType | inspect.EnumType):
            if info.cls in found:
                continue
            found[info.cls] = info
        waiting.extend(_parts(info))
    return found


def _parts(info: inspect.Type) -> Iterator[inspect.Type]:
    """The types that a type is directly made of."""
    match info:
        case inspect.StructType():
            yield from (field.type for field in info.fields)
        case inspect.UnionType():
            yield from info.types
        case inspect.TupleType():
            yield from info.item_types
        case inspect.Metadata():
            yield info.type
        case inspect.CollectionType():
            yield info.item_type
        case inspect.DictType():
            yield from (info.key_type, info.value_type)


def _complete(schema: Schema, info: inspect.Type) -> None:
    """Add to a component what msgspec leaves out."""
    kind = getattr(info, "cls", None)
    documented = cleandoc(getattr(kind, "__origin__", kind).__doc__ or "")
    if isinstance(info, inspect.StructType):
        documented = documented.partition("\n\n")[0]  # what follows is for those who program it
        for field in info.fields:
            _date(schema["properties"][field.encode_name], field.type)
    elif isinstance(info, inspect.EnumType) and issubclass(info.cls, enum.IntEnum):
        meanings = "; ".join(f"{item.value} {_words(item.name)}" for item in info.cls)
        documented = f"{documented}\n\n{meanings}".strip()
        schema["type"] = "integer"
    elif isinstance(info, inspect.EnumType):
        schema["enum"] = [item.value for item in info.cls]  # in the order of the source
        schema["type"] = "string"
    if documented:
        schema["description"] = documented


def _date(schema: Schema, info: inspect.Type) -> None:
    """msgspec says so of zoned times alone; all of ours are, whatever the type admits."""
    if isinstance(info, inspect.DateTimeType):
        schema["format"] = "date-time"
    elif isinstance(info, inspect.Metadata):
        _date(schema, info.type)
    elif isinstance(info, inspect.UnionType) and any(map(_is_date, info.types)):
        text = next(option for option in schema["anyOf"] if option.get("type") == "string")
        text["format"] = "date-time"


def _is_date(info: inspect.Type) -> bool:
    return isinstance(info, inspect.DateTimeType)


def _words(name: str) -> str:
    return name.lower().replace("_", " ")


def _translate_patterns(part: Any) -> None:
    """Patterns are Python's; JSON Schema has ECMAScript's, and texts without half surrogates."""
    if isinstance(part, list):
        for item in part:
            _translate_patterns(item)
    elif isinstance(part, dict):
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            part["pattern"] = pattern.replace(r"\Z", "$").replace(r"\ud800-\udfff", "")
        for item in part.values():
            _translate_patterns(item)
