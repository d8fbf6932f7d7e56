"""The templates of a prefix: who may do what, generations, deletion, and editors at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from registry.access.actor import Actor, Role, Scope, anonymous
from registry.access.once import Once
from registry.database import Database
from registry.errors import (
    BiaoshiError,
    InvalidInput,
    InvalidTemplate,
    KeyReused,
    NotAuthenticated,
    NotPermitted,
    NotPrefixOwner,
    PrefixNotFound,
    TemplateExists,
    TemplateNotFound,
    UnknownTemplate,
    WrongState,
)
from registry.identifier import Identifier
from registry.record.registrar import Registrar
from registry.record.registration import Method, Outcome, Registration
from registry.template.compiled import Compiled
from registry.template.templates import Templates
from tests.registry.template.conftest import Define, changing, wish

URL = {"idType": "URL", "pattern": "https://e.cn/{suffix:url}"}
COST = {"idType": "COST", "visibility": "private", "default": "9.80"}


def identifier(holder: Any, suffix: str = "A") -> Identifier:
    return Identifier(holder.prefix, suffix)


async def register(
    registrar: Registrar, holder: Any, template: Compiled, suffix: str = "A"
) -> Outcome:
    registration = Registration(identifier(holder, suffix), (), template.template_id)
    (verdict,) = await registrar.create(holder.actor, [registration], Method.BATCH)
    if verdict.error:
        raise verdict.error
    return verdict.outcome


class TestCreating:
    async def test_what_was_wished(self, templates: Templates, lamps: Any) -> None:
        made = await templates.create(
            lamps.actor,
            lamps.prefix,
            wish(URL, COST, version="灯 v1", description="灯", industryTrade="387", type=2),
        )
        assert (made.prefix, made.version, made.generation) == (lamps.prefix, "灯 v1", 1)
        assert (made.description, made.industry_trade, made.type) == ("灯", "387", 2)
        assert [item.id_type for item in made.items] == ["URL", "COST"]
        assert made.created_by == made.changed_by == lamps.actor.name
        assert await templates.get(lamps.actor, lamps.prefix, "灯 v1") == made

    async def test_a_version_stands_once(self, templates: Templates, lamps: Any) -> None:
        await templates.create(lamps.actor, lamps.prefix, wish(URL))
        with pytest.raises(TemplateExists) as refused:
            await templates.create(lamps.actor, lamps.prefix, wish(COST))
        assert (refused.value.field, refused.value.rule) == ("version", "template-exists")
        await templates.create(lamps.actor, lamps.prefix, wish(URL, version="V1"))  # another

    async def test_two_prefixes_may_have_the_same_version(
        self, templates: Templates, lamps: Any, active_prefix: Any
    ) -> None:
        locks = await active_prefix()
        for holder in (lamps, locks):
            made = await templates.create(holder.actor, holder.prefix, wish(URL))
            assert made.prefix == holder.prefix

    async def test_once(self, templates: Templates, lamps: Any) -> None:
        once = Once.of(lamps.actor.name, "k", b"1")
        first = await templates.create(lamps.actor, lamps.prefix, wish(URL), once)
        assert await templates.create(lamps.actor, lamps.prefix, wish(URL), once) == first
        other = Once.of(lamps.actor.name, "k", b"2")
        with pytest.raises(KeyReused):
            await templates.create(lamps.actor, lamps.prefix, wish(URL), other)

    async def test_what_breaks_a_rule_leaves_nothing(
        self, templates: Templates, lamps: Any, trail: Any
    ) -> None:
        before = await trail()
        for broken in (wish(URL, version="a/b"), wish(URL | {"pattern": "{"})):
            with pytest.raises(InvalidTemplate):
                await templates.create(lamps.actor, lamps.prefix, broken)
        assert await templates.list(lamps.actor, lamps.prefix, "", 10) == []
        assert await trail() == before

    async def test_twenty_at_once_make_one(self, templates: Templates, lamps: Any) -> None:
        results = await asyncio.gather(
            *(templates.create(lamps.actor, lamps.prefix, wish(URL)) for _ in range(20)),
            return_exceptions=True,
        )
        assert sum(not isinstance(result, Exception) for result in results) == 1
        assert sum(isinstance(result, TemplateExists) for result in results) == 19


class TestAmending:
    async def test_adds_and_changes(self, templates: Templates, lamps: Any, amend: Any) -> None:
        made = await templates.create(lamps.actor, lamps.prefix, wish(URL, COST))
        after = await amend(
            lamps,
            {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn/{suffix}"},
            {"idIndex": 2010, "idType": "NEW", "name": "新"},
        )
        assert after.generation == 2
        assert [item.pattern for item in after.items] == ["https://f.cn/{suffix}", None, None]
        assert after.items[1] == made.items[1]
        assert (after.created_at, after.created_by) == (made.created_at, made.created_by)
        assert after.changed_at > made.changed_at

    async def test_what_changes_nothing_makes_no_generation(
        self, templates: Templates, lamps: Any, trail: Any
    ) -> None:
        made = await templates.create(lamps.actor, lamps.prefix, wish(URL))
        entries = len(await trail())
        for change in (changing(), changing({"idIndex": 2000, "idType": "URL"}), changing(type=1)):
            assert await templates.amend(lamps.actor, lamps.prefix, "v1", change) == made
        assert len(await trail()) == entries

    async def test_two_at_once_both_count(self, templates: Templates, lamps: Any) -> None:
        await templates.create(lamps.actor, lamps.prefix, wish(URL))
        changes = [
            changing({"idIndex": 2001 + n, "idType": f"T{n}", "name": f"项 {n}"}) for n in range(10)
        ]
        await asyncio.gather(
            *(templates.amend(lamps.actor, lamps.prefix, "v1", change) for change in changes)
        )
        after = await templates.get(lamps.actor, lamps.prefix, "v1")
        assert [item.id_index for item in after.items] == list(range(2000, 2011))
        assert after.generation == 11

    async def test_two_at_once_that_want_the_same_index(
        self, templates: Templates, lamps: Any
    ) -> None:
        await templates.create(lamps.actor, lamps.prefix, wish(URL))
        results = await asyncio.gather(
            *(
                templates.amend(
                    lamps.actor,
                    lamps.prefix,
                    "v1",
                    changing({"idIndex": 2001, "idType": kind, "name": kind}),
                )
                for kind in ("A", "B")
            ),
            return_exceptions=True,
        )
        (refused,) = [result for result in results if isinstance(result, InvalidTemplate)]
        assert refused.rule == "idIndex-twice"

    async def test_while_registrations_run(
        self, templates: Templates, registrar: Registrar, lamps: Any, define: Define, amend: Any
    ) -> None:
        template = await define(lamps, URL)
        changes = [
            amend(lamps, {"idIndex": 2000, "idType": "URL", "pattern": f"https://{n}.cn"})
            for n in range(5)
        ]
        outcomes = [register(registrar, lamps, template, f"S{n}") for n in range(15)]
        await asyncio.gather(*changes, *outcomes)
        assert (await templates.get(lamps.actor, lamps.prefix, "v1")).generation == 6

    async def test_one_that_is_not_there(self, templates: Templates, lamps: Any) -> None:
        for version in ("v9", "a\0b", "\ud800"):
            with pytest.raises(TemplateNotFound):
                await templates.amend(lamps.actor, lamps.prefix, version, changing())


class TestDeleting:
    async def test_one_that_nobody_used(self, templates: Templates, lamps: Any) -> None:
        await templates.create(lamps.actor, lamps.prefix, wish(URL))
        await templates.delete(lamps.actor, lamps.prefix, "v1")
        with pytest.raises(TemplateNotFound):
            await templates.get(lamps.actor, lamps.prefix, "v1")
        with pytest.raises(TemplateNotFound):
            await templates.delete(lamps.actor, lamps.prefix, "v1")
        assert await templates.list(lamps.actor, lamps.prefix, "", 10) == []

    async def test_one_that_records_have(
        self, templates: Templates, registrar: Registrar, lamps: Any, define: Define
    ) -> None:
        template = await define(lamps, URL)
        await register(registrar, lamps, template)
        with pytest.raises(WrongState) as refused:
            await templates.delete(lamps.actor, lamps.prefix, "v1")
        assert (refused.value.field, refused.value.rule) == ("version", "template-used")
        await registrar.withdraw(lamps.actor, identifier(lamps))
        await templates.delete(lamps.actor, lamps.prefix, "v1")

    async def test_nobody_registers_with_one_that_is_gone(
        self, templates: Templates, registrar: Registrar, lamps: Any, define: Define
    ) -> None:
        template = await define(lamps, URL)
        await templates.delete(lamps.actor, lamps.prefix, "v1")
        with pytest.raises(UnknownTemplate) as refused:
            await register(registrar, lamps, template)
        assert (refused.value.field, refused.value.rule) == ("template", "unknown-template")
        with pytest.raises(UnknownTemplate):
            await templates.prepared(lamps.actor, lamps.prefix, "v1")

    async def test_its_version_is_free_again_and_another_template(
        self, templates: Templates, registrar: Registrar, lamps: Any, define: Define
    ) -> None:
        first = await define(lamps, URL)
        await register(registrar, lamps, first)
        await registrar.withdraw(lamps.actor, identifier(lamps))
        await templates.delete(lamps.actor, lamps.prefix, "v1")
        second = await define(lamps, COST)
        assert second.template_id != first.template_id

    async def test_against_registrations(
        self,
        templates: Templates,
        registrar: Registrar,
        database: Database,
        lamps: Any,
        define: Define,
    ) -> None:
        """Whoever comes first wins: never a record without its template."""
        for number in range(8):
            template = await define(lamps, URL, version=f"v{number}")
            results = await asyncio.gather(
                register(registrar, lamps, template, f"S{number}"),
                templates.delete(lamps.actor, lamps.prefix, f"v{number}"),
                register(registrar, lamps, template, f"T{number}"),
                return_exceptions=True,
            )
            for result in results:
                if isinstance(result, BaseException):
                    assert isinstance(result, UnknownTemplate | WrongState)
        async with database.connection() as connection:
            orphans = await connection.fetchval(
                """SELECT count(*) FROM identifier i JOIN template t USING (template_id)
                    WHERE i.revision > 0 AND t.deleted_at IS NOT NULL"""
            )
        assert orphans == 0


class TestListing:
    async def test_page_by_page(self, templates: Templates, lamps: Any) -> None:
        for version in ("b", "a", "灯", "c"):
            await templates.create(lamps.actor, lamps.prefix, wish(version=version))
        first = await templates.list(lamps.actor, lamps.prefix, "", 3)
        assert [template.version for template in first] == ["a", "b", "c"]
        (last,) = await templates.list(lamps.actor, lamps.prefix, "c", 3)
        assert last.version == "灯"
        with pytest.raises(InvalidInput):
            await templates.list(lamps.actor, lamps.prefix, "a\0", 3)


Work = Callable[[Templates, Actor, str], Awaitable[Any]]
WRITES: dict[str, Work] = {
    "create": lambda templates, actor, prefix: templates.create(actor, prefix, wish(version="new")),
    "amend": lambda templates, actor, prefix: templates.amend(
        actor, prefix, "v1", changing(description="灯")
    ),
    "delete": lambda templates, actor, prefix: templates.delete(actor, prefix, "v1"),
}
READS: dict[str, Work] = {
    "get": lambda templates, actor, prefix: templates.get(actor, prefix, "v1"),
    "list": lambda templates, actor, prefix: templates.list(actor, prefix, "", 10),
}


class TestWhoMay:
    @pytest.fixture(autouse=True)
    async def present(self, templates: Templates, lamps: Any) -> None:
        await templates.create(lamps.actor, lamps.prefix, wish(URL, COST))

    @pytest.fixture
    def actors(self, lamps: Any, operator: Actor) -> dict[str, tuple[Actor, type[BiaoshiError]]]:
        other = Actor("key:OTHER", Role.ENTERPRISE, lamps.enterprise_id + 1, frozenset(Scope))
        narrow = Actor("key:N", Role.ENTERPRISE, lamps.enterprise_id, frozenset({Scope.REGISTER}))
        return {
            "nobody": (anonymous(), NotAuthenticated),
            "operator": (operator, NotPermitted),
            "bureau": (Actor("key:BUREAU", Role.BUREAU), NotPermitted),
            "another enterprise": (other, NotPermitted),
            "a key that only registers": (narrow, NotPermitted),
        }

    @pytest.mark.parametrize("work", WRITES)
    async def test_only_the_enterprise_writes(
        self, templates: Templates, lamps: Any, actors: Any, work: str
    ) -> None:
        for actor, error in actors.values():
            with pytest.raises(error):
                await WRITES[work](templates, actor, lamps.prefix)
        await WRITES[work](templates, lamps.actor, lamps.prefix)

    @pytest.mark.parametrize("work", READS)
    async def test_the_enterprise_and_operators_read(
        self, templates: Templates, lamps: Any, actors: Any, work: str
    ) -> None:
        may = {"operator", "a key that only registers"}
        for name, (actor, error) in actors.items():
            if name in may:
                assert await READS[work](templates, actor, lamps.prefix)
                continue
            with pytest.raises(error):
                await READS[work](templates, actor, lamps.prefix)

    @pytest.mark.parametrize("work", WRITES | READS)
    async def test_a_prefix_that_is_not_here(
        self, templates: Templates, lamps: Any, work: str
    ) -> None:
        for prefix in ("88.608.999", "a\0", "\ud800"):
            with pytest.raises(PrefixNotFound) as refused:
                await (WRITES | READS)[work](templates, lamps.actor, prefix)
            assert refused.value.field == "prefix"

    async def test_an_operator_is_not_shown_what_private_items_give(
        self, templates: Templates, lamps: Any, operator: Actor
    ) -> None:
        (listed,) = await templates.list(operator, lamps.prefix, "", 10)
        for seen in (await templates.get(operator, lamps.prefix, "v1"), listed):
            assert [(item.pattern, item.default) for item in seen.items] == [
                (URL["pattern"], None),
                (None, None),
            ]
        mine = await templates.get(lamps.actor, lamps.prefix, "v1")
        assert mine.items[1].default == "9.80"

    async def test_preparing_to_register(
        self, templates: Templates, lamps: Any, actors: Any
    ) -> None:
        with pytest.raises(NotPrefixOwner):
            await templates.prepared(actors["another enterprise"][0], lamps.prefix, "v1")
        with pytest.raises(PrefixNotFound) as absent:
            await templates.prepared(lamps.actor, "88.608.999", "v1")
        assert absent.value.field == "handle"
        with pytest.raises(UnknownTemplate) as unknown:
            await templates.prepared(lamps.actor, lamps.prefix, "v" * 5000)
        assert unknown.value.field == "template"
        assert len(unknown.value.detail) < 300


async def test_every_step_is_audited(templates: Templates, lamps: Any, trail: Any) -> None:
    await templates.create(lamps.actor, lamps.prefix, wish(URL, COST))
    await templates.amend(lamps.actor, lamps.prefix, "v1", changing(description="灯"))
    await templates.delete(lamps.actor, lamps.prefix, "v1")
    entries = (await trail())[:3]
    assert [(e.action, e.subject, e.actor) for e in reversed(entries)] == [
        (f"template.{step}", f"{lamps.prefix} v1", lamps.actor.name)
        for step in ("created", "changed", "deleted")
    ]
    assert [e.detail.get("generation") for e in reversed(entries)] == [1, 2, None]
    assert "9.80" not in msgspec.json.encode(entries).decode()
