"""Identifiers one by one: look up, register, update, delete.

A second registration is refused, whatever its content: after a lost answer a client registers
again, and takes "标识已存在" for success. An update gives the template's items these values and
leaves alone what this API cannot say, such as the administrators of a handle record.
"""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec
from aiohttp import web

from metrics.journal.entry import Surface
from node.snms import content
from node.snms.content import MAX_HANDLE
from node.snms.entry import Entry, EntryBody, EntryReader
from node.snms.envelope import success
from node.snms.token import logged_in
from node.wiring import Wiring
from registry.access.actor import Actor
from registry.errors import (
    BiaoshiError,
    IdentifierExists,
    IdentifierGone,
    IdentifierNotFound,
    RevisionMismatch,
)
from registry.identifier import Identifier
from registry.record.creation import Wish
from registry.record.registration import Outcome, Registration, Verdict
from registry.record.value import Value, decode
from registry.template.template import FIRST_INDEX, TEMPLATE_INDEX, TEMPLATE_TYPE
from resolver.query import Answer, Query
from resolver.query import Outcome as Resolved

NAME = "snms"
FOUND = "200"
PUBLIC, PRIVATE = "1", "0"  # what `auth` says of a value: whether anyone may read it
ATTEMPTS = 5  # at an update that others keep outrunning


class DataShown(msgspec.Struct, frozen=True):
    format: str
    value: str


class ValueShown(msgspec.Struct, frozen=True):
    index: int
    type: str
    auth: str
    data: DataShown


class Detail(msgspec.Struct, frozen=True, rename="camel"):
    code: str
    prefix: str
    handle: str
    template_version: str | None
    value: list[ValueShown]


class Deletion(msgspec.Struct, frozen=True):
    handle: str | None = None


async def detail(request: web.Request) -> web.Response:
    """A resolution, of other nodes' identifiers too."""
    wiring, actor = await logged_in(request)
    identifier = Identifier.parse(content.parameter(request, "handle", MAX_HANDLE))
    query = Query(identifier, actor)
    answer = await wiring.recorder.ask(request, Surface.SNMS, wiring.chain.resolve, query, actor)
    wiring.instruments.resolutions.labels(NAME, answer.source, answer.outcome).inc()
    if answer.outcome is Resolved.WITHDRAWN:
        raise IdentifierGone(f"{identifier} was withdrawn", field="handle", rule="withdrawn")
    if answer.outcome is Resolved.NOT_FOUND:
        raise IdentifierNotFound(f"there is no {identifier}", field="handle", rule="not-found")
    return success(_shown(identifier, answer))


async def create(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    entry = Entry.of(await content.read(request, EntryBody))
    revive = content.flag(request, "revive")
    registration = await EntryReader(wiring, actor).registration(entry, new=not revive)
    wish = Wish(actor, registration, revive)
    verdict = await wiring.singles.register(wish)
    count(wiring, verdict.outcome)
    raise_refusal(verdict)
    return success(True)


async def update(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    entry = Entry.of(await content.read(request, EntryBody))
    registration = await EntryReader(wiring, actor).registration(entry, new=False)
    await counted(wiring, amend(wiring, actor, registration))
    return success(True)


async def delete(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    body = await content.read(request, Deletion)
    identifier = Identifier.parse(content.text(body.handle, "handle", MAX_HANDLE))
    await counted(wiring, wiring.registrar.withdraw(actor, identifier))
    return success(True)


def raise_refusal(verdict: Verdict) -> None:
    """Raise unless the identifier was registered just now."""
    if verdict.error is not None:
        raise verdict.error
    if verdict.outcome is Outcome.UNCHANGED:
        raise IdentifierExists("the identifier exists", field="handle", rule="identifier-exists")


async def amend(wiring: Wiring, actor: Actor, registration: Registration) -> Verdict:
    """Replace the items' values of a live record. Raises IdentifierNotFound where there is none:
    an update brings nothing to life."""
    identifier = registration.identifier
    for _ in range(ATTEMPTS):
        found = await wiring.catalogue.find(identifier)
        if found.row is None or not found.row.live:
            raise IdentifierNotFound(f"there is no {identifier}", field="handle", rule="not-found")
        # Read after the revision, so that the revision tells if it is older.
        others = _beyond_items(await wiring.catalogue.identity_values(identifier.text))
        values = tuple(sorted((*others, *registration.values), key=lambda value: value.index))
        wanted = Registration(identifier, values, registration.template_id)
        try:
            return await wiring.registrar.put(actor, wanted, expected=found.row.revision)
        except RevisionMismatch:
            continue
    raise RevisionMismatch("others keep changing the record", field="handle", rule="revision")


async def counted(wiring: Wiring, work: Awaitable[Verdict]) -> Verdict:
    try:
        verdict = await work
    except BiaoshiError:
        count(wiring, Outcome.REFUSED)
        raise
    count(wiring, verdict.outcome)
    return verdict


def count(wiring: Wiring, outcome: Outcome, number: int = 1) -> None:
    wiring.instruments.verdicts.labels(NAME, outcome).inc(number)


def _beyond_items(values: tuple[Value, ...]) -> list[Value]:
    """Values that no item of a template can hold, and so no entry."""
    return [v for v in values if v.index < FIRST_INDEX and v.index != TEMPLATE_INDEX]


def _shown(identifier: Identifier, answer: Answer) -> Detail:
    values = [value for value in decode(answer.values) if not value.secret]
    version = next((v.data.value for v in values if _names_template(v)), None)
    return Detail(
        FOUND, identifier.prefix, identifier.text, version, [_value_shown(v) for v in values]
    )


def _names_template(value: Value) -> bool:
    return (
        value.index == TEMPLATE_INDEX
        and value.type == TEMPLATE_TYPE
        and isinstance(value.data.value, str)  # who knows what other nodes hold there
    )


def _value_shown(value: Value) -> ValueShown:
    """Every value as text, since clients of this API expect nothing else."""
    data = value.data
    plain = data.value if isinstance(data.value, str) else msgspec.json.encode(data.value).decode()
    return ValueShown(
        value.index,
        value.type,
        PUBLIC if value.public else PRIVATE,
        DataShown(data.format, plain),
    )
