"""Pages of a prefix's identifiers, by whatever is asked of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from registry.access.actor import Actor
from registry.database import Connection, Database, storable
from registry.errors import InvalidInput, PrefixNotFound, UnknownTemplate
from registry.prefix import store as prefixes
from registry.prefix.prefix import Holding
from registry.query import store
from registry.query.question import Question
from registry.query.store import Entry, Sought

WALKS = 10  # that one page takes at most


@dataclass(frozen=True, slots=True)
class Part:
    """Some identifiers in order of their comparison forms. There may be fewer than asked for, or
    none, and still more behind `next`: one question looks at a bounded part of the prefix."""

    entries: list[Entry]
    next: str | None


class Queries:
    """For the prefix's enterprise and operators. Each page sees what was committed before it."""

    def __init__(self, database: Database, *, case_sensitive: bool) -> None:
        self._database = database
        self._case_sensitive = case_sensitive

    async def page(self, actor: Actor, question: Question, after: str, limit: int) -> Part:
        """At most `limit` identifiers above the suffix `after`, which is an earlier part's `next`.
        Raises PrefixNotFound, UnknownTemplate, or InvalidInput for a text that nothing can be."""
        actor.require_known()
        _check_texts(question.texts | {"after": after})
        async with self._database.connection() as connection:
            holding = await self.holding(connection, question.prefix)
            actor.require_reader(holding.enterprise_id)
            template_id = await _template_id(connection, holding, question)
            span = question.span(self._case_sensitive).after(after)
            if span.empty:
                return Part([], None)
            sought = Sought.of(holding.prefix_id, question, span, template_id)
            return await _answer(connection, sought, limit)

    async def holding(self, connection: Connection, prefix: str) -> Holding:
        holding = (await prefixes.holdings(connection, [prefix])).get(prefix)
        if holding is None:
            raise PrefixNotFound(
                f"the prefix {prefix} does not live here", field="prefix", rule="prefix-not-found"
            )
        return holding


def _check_texts(texts: dict[str, str]) -> None:
    for field, text in texts.items():
        if not storable(text):
            raise InvalidInput("no identifier has this", field=field, rule=f"{field}-text")


async def _answer(connection: Connection, sought: Sought, limit: int) -> Part:
    if sought.selective:
        async with connection.transaction():
            suffixes = await store.gather(connection, sought, limit)
        if suffixes is not None:
            found = await store.entries(connection, sought.prefix_id, suffixes)
            return Part(found, suffixes[-1] if len(suffixes) == limit else None)
    return await _walk(connection, sought, limit)


async def _walk(connection: Connection, sought: Sought, limit: int) -> Part:
    """Walk on until there are enough, or it has been far enough."""
    entries: list[Entry] = []
    for _ in range(WALKS):
        found = await store.walk(connection, sought, limit - len(entries))
        entries += found
        if len(entries) == limit:
            return Part(entries, entries[-1].suffix)
        end = await store.walked(connection, sought)
        if end is None:
            return Part(entries, None)
        # What was registered meanwhile may have shortened the second look.
        end = max(end, found[-1].suffix) if found else end
        sought = replace(sought, span=sought.span.after(end))
    return Part(entries, end)


async def _template_id(connection: Connection, holding: Holding, question: Question) -> int | None:
    if question.template is None:
        return None
    found = await store.template_id(connection, holding.prefix_id, question.template)
    if found is None:
        raise UnknownTemplate(
            f"{question.prefix} has no template {question.template[:200]!r}",
            field="template",
            rule="unknown-template",
        )
    return found
