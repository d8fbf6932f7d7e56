"""`biaoshi settings`: the manual of `biaoshi serve`'s settings, from the class that reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from cyclopts import App
from msgspec import inspect

from node.cli.option import flag
from node.cli.terminal import console, table
from node.settings import ENVIRONMENT, Settings

COLUMNS = ("Setting", "Meaning", "Type", "Default")


def add_to(app: App) -> None:
    app.command(settings)


def settings(
    *,
    markdown: Annotated[bool, flag("As a table in Markdown.")] = False,
) -> None:
    """List all settings of `biaoshi serve`.

    Each may stand in the TOML file under its name, or in the environment as BIAOSHI_ and its name
    in capitals.
    """
    if markdown:
        print(as_markdown())
        return
    shown = table(*COLUMNS)
    for row in rows():
        shown.add_row(*row)
    out = console()
    out.print(shown)
    out.print(f"In the environment: {ENVIRONMENT}NAME; lists are separated by commas.")


def as_markdown() -> str:
    """The table as README.md has it."""
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for name, meaning, kind, default in rows():
        shown = f"`{default}`" if default not in ("required", "none") else default
        lines.append((f"`{name}`", meaning, kind, shown))
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines
    )


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Name, meaning, type and default of every setting."""
    described = inspect.type_info(Settings)
    assert isinstance(described, inspect.StructType)
    for field in described.fields:
        schema, kind = _unwrap(field.type)
        meaning = str(schema.get("description", ""))
        yield field.name, meaning, kind, _default(field)


def _unwrap(info: inspect.Type) -> tuple[dict[str, object], str]:
    """The JSON schema's extra members of a type, and its name in plain words."""
    if isinstance(info, inspect.Metadata):
        inner, kind = _unwrap(info.type)
        return {**inner, **(info.extra_json_schema or {})}, kind
    return {}, _kind(info)


def _kind(info: inspect.Type) -> str:
    match info:
        case inspect.UnionType():
            kept = [one for one in info.types if not isinstance(one, inspect.NoneType)]
            return " or ".join(_kind(one) for one in kept)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"whole number{_range(info)}"
        case inspect.FloatType():
            return f"seconds{_range(info)}"
        case inspect.VarTupleType() | inspect.ListType():
            return "list of texts"
        case _:
            return "text"


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    low = info.ge if info.ge is not None else info.gt
    if low is None:
        return ""
    bound = f"{low:g}" if info.ge is not None else f"above {low:g}"
    return f", {bound} to {info.le:g}" if info.le is not None else f", {bound} or more"


def _default(field: inspect.Field) -> str:
    default = field.default
    if field.required:
        return "required"
    if default is None or default == () or default == "" or default is msgspec.NODEFAULT:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
