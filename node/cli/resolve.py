"""`biaoshi resolve`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from node.cli.access import USUAL, Json, Place
from node.cli.client import handle_path
from node.cli.option import repeated
from node.cli.terminal import console, print_json, table

SOURCES = {"local": "本节点 held by this node", "recursive": "递归 asked of another node"}


def add_to(app: App) -> None:
    app.command(resolve)


async def resolve(
    identifier: Annotated[
        str, Parameter(help="The identifier, such as 88.118.1/SN-1; hdl: and URLs are understood.")
    ],
    /,
    *,
    type: Annotated[
        tuple[str, ...],
        repeated("Only values of this type."),
    ] = (),
    index: Annotated[
        tuple[int, ...],
        repeated("Only the value with this index."),
    ] = (),
    place: Place = USUAL,
    json: Json = False,
) -> None:
    """Resolve an identifier, as anyone may.

    Exits with 1 where it is not found, and says why.
    """
    query = {"type": list(type), "index": [str(one) for one in index]}
    asked = {name: values for name, values in query.items() if values}
    async with place.as_anyone() as client:
        answer = await client.get(handle_path("/v1/resolve", identifier), **asked)
    if json:
        return print_json(answer)
    out = console()
    shown = table("序号 Index", "类型 Type", "值 Value", title=answer["handle"])
    for value in answer["values"]:
        shown.add_row(str(value["index"]), value["type"], _text(value["data"]))
    out.print(shown)
    out.print(_origin(answer))
    return None


def _text(data: dict[str, Any] | str) -> str:
    value = data["value"] if isinstance(data, dict) else data
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _origin(answer: dict[str, Any]) -> str:
    parts = [f"来源 source: {SOURCES.get(answer['source'], answer['source'])}"]
    if answer.get("via"):
        parts.append(f"途经 via {' → '.join(answer['via'])}")
    if answer.get("revision"):
        parts.append(f"版本 revision {answer['revision']}")
    return "; ".join(parts)
