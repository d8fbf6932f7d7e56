"""Noting resolutions: between the surfaces, which know requests, and the journal, which does not.

Handlers resolve through `ask`; the edge calls `settle` when the answer has been handed to the
transport. Whoever answers without the edge (a connection's own protocol, the Handle wire) calls
`journal.note` itself, with a caller from `clientele`.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from aiohttp import web

from metrics.journal import store
from metrics.journal.berth import Berth, Owner, Taken
from metrics.journal.client import Clientele
from metrics.journal.entry import Flag, Outcome, Surface
from metrics.journal.journal import Journal, Keys
from metrics.journal.robot import Robots
from metrics.journal.shipper import Shipper
from node.settings import InvalidSettings, Settings
from registry.access.actor import Actor
from registry.database import Database
from registry.errors import (
    BiaoshiError,
    IdentifierNotFound,
    NotAuthenticated,
    NotPermitted,
    PrefixNotFound,
)
from registry.identifier import Identifier, fold_case
from registry.sealing import SealingKey
from resolver.local import PREFIX_RECORDS
from resolver.query import Answer, Query, Source

Found = TypeVar("Found", bound=Answer | None)

FOLDER = "journal"  # beside the sealing key, where the settings name none
_KEY_CONTEXT = "journal-key"
_KEY_BYTES = 32
_NONCE_BYTES = 16
_NOT_FOUND = (PrefixNotFound, IdentifierNotFound)
_REFUSED = (NotAuthenticated, NotPermitted)
_ANSWERED = frozenset({200, 302, 303, 304})


class Noted(NamedTuple):
    """A resolution whose answer is on its way."""

    identifier: Identifier
    actor: Actor
    surface: Surface
    outcome: Outcome
    prefix_id: int
    recursive: bool


PENDING = web.RequestKey("pending", list[Noted])


@dataclass(frozen=True, slots=True)
class Recorder:
    """Notes resolutions. For one event loop."""

    journal: Journal
    clientele: Clientele
    shipper: Shipper
    case_sensitive: bool

    async def ask(
        self,
        request: web.Request,
        surface: Surface,
        resolve: Callable[[Query], Awaitable[Found]],
        query: Query,
        actor: Actor,
    ) -> Found:
        """Resolve for a request, and have it noted what came of it once that was answered. The
        actor is who asked, which the query may not say."""
        try:
            answer = await resolve(query)
        except BiaoshiError as error:
            self.expect(request, surface, query.identifier, actor, outcome_of(error))
            raise
        if answer is None:
            self.expect(request, surface, query.identifier, actor, Outcome.NOT_FOUND)
        else:
            outcome = Outcome.of(answer.outcome)
            recursive = answer.source is Source.RECURSIVE
            self.expect(
                request, surface, query.identifier, actor, outcome, answer.prefix_id, recursive
            )
        return answer

    def expect(
        self,
        request: web.Request,
        surface: Surface,
        identifier: Identifier,
        actor: Actor,
        outcome: Outcome,
        prefix_id: int = 0,
        recursive: bool = False,
    ) -> None:
        """Have a resolution noted once its request is answered; HEAD asks for no record."""
        if request.method != "HEAD":
            noted = Noted(identifier, actor, surface, outcome, prefix_id, recursive)
            request.setdefault(PENDING, []).append(noted)

    def settle(self, request: web.Request, status: int, address: str) -> None:
        """Note the resolutions of a request that has been answered."""
        agent = request.headers.get("User-Agent", "")
        for noted in request.get(PENDING, ()):
            outcome, flags = noted.outcome, 0
            if outcome is Outcome.FOUND and status not in _ANSWERED:
                outcome = Outcome.FAILED
            if status == 304:
                flags |= Flag.NOT_MODIFIED
            if noted.recursive:
                flags |= Flag.RECURSIVE
            if owns(noted.actor, noted.identifier):
                flags |= Flag.OWNER
            self.journal.note(
                self.journal.digest(noted.identifier.canonical(self.case_sensitive)),
                self.clientele.caller(address, agent, noted.actor),
                outcome,
                noted.surface,
                prefix_id=noted.prefix_id,
                flags=flags,
            )


@asynccontextmanager
async def open_recorder(
    settings: Settings, database: Database, sealing: SealingKey
) -> AsyncIterator[Recorder]:
    """Begin a journal of this process's own; at the end ship what is left of it."""
    root = Path(settings.journal_folder or Path(settings.sealing_key_file).parent / FOLDER)
    keys = await journal_keys(database, sealing)
    try:
        clientele = Clientele(keys.clients, Robots.published(), settings.own_networks)
        canaries = [_canonical(text, settings) for text in settings.canaries]
    except ValueError as error:
        raise InvalidSettings(f"own_networks: {error}") from None
    owner, berth = await _berth(database, root)
    journal = Journal(
        berth.folder,
        node=owner.node,
        writer=owner.writer,
        nonce=owner.nonce,
        key=keys.identifiers,
        canaries=canaries,
    )
    shipper = Shipper(database, journal, berth, owner.node)
    try:
        yield Recorder(journal, clientele, shipper, settings.case_sensitive)
    finally:
        await shipper.finish()


async def journal_keys(database: Database, sealing: SealingKey) -> Keys:
    """What the journal hashes with, made when a database is first used."""
    new = sealing.seal(secrets.token_bytes(2 * _KEY_BYTES), _KEY_CONTEXT)
    async with database.connection() as connection:
        held = sealing.unseal(await store.fix_key(connection, new), _KEY_CONTEXT)
    return Keys(held[:_KEY_BYTES], held[_KEY_BYTES:])


async def _berth(database: Database, root: Path) -> tuple[Owner, Berth]:
    """A new writer with its folder. After a restored backup a number may come again, whose folder
    is still there: then the next one."""
    nonce = secrets.token_hex(_NONCE_BYTES)
    while True:
        async with database.connection() as connection:
            node, host = await store.node_id(connection), socket.gethostname()
            writer = await store.add_writer(connection, host, os.getpid(), time.time_ns(), nonce)
        try:
            return Owner(node, writer, nonce), Berth.make(root, node, writer)
        except Taken:
            continue
        except OSError as error:
            raise InvalidSettings(f"journal_folder {root}: {error.strerror}") from None


def _canonical(text: str, settings: Settings) -> str:
    return Identifier.parse(text).canonical(settings.case_sensitive)


def outcome_of(error: BiaoshiError) -> Outcome:
    if isinstance(error, _NOT_FOUND):
        return Outcome.NOT_FOUND
    return Outcome.REFUSED if isinstance(error, _REFUSED) else Outcome.FAILED


def owns(actor: Actor, identifier: Identifier) -> bool:
    """Whether a handle identity is one of the prefix that was asked for."""
    if actor.identity is None:
        return False
    held = Identifier.parse(actor.identity.handle)
    described = held.canonical_prefix == PREFIX_RECORDS
    return identifier.canonical_prefix == (
        fold_case(held.suffix) if described else held.canonical_prefix
    )
