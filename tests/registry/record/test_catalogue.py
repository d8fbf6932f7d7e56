"""Reading records: what each reader sees, pages, reverse lookup, history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.access.actor import Actor, Role, Scope, anonymous
from registry.enterprise.enterprises import Enterprises
from registry.errors import (
    IdentifierNotFound,
    NotAuthenticated,
    NotPermitted,
    PrefixNotFound,
)
from registry.identifier import Identifier
from registry.prefix.prefixes import Prefixes
from registry.record import catalogue as module
from registry.record import store
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.record.registration import Method
from registry.record.typed_data import Admin, Reference, Right

Put = Callable[..., Awaitable[None]]

RECORD: dict[int, Any] = {
    1: "https://e/1",
    2: ("NOTE", "for administrators", "1100"),
    3: ("NOTE", "for nobody", "0000"),
    4: ("NOTE", "for the public alone", "0010"),
    300: ("HS_SECKEY", "correct horse battery"),
}


@pytest.fixture
async def handle(lamps: Any, store_record: Put) -> Identifier:
    identifier = Identifier.parse(f"{lamps.prefix}/Lamp")
    await store_record(lamps.actor, identifier.text, RECORD)
    return identifier


class TestView:
    async def test_each_reader_sees_what_is_for_it(
        self,
        catalogue: Catalogue,
        lamps: Any,
        handle: Identifier,
        operator: Actor,
        verified_enterprise: Callable[[], Awaitable[Any]],
    ) -> None:
        stranger = await verified_enterprise()
        without = replace(lamps.actor, scopes=frozenset({Scope.MANAGE}))
        for actor, seen in (
            (lamps.actor, {1, 2, 4, 300}),
            (without, {1, 4}),
            (stranger.actor, {1, 4}),
            (operator, {1, 4}),
            (Actor("key:B", role=Role.BUREAU), {1, 4}),
            (anonymous(), {1, 4}),
            (_identity("88.9.9/A"), {1, 4}),
        ):
            view = await catalogue.view(actor, handle)
            assert view is not None
            assert {value.index for value in view.listed} == seen
            assert view.hidden
            assert view.holding.prefix == lamps.prefix
            assert view.row.revision == 1

    async def test_an_identity_sees_by_its_right_to_read(
        self,
        catalogue: Catalogue,
        registrar: Registrar,
        lamps: Any,
        handle: Identifier,
        values: Any,
    ) -> None:
        for name, right in (("READER", Right.READ_VALUE), ("WRITER", ~Right.READ_VALUE)):
            admin = Admin(f"88.9.9/{name}", 300, f"{int(right & Right(0xFFF)):012b}")
            index = 100 + len(name) + ord(name[0])
            await registrar.upsert(lamps.actor, handle, values({index: ("HS_ADMIN", admin)}))
        reader = await catalogue.view(_identity("88.9.9/READER"), handle)
        writer = await catalogue.view(_identity("88.9.9/WRITER"), handle)
        assert reader is not None
        assert writer is not None
        assert {2, 300} <= {value.index for value in reader.listed}
        assert not {2, 300} & {value.index for value in writer.listed}

    async def test_nothing_hidden_is_told(
        self, catalogue: Catalogue, lamps: Any, store_record: Put
    ) -> None:
        await store_record(lamps.actor, f"{lamps.prefix}/B", {1: "a", 2: ("NOTE", "b", "1100")})
        await store_record(lamps.actor, f"{lamps.prefix}/C", {1: "a"})
        for suffix, actor, hidden in (
            ("B", lamps.actor, False),
            ("B", anonymous(), True),
            ("C", anonymous(), False),
        ):
            view = await catalogue.view(actor, Identifier(lamps.prefix, suffix))
            assert view is not None
            assert view.hidden is hidden

    async def test_any_spelling_finds_it_as_registered(
        self, catalogue: Catalogue, lamps: Any, handle: Identifier
    ) -> None:
        view = await catalogue.view(anonymous(), Identifier(lamps.prefix, "lAMP"))
        assert view is not None
        assert view.row.spelling == "Lamp"
        found = await catalogue.find(Identifier(lamps.prefix, "lAMP"))
        assert found.row == view.row
        assert found.registered_at == view.registered_at

    async def test_what_is_not_there_is_none(
        self, catalogue: Catalogue, registrar: Registrar, lamps: Any, handle: Identifier
    ) -> None:
        absent = await catalogue.find(Identifier(lamps.prefix, "NOWHERE"))
        assert absent.holding is not None
        assert absent.row is None
        elsewhere = await catalogue.find(Identifier("20.500.12345", "A"))
        assert (elsewhere.holding, elsewhere.row) == (None, None)
        await registrar.withdraw(lamps.actor, handle)
        for identifier in (
            Identifier(lamps.prefix, "NOWHERE"),
            Identifier("20.500.12345", "A"),
            handle,
        ):
            assert await catalogue.view(lamps.actor, identifier) is None
        withdrawn = await catalogue.find(handle)
        assert withdrawn.row is not None
        assert not withdrawn.row.live

    async def test_an_identity_rests_on_all_values(
        self, catalogue: Catalogue, registrar: Registrar, lamps: Any, handle: Identifier
    ) -> None:
        values = await catalogue.identity_values(handle.text.lower())
        assert {value.index for value in values} == RECORD.keys()
        await registrar.withdraw(lamps.actor, handle)
        for text in (handle.text, "nonsense", "88.9.9/A", f"{lamps.prefix}/NOWHERE"):
            assert await catalogue.identity_values(text) == ()


class TestPages:
    @pytest.fixture
    async def stock(self, registrar: Registrar, lamps: Any, record: Any) -> list[str]:
        """Ten identifiers, one of them withdrawn, in canonical order."""
        suffixes = ["a1", "A2", "a/3", "标识", "z", "B", "%", "_", "0"]
        wanted = [record(f"{lamps.prefix}/{suffix}") for suffix in (*suffixes, "gone")]
        await registrar.create(lamps.actor, wanted, Method.BATCH)
        await registrar.withdraw(lamps.actor, Identifier(lamps.prefix, "GONE"))
        return [f"{lamps.prefix}/{suffix}" for suffix in sorted(suffixes, key=str.upper)]

    async def test_by_number(self, catalogue: Catalogue, lamps: Any, stock: list[str]) -> None:
        async def page(number: int, size: int) -> tuple[int, list[str]]:
            return await catalogue.numbered_page(lamps.actor, lamps.prefix, number, size)

        assert await page(0, 4) == (9, stock[:4])
        assert await page(1, 4) == (9, stock[4:8])
        assert await page(2, 4) == (9, stock[8:])
        for number, size in ((3, 4), (0, 0), (5, 0), (2**62, 2**62), (2**70, 1)):
            assert await page(number, size) == (9, [])
        for number, size in ((0, -1), (3, -1), (-1, -1), (-5, 9), (0, 2**70)):
            assert await page(number, size) == (9, stock)

    async def test_no_page_is_longer_than_the_limit(
        self,
        catalogue: Catalogue,
        lamps: Any,
        stock: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(module, "PAGE_LIMIT", 2)
        for size in (-1, 5):
            page = await catalogue.numbered_page(lamps.actor, lamps.prefix, 0, size)
            assert page == (9, stock[:2])

    async def test_for_whom(
        self,
        catalogue: Catalogue,
        prefixes: Prefixes,
        lamps: Any,
        stock: list[str],
        operator: Actor,
        verified_enterprise: Callable[[], Awaitable[Any]],
    ) -> None:
        stranger = await verified_enterprise()
        lister = Admin("88.9.9/A", 300, f"{int(Right.LIST_HANDLES):012b}")
        await prefixes.set_administrators(lamps.actor, lamps.prefix, [lister])
        for actor in (operator, _identity("88.9.9/A")):
            assert (await catalogue.numbered_page(actor, lamps.prefix, 0, 1))[0] == 9
        for attempt in (
            catalogue.numbered_page(stranger.actor, lamps.prefix, 0, 0),
            catalogue.numbered_page(_identity("88.9.9/B"), lamps.prefix, 0, 0),
        ):
            with pytest.raises(NotPermitted):
                await attempt
        with pytest.raises(NotAuthenticated):
            await catalogue.numbered_page(anonymous(), lamps.prefix, 0, 0)
        for prefix in ("88.9.9", "", "a\0b", "\ud800"):
            with pytest.raises(PrefixNotFound):
                await catalogue.numbered_page(operator, prefix, 0, 9)


class TestSearch:
    @pytest.fixture
    async def stock(self, lamps: Any, store_record: Put) -> Any:
        for suffix, spelled in {
            "A": {1: "https://e/100%", 2: ("EMAIL", "One@e.example")},
            "B": {1: "https://e/100x", 2: ("EMAIL", "two@e.example")},
            "C": {1: r"C:\lamps\1", 2: ("Email", "a_b")},
            "D": {1: "axb", 2: ("NOTE", "O'Brien \"; --", "1110"), 3: "标识 café"},
            "E": {1: ("HS_ADMIN", Admin("88.9.9/ADMIN", 300, "1" * 12))},
            "F": {2: ("NOTE", "https://e/hidden", "1100")},
            "G": {300: ("HS_SECKEY", "https://e/secret")},
        }.items():
            await store_record(lamps.actor, f"{lamps.prefix}/{suffix}", spelled)
        return lamps

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({"URL": "https://e/100%"}, "AB"),
            ({"URL": r"https://e/100\%"}, "A"),
            ({"url": "HTTPS://E/%"}, "AB"),
            ({"URL": "https://e/100_"}, "AB"),
            ({"EMAIL": "%@e.example"}, "AB"),
            ({"EMAIL": "one@E.EXAMPLE"}, "A"),
            ({"email": r"a\_b"}, "C"),
            ({"URL": r"%\_%"}, ""),
            ({"URL": "a_b"}, "D"),
            ({"URL": r"C:\\lamps%"}, "C"),
            ({"NOTE": "%'%\"%"}, "D"),
            ({"URL": "%标识%"}, "D"),
            ({"URL": "%caf_"}, "D"),
            ({"HS_ADMIN": "%88.9.9/ADMIN%"}, "E"),
            ({"URL": "%", "EMAIL": "two%"}, "B"),
            ({"URL": "%e/100\\%", "EMAIL": "two%"}, ""),
            ({"NOTE": "%"}, "D"),
            ({"HS_SECKEY": "%"}, ""),
            ({"URL": "%hidden%"}, ""),
            ({"MISSING": "%"}, ""),
            ({"URL": ""}, ""),
            ({"URL": "a\0b"}, ""),
            ({"\ud800": "%"}, ""),
            ({"URL": "'; DROP TABLE identifier; --"}, ""),
            ({}, "ABCDE"),
        ],
    )
    async def test_like_patterns_on_public_values(
        self, catalogue: Catalogue, stock: Any, wanted: dict[str, str], found: str
    ) -> None:
        expected = [f"{stock.prefix}/{suffix}" for suffix in found]
        assert await catalogue.search(stock.actor, wanted) == expected

    async def test_it_finds_the_actors_own_live_records(
        self,
        catalogue: Catalogue,
        registrar: Registrar,
        stock: Any,
        operator: Actor,
        active_prefix: Callable[..., Awaitable[Any]],
        store_record: Put,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        second = await active_prefix(stock)
        stranger = await active_prefix()
        await store_record(second.actor, f"{second.prefix}/X", {1: "https://e/x"})
        await store_record(stranger.actor, f"{stranger.prefix}/Y", {1: "https://e/y"})
        await registrar.withdraw(stock.actor, Identifier(stock.prefix, "A"))
        wanted = {"URL": "https://%"}
        mine = [f"{stock.prefix}/B", f"{second.prefix}/X"]
        assert await catalogue.search(stock.actor, wanted) == mine
        assert await catalogue.search(_identity(f"{second.prefix}/ANY"), wanted) == mine
        assert await catalogue.search(stranger.actor, wanted) == [f"{stranger.prefix}/Y"]
        with pytest.raises(NotAuthenticated):
            await catalogue.search(anonymous(), wanted)
        for actor in (operator, Actor("key:B", role=Role.BUREAU), _identity("88.9.9/A")):
            with pytest.raises(NotPermitted):
                await catalogue.search(actor, wanted)
        monkeypatch.setattr(module, "SEARCH_LIMIT", 1)
        assert await catalogue.search(stock.actor, wanted) == mine[:1]


class TestHistory:
    @pytest.fixture
    async def changed(
        self, registrar: Registrar, lamps: Any, record: Any, handle: Identifier
    ) -> Identifier:
        """Registered, amended in its private part, withdrawn, revived without it."""
        later = RECORD | {300: ("HS_SECKEY", "another")}
        await registrar.put(lamps.actor, record(handle.text, later))
        await registrar.withdraw(lamps.actor, handle)
        await registrar.put(lamps.actor, record(handle.text, {1: "again"}))
        return handle

    async def test_the_owner_sees_every_state_with_its_private_part(
        self, catalogue: Catalogue, lamps: Any, changed: Identifier
    ) -> None:
        events = await catalogue.history(lamps.actor, changed)
        assert [(event.revision, event.action, event.actor) for event in events] == [
            (1, "registered", None),
            (2, "amended", lamps.actor.name),
            (3, "withdrawn", lamps.actor.name),
            (4, "revived", lamps.actor.name),
        ]
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert [_shown(event.values) for event in events] == [
            {
                1: "https://e/1",
                2: "for administrators",
                4: "for the public alone",
                300: "correct horse battery",
            },
            {
                1: "https://e/1",
                2: "for administrators",
                4: "for the public alone",
                300: "another",
            },
            None,
            {1: "again"},
        ]

    async def test_who_may_not_read_the_private_part_sees_the_public_one(
        self, catalogue: Catalogue, lamps: Any, changed: Identifier, operator: Actor
    ) -> None:
        public = {1: "https://e/1", 4: "for the public alone"}
        without = replace(lamps.actor, scopes=frozenset({Scope.MANAGE}))
        for actor in (operator, without):
            events = await catalogue.history(actor, changed)
            assert [_shown(event.values) for event in events] == [
                public,
                public,
                None,
                {1: "again"},
            ]

    async def test_it_is_for_the_enterprise_and_operators(
        self,
        catalogue: Catalogue,
        lamps: Any,
        changed: Identifier,
        verified_enterprise: Callable[[], Awaitable[Any]],
    ) -> None:
        stranger = await verified_enterprise()
        for actor in (stranger.actor, Actor("key:B", role=Role.BUREAU), _identity("88.9.9/A")):
            with pytest.raises(NotPermitted):
                await catalogue.history(actor, changed)
        with pytest.raises(NotAuthenticated):
            await catalogue.history(anonymous(), changed)
        with pytest.raises(IdentifierNotFound):
            await catalogue.history(lamps.actor, Identifier(lamps.prefix, "NOWHERE"))
        with pytest.raises(PrefixNotFound):
            await catalogue.history(lamps.actor, Identifier("20.500.12345", "A"))

    async def test_a_change_made_while_reading_does_not_mix_in(
        self,
        catalogue: Catalogue,
        registrar: Registrar,
        lamps: Any,
        changed: Identifier,
        values: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The record is read first and its history then: revision 5 comes in between."""
        read = store.history

        async def slow(*given: Any, **named: Any) -> list[store.Change]:
            await registrar.upsert(lamps.actor, changed, values({1: "five"}))
            return await read(*given, **named)

        monkeypatch.setattr(store, "history", slow)
        events = await catalogue.history(lamps.actor, changed)
        assert [event.revision for event in events] == [1, 2, 3, 4]
        assert _shown(events[-1].values) == {1: "again"}

    async def test_it_outlives_the_right_to_register(
        self,
        catalogue: Catalogue,
        enterprises: Enterprises,
        lamps: Any,
        changed: Identifier,
        operator: Actor,
    ) -> None:
        await enterprises.suspend(operator, lamps.enterprise_id, "because")
        assert len(await catalogue.history(lamps.actor, changed)) == 4


def _shown(values: Any) -> dict[int, str] | None:
    return None if values is None else {value.index: value.data.value for value in values}


def _identity(handle: str, index: int = 300) -> Actor:
    return Actor(f"{index}:{handle}", identity=Reference(handle, index))
