"""Identifiers by the list: each item gets its own result, and the whole is a success."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from node.snms import chinese, content
from node.snms.content import MAX_HANDLE
from node.snms.data import amend, count, counted, raise_refusal
from node.snms.entry import Entry, EntryBody, EntryReader
from node.snms.envelope import SUCCESS_MESSAGE, Status, success
from node.snms.token import logged_in
from node.wiring import Wiring
from registry.errors import BiaoshiError
from registry.identifier import Identifier
from registry.record.registration import Method, Outcome, Registration, Verdict

AT_ONCE = 8  # changes of one request under way, so that it does not take all connections
BREATH = 100  # items after which others get their turn

T = TypeVar("T")
Refusal = BiaoshiError | None


class Result(msgspec.Struct, frozen=True):
    handle: str | None
    msg: str


class DeletionResult(msgspec.Struct, frozen=True):
    handle: str | None
    code: Status
    msg: str


async def create(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    items = await content.read_batch(request)
    revive = content.flag(request, "revive")
    wanted = await _registrations(EntryReader(wiring, actor), items, new=not revive)
    good = [item for item in wanted if isinstance(item, Registration)]
    verdicts = iter(await wiring.registrar.create(actor, good, Method.BATCH, revive=revive))
    refusals: list[Refusal] = []
    for item in wanted:
        if isinstance(item, BiaoshiError):
            refusals.append(item)
            count(wiring, Outcome.REFUSED)
        else:
            verdict = next(verdicts)
            refusals.append(_refusal(verdict))
            count(wiring, verdict.outcome)
    return success(_results(items, refusals))


async def update(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    items = await content.read_batch(request)
    wanted = await _registrations(EntryReader(wiring, actor), items, new=False)
    refusals = await _each(
        wiring, wanted, lambda item: item.identifier, lambda item: amend(wiring, actor, item)
    )
    return success(_results(items, refusals))


async def delete(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    items = await content.read_batch(request)
    refusals = await _each(
        wiring,
        [_identifier(item) for item in items],
        lambda item: item,
        lambda item: wiring.registrar.withdraw(actor, item),
    )
    return success(
        [
            DeletionResult(
                _sent(item), Status.FAILURE if refusal else Status.SUCCESS, _told(refusal)
            )
            for item, refusal in zip(items, refusals, strict=True)
        ]
    )


async def _registrations(
    reader: EntryReader, items: Sequence[Any], *, new: bool
) -> list[Registration | BiaoshiError]:
    """What each item asks for, or why it can't."""
    wanted: list[Registration | BiaoshiError] = []
    for position, item in enumerate(items, 1):
        try:
            entry = Entry.of(content.convert(item, EntryBody))
            wanted.append(await reader.registration(entry, new=new))
        except BiaoshiError as error:
            wanted.append(error)
        if position % BREATH == 0:
            await asyncio.sleep(0)
    return wanted


async def _each(
    wiring: Wiring,
    items: Sequence[T | BiaoshiError],
    identifier_of: Callable[[T], Identifier],
    change: Callable[[T], Awaitable[Verdict]],
) -> list[Refusal]:
    """Make each change in a transaction of its own, several at once, those of one identifier in
    their order; for each why it was refused, if it was."""
    refusals: list[Refusal] = []
    chains: dict[str, list[tuple[int, T]]] = {}
    for position, item in enumerate(items):
        refusals.append(item if isinstance(item, BiaoshiError) else None)
        if isinstance(item, BiaoshiError):
            count(wiring, Outcome.REFUSED)
        else:
            handle = identifier_of(item).canonical(wiring.form.case_sensitive)
            chains.setdefault(handle, []).append((position, item))
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(chain: list[tuple[int, T]]) -> None:
        async with gate:
            for position, item in chain:
                try:
                    await counted(wiring, change(item))
                except BiaoshiError as error:
                    refusals[position] = error

    try:
        async with asyncio.TaskGroup() as group:
            for chain in chains.values():
                group.create_task(run(chain))
    except BaseExceptionGroup as failures:
        # The edge knows a lost database by its error, not by a group of them.
        raise failures.exceptions[0] from None
    return refusals


def _refusal(verdict: Verdict) -> Refusal:
    try:
        raise_refusal(verdict)
    except BiaoshiError as error:
        return error
    return None


def _identifier(item: object) -> Identifier | BiaoshiError:
    try:
        text = content.convert(item, str)
        return Identifier.parse(content.text(text, "handle", MAX_HANDLE))
    except BiaoshiError as error:
        return error


def _results(items: Sequence[Any], refusals: Sequence[Refusal]) -> list[Result]:
    return [
        Result(_sent(item.get("handle") if isinstance(item, dict) else None), _told(refusal))
        for item, refusal in zip(items, refusals, strict=True)
    ]


def _told(refusal: Refusal) -> str:
    return chinese.message(refusal) if refusal else SUCCESS_MESSAGE


def _sent(handle: object) -> str | None:
    """The handle as it was sent, by which the client knows the item again."""
    return handle if isinstance(handle, str) else None
