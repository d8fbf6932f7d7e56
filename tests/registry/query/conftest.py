"""A prefix with identifiers of every kind, and what is known of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from registry.database import Database
from registry.identifier import Identifier
from registry.query.queries import Queries
from registry.query.question import Question, State
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from registry.template.templates import Templates
from tests.registry.template.conftest import wish

DAY = datetime(2026, 3, 1, tzinfo=UTC)
SUFFIXES = [
    *(f"SN{number:03d}" for number in range(30)), "sn-x", "Sn_y", "SN%z", "标识一", "标识二",
    "a", "B", "c", "~", "0",
]  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What a test knows of an identifier."""

    suffix: str
    template: str | None
    live: bool
    at: datetime


Stock: TypeAlias = list[Known]
Pages: TypeAlias = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def queries(database: Database) -> Queries:
    return Queries(database, case_sensitive=False)


@pytest.fixture
def templates(database: Database, once: Any, form: Any) -> Templates:
    return Templates(database, once, form.shelf)


@pytest.fixture
async def stock(
    database: Database, registrar: Registrar, templates: Templates, lamps: Any, operator: Any
) -> Stock:
    """Identifiers of three templates or none, a batch an hour, some of them withdrawn."""
    known = []
    numbers: dict[str | None, int | None] = {None: None}
    for version in ("common", "rare", "unused"):
        await templates.create(lamps.actor, lamps.prefix, wish(version=version))
        prepared = await templates.prepared(lamps.actor, lamps.prefix, version)
        numbers[version] = prepared.template_id
    for hour, suffix in enumerate(SUFFIXES):
        version = "rare" if hour in (3, 31) else (None, "common")[hour % 2]
        identifier = Identifier(lamps.prefix, suffix)
        wanted = Registration(identifier, (), numbers[version])
        (verdict,) = await registrar.create(lamps.actor, [wanted], Method.BATCH)
        at = DAY + timedelta(hours=hour)
        async with database.connection() as connection:
            await connection.execute(
                "UPDATE batch SET registered_at = $2 WHERE batch_id = $1", verdict.batch, at
            )
        live = hour % 7 != 5
        if not live:
            await registrar.withdraw(lamps.actor, identifier)
        known.append(Known(suffix, version if live else None, live, at))
    # One that was withdrawn and is there again.
    again = Registration(Identifier(lamps.prefix, SUFFIXES[5]), (), None)
    await registrar.create(lamps.actor, [again], Method.SINGLE, revive=True)
    known[5] = Known(SUFFIXES[5], None, True, known[5].at)
    return sorted(known, key=lambda one: one.suffix.upper())


@pytest.fixture
def pages(queries: Queries, lamps: Any) -> Pages:
    """All suffixes that answer a question, page by page."""

    async def ask(limit: int = 4, **asked: Any) -> list[str]:
        question = Question(prefix=lamps.prefix, **asked)
        found: list[str] = []
        after: str | None = ""
        while after is not None:
            part = await queries.page(lamps.actor, question, after, limit)
            assert len(part.entries) <= limit
            assert part.next is None or part.next > after
            found += [entry.spelling for entry in part.entries]
            after = part.next
        return found

    return ask


def answering(stock: Stock, question: Question) -> list[str]:
    """The suffixes that answer a question, one looked at after the other."""
    span = question.span(case_sensitive=False)
    return [
        one.suffix
        for one in stock
        if span.low <= one.suffix.upper() < span.end
        if question.template in (None, one.template)
        if question.since is None or one.at >= question.since
        if question.until is None or one.at < question.until
        if question.state is State.ALL or one.live == (question.state is State.LIVE)
    ]
