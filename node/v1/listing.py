"""Lists of identifiers: every item gets its own verdict, whatever is wrong with the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from node.v1.operation import Call, Reply
from node.v1.result import Result, Results, count, result_of, totals_of, unread
from registry.errors import BiaoshiError, InvalidInput
from registry.record.registrar import MAX_LIST
from registry.record.registration import Verdict

T = TypeVar("T")


async def listed(
    call: Call,
    read: Callable[[bytes, str], Awaitable[T]],
    carry_out: Callable[[Sequence[T]], Awaitable[Sequence[Verdict]]],
    *,
    dry_run: bool = False,
) -> Reply:
    """Read what can be read, have it carried out, and answer in the order of the list.

    `read` takes an item's JSON and the field to name in errors, such as `[3]`. `carry_out` returns
    a verdict for each of the items it is given. What a dry run finds is not counted.
    """
    raw_items: list[msgspec.Raw] = call.body
    if not 1 <= len(raw_items) <= MAX_LIST:
        raise InvalidInput(
            f"a list has 1 to {MAX_LIST} identifiers", field="body", rule="list-length"
        )
    results: dict[int, Result] = {}
    items: dict[int, T] = {}
    for position, raw in enumerate(raw_items):
        try:
            items[position] = await read(bytes(raw), f"[{position}]")
        except BiaoshiError as error:
            results[position] = unread(raw, error)
    verdicts = await carry_out(list(items.values()))
    for position, verdict in zip(items, verdicts, strict=True):
        results[position] = result_of(verdict)
    ordered = [results[position] for position in range(len(raw_items))]
    if not dry_run:
        count(call, ordered)
    return Reply(Results(ordered, totals_of(ordered)))
