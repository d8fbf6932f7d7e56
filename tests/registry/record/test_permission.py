"""Who may do what to a record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.access.actor import Actor, Role, Scope, anonymous
from registry.database import Database
from registry.errors import (
    BiaoshiError,
    NotAuthenticated,
    NotPermitted,
    NotPrefixOwner,
)
from registry.identifier import Identifier
from registry.prefix import store as prefix_store
from registry.prefix.prefix import Holding
from registry.prefix.prefixes import Prefixes
from registry.record import permission
from registry.record.archive import Archive, Form
from registry.record.catalogue import Catalogue
from registry.record.permission import EVERYTHING, OPERATOR, check_writable, needed_for, readable
from registry.record.registrar import Registrar
from registry.record.registration import Method
from registry.record.typed_data import Admin, Reference, Right

Put = Callable[..., Awaitable[None]]
Rights = Callable[..., Awaitable[Right]]

ALL = "1" * 12


@pytest.fixture
def rights(database: Database, form: Form) -> Rights:
    async def find(actor: Actor, prefix: str, values: Any = ()) -> Right:
        async with database.connection() as connection:
            holding = await _holding(database, prefix)
            return await permission.rights(actor, holding, values, Archive(connection, form))

    return find


class TestKeys:
    async def test_what_each_kind_of_actor_may_do(
        self,
        rights: Rights,
        lamps: Any,
        operator: Actor,
        verified_enterprise: Callable[[], Awaitable[Any]],
    ) -> None:
        stranger = await verified_enterprise()
        without = replace(lamps.actor, scopes=frozenset({Scope.MANAGE}))
        for actor, expected in (
            (lamps.actor, EVERYTHING),
            (without, Right(0)),
            (stranger.actor, Right(0)),
            (operator, OPERATOR),
            (Actor("key:B", role=Role.BUREAU), Right(0)),
            (anonymous(), Right(0)),
            (_identity("88.608.1/NOBODY"), Right(0)),
        ):
            assert await rights(actor, lamps.prefix) == expected

    async def test_a_refusal_says_what_is_missing(
        self,
        database: Database,
        form: Form,
        lamps: Any,
        operator: Actor,
        verified_enterprise: Callable[[], Awaitable[Any]],
    ) -> None:
        stranger = await verified_enterprise()
        without = replace(lamps.actor, scopes=frozenset({Scope.MANAGE}))
        holding = await _holding(database, lamps.prefix)
        cases: list[tuple[Actor, type[BiaoshiError], str]] = [
            (anonymous(), NotAuthenticated, "key-needed"),
            (without, NotPermitted, "scope-register"),
            (stranger.actor, NotPrefixOwner, "prefix-owner"),
            (operator, NotPrefixOwner, "prefix-owner"),
            (Actor("key:B", role=Role.BUREAU), NotPrefixOwner, "prefix-owner"),
            (_identity("88.608.1/NOBODY"), NotPermitted, "admin-rights"),
        ]
        async with database.connection() as connection:
            archive = Archive(connection, form)
            for actor, kind, rule in cases:
                # Nothing needed is no reason to let strangers through: `unchanged` would tell them
                # what is stored.
                for needed in (Right.ADD_VALUE, Right(0)):
                    if actor is operator and not needed:
                        continue
                    with pytest.raises(kind) as refused:
                        await permission.require(needed, actor, holding, (), archive)
                    assert refused.value.rule == rule


class TestIdentities:
    async def test_the_prefix_and_the_record_each_grant_their_part(
        self, rights: Rights, prefixes: Prefixes, lamps: Any, values: Any
    ) -> None:
        by_prefix = Admin(f"{lamps.prefix}/A", 300, _digits(Right.ADD_HANDLE))
        await prefixes.set_administrators(lamps.actor, lamps.prefix, [by_prefix])
        record = values(
            {100: ("HS_ADMIN", Admin(f"{lamps.prefix}/A", 300, _digits(Right.ADD_VALUE)))}
        )
        actor = _identity(f"{lamps.prefix}/A")
        assert await rights(actor, lamps.prefix) == Right.ADD_HANDLE
        assert await rights(actor, lamps.prefix, record) == Right.ADD_HANDLE | Right.ADD_VALUE
        assert await rights(_identity(f"{lamps.prefix}/a"), lamps.prefix) == Right.ADD_HANDLE
        assert await rights(_identity(f"{lamps.prefix}/A", 301), lamps.prefix) == Right(0)
        assert await rights(_identity(f"{lamps.prefix}/B"), lamps.prefix) == Right(0)

    @pytest.mark.parametrize("type_", ["HS_ADMIN", "hs_admin"])
    async def test_index_0_stands_for_any(
        self, rights: Rights, lamps: Any, values: Any, type_: str
    ) -> None:
        record = values({100: (type_, Admin("88.9.9/A", 0, ALL))})
        for index in (1, 300, 2**31 - 1):
            assert await rights(_identity("88.9.9/a", index), lamps.prefix, record) == EVERYTHING

    async def test_only_admin_values_of_the_admin_format_grant(
        self, rights: Rights, lamps: Any, values: Any
    ) -> None:
        admin = Admin("88.9.9/A", 300, ALL)
        for spelled in (("OTHER", admin), ("HS_ADMIN", "88.9.9/A"), ("HS_ADMIN.X", admin)):
            record = values({100: spelled})
            assert await rights(_identity("88.9.9/A"), lamps.prefix, record) == Right(0)

    async def test_groups_within_groups(
        self, rights: Rights, lamps: Any, values: Any, store_record: Put
    ) -> None:
        at = f"{lamps.prefix}/G"
        for number in range(1, 5):
            members = [(200, f"{at}{number + 1}"), (300, f"{lamps.prefix}/M{number}")]
            await store_record(lamps.actor, f"{at}{number}", {200: ("HS_VLIST", members)})
        record = values({100: ("HS_ADMIN", Admin(f"{at}1", 200, ALL))})
        assert [
            await rights(_identity(f"{lamps.prefix}/M{number}"), lamps.prefix, record)
            for number in range(1, 5)
        ] == [EVERYTHING, EVERYTHING, EVERYTHING, Right(0)]
        # A group is itself an identity if it is referred to.
        assert await rights(_identity(f"{at}1", 200), lamps.prefix, record) == EVERYTHING
        assert await rights(_identity(f"{lamps.prefix}/M1", 301), lamps.prefix, record) == Right(0)

    @pytest.mark.parametrize("top", [["NEAR", "LONG"], ["LONG", "NEAR"]])
    async def test_a_group_on_two_ways_counts_on_the_shorter(
        self, rights: Rights, lamps: Any, values: Any, store_record: Put, top: list[str]
    ) -> None:
        p = lamps.prefix
        groups = {"TOP": top, "LONG": ["LONGER"], "LONGER": ["NEAR"], "NEAR": ["MEMBER"]}
        for name, members in groups.items():
            group = [(300, f"{p}/{member}") for member in members]
            await store_record(lamps.actor, f"{p}/{name}", {300: ("HS_VLIST", group)})
        record = values({100: ("HS_ADMIN", Admin(f"{p}/TOP", 300, ALL))})
        assert await rights(_identity(f"{p}/MEMBER"), p, record) == EVERYTHING

    async def test_groups_in_a_circle_end(
        self, rights: Rights, lamps: Any, values: Any, store_record: Put
    ) -> None:
        p = lamps.prefix
        for one, other in (("A", "B"), ("B", "A")):
            group = {200: ("HS_VLIST", [(200, f"{p}/{other}"), (200, f"{p}/{one}")])}
            await store_record(lamps.actor, f"{p}/{one}", group)
        record = values({100: ("HS_ADMIN", Admin(f"{p}/A", 200, ALL))})
        assert await rights(_identity(f"{p}/C"), p, record) == Right(0)

    async def test_a_reference_to_any_index_means_every_group_there(
        self, rights: Rights, lamps: Any, values: Any, store_record: Put
    ) -> None:
        p = lamps.prefix
        groups = {
            200: ("HS_VLIST", [(300, "88.9.9/A")]),
            201: ("hs_vlist", [(300, "88.9.9/B")]),
            202: ("HS_VLIST", [(300, "88.9.9/SECRET")], "1100"),
            203: ("OTHER", [(300, "88.9.9/D")]),
        }
        await store_record(lamps.actor, f"{p}/G", groups)
        anywhere = values({100: ("HS_ADMIN", Admin(f"{p}/g", 0, ALL))})
        first = values({100: ("HS_ADMIN", Admin(f"{p}/g", 200, ALL))})
        for name, by_any, by_first in (
            ("A", EVERYTHING, EVERYTHING),
            ("B", EVERYTHING, Right(0)),
            ("SECRET", EVERYTHING, Right(0)),
            ("D", Right(0), Right(0)),
        ):
            assert await rights(_identity(f"88.9.9/{name}"), p, anywhere) == by_any
            assert await rights(_identity(f"88.9.9/{name}"), p, first) == by_first

    async def test_a_large_group_is_looked_through_to_its_end(
        self, rights: Rights, lamps: Any, values: Any, store_record: Put
    ) -> None:
        members = [(300, f"88.9.9/{number}") for number in range(500)]
        await store_record(lamps.actor, f"{lamps.prefix}/G", {200: ("HS_VLIST", members)})
        record = values({100: ("HS_ADMIN", Admin(f"{lamps.prefix}/G", 200, ALL))})
        for number in (0, 63, 64, 250, 499):
            actor = _identity(f"88.9.9/{number}")
            assert await rights(actor, lamps.prefix, record) == EVERYTHING
        assert await rights(_identity("88.9.9/500"), lamps.prefix, record) == Right(0)

    async def test_a_withdrawn_group_grants_nothing(
        self, rights: Rights, lamps: Any, values: Any, store_record: Put, registrar: Registrar
    ) -> None:
        handle = f"{lamps.prefix}/G"
        await store_record(lamps.actor, handle, {200: ("HS_VLIST", [(300, "88.9.9/A")])})
        record = values({100: ("HS_ADMIN", Admin(handle, 200, ALL))})
        assert await rights(_identity("88.9.9/A"), lamps.prefix, record) == EVERYTHING
        await registrar.withdraw(lamps.actor, Identifier.parse(handle))
        assert await rights(_identity("88.9.9/A"), lamps.prefix, record) == Right(0)

    async def test_a_reference_to_what_is_no_handle_grants_nothing(
        self, rights: Rights, lamps: Any, values: Any
    ) -> None:
        record = values({100: ("HS_ADMIN", Admin("nonsense", 0, ALL))})
        assert await rights(_identity("88.9.9/A"), lamps.prefix, record) == Right(0)


class TestEachRight:
    """An identity with every right but one is refused that one thing."""

    @pytest.mark.parametrize("right", Right)
    async def test_missing_alone(
        self,
        registrar: Registrar,
        catalogue: Catalogue,
        prefixes: Prefixes,
        lamps: Any,
        record: Any,
        store_record: Put,
        right: Right,
    ) -> None:
        handle = Identifier.parse(f"{lamps.prefix}/X")
        admin = Admin("88.9.9/ADMIN", 300, _digits(EVERYTHING & ~right))
        await prefixes.set_administrators(lamps.actor, lamps.prefix, [admin])
        spelled = {
            1: "a",
            2: "b",
            7: ("NOTE", "private", "1100"),
            100: ("HS_ADMIN", Admin("88.9.9/OTHER", 1, "0" * 12)),
        }
        await store_record(lamps.actor, handle.text, spelled)
        actor = _identity("88.9.9/ADMIN")
        refused = await self._refused(actor, registrar, catalogue, handle, record)
        beyond_records = Right.ADD_DERIVED_PREFIX | Right.DELETE_DERIVED_PREFIX
        assert refused == (Right(0) if right & beyond_records else right)

    async def _refused(
        self,
        actor: Actor,
        registrar: Registrar,
        catalogue: Catalogue,
        handle: Identifier,
        record: Any,
    ) -> Right:
        """Try what every right is for; those that were missing."""

        def upsert(spelled: dict[int, Any], *remove: int) -> Awaitable[Any]:
            return registrar.upsert(
                actor, handle, record(handle.text, spelled).values, remove=remove
            )

        async def create() -> None:
            new = record(handle.text + "-NEW")
            (verdict,) = await registrar.create(actor, [new], Method.SINGLE)
            if verdict.error:
                raise verdict.error

        async def read() -> None:
            view = await catalogue.view(actor, handle)
            assert view is not None
            if 7 not in {value.index for value in view.listed}:
                assert view.hidden
                raise NotPermitted("hidden", rule="admin-rights")

        other = Admin("88.9.9/THIRD", 1, "0" * 12)
        attempts: dict[Right, Callable[[], Awaitable[Any]]] = {
            Right.ADD_HANDLE: create,
            Right.READ_VALUE: read,
            Right.LIST_HANDLES: lambda: catalogue.numbered_page(actor, handle.prefix, 0, 9),
            Right.MODIFY_VALUE: lambda: upsert({1: "changed"}),
            Right.ADD_VALUE: lambda: upsert({3: "c"}),
            Right.REMOVE_VALUE: lambda: upsert({2: "b"}, 1),
            Right.MODIFY_ADMIN: lambda: upsert({100: ("HS_ADMIN", other)}),
            Right.ADD_ADMIN: lambda: upsert({101: ("HS_ADMIN", other)}),
            Right.REMOVE_ADMIN: lambda: upsert({2: "b"}, 100),
            Right.DELETE_HANDLE: lambda: registrar.withdraw(actor, handle),
        }
        missing = Right(0)
        for right, attempt in attempts.items():
            try:
                await attempt()
            except NotPermitted as error:
                assert error.rule == "admin-rights"  # noqa: PT017 - every attempt is tried
                missing |= right
        return missing


A = ("HS_ADMIN", Admin("88.9.9/A", 1, ALL))
B = ("HS_ADMIN", Admin("88.9.9/B", 1, ALL))


@pytest.mark.parametrize(
    ("before", "after", "needed"),
    [
        ({}, {}, Right(0)),
        ({1: "a"}, {1: "a"}, Right(0)),
        ({}, {1: "a"}, Right.ADD_VALUE),
        ({1: "a"}, {}, Right.REMOVE_VALUE),
        ({1: "a"}, {1: "b"}, Right.MODIFY_VALUE),
        ({1: "a"}, {1: ("URL", "a", "1100")}, Right.MODIFY_VALUE),
        ({}, {1: A}, Right.ADD_ADMIN),
        ({1: A}, {}, Right.REMOVE_ADMIN),
        ({1: A}, {1: B}, Right.MODIFY_ADMIN),
        ({1: A}, {1: "a"}, Right.MODIFY_ADMIN),
        ({1: "a"}, {1: A}, Right.MODIFY_ADMIN),
        ({1: ("hs_admin", "x")}, {}, Right.REMOVE_ADMIN),
        (
            {1: "a", 2: "b", 3: A},
            {2: "c", 3: A, 4: "d"},
            Right.REMOVE_VALUE | Right.MODIFY_VALUE | Right.ADD_VALUE,
        ),
    ],
)
def test_what_a_change_takes(
    values: Any, before: dict[int, Any], after: dict[int, Any], needed: Right
) -> None:
    assert needed_for(values(before), values(after)) == needed


@pytest.mark.parametrize("permissions", ["1010", "0000", "0010", "1011"])
def test_what_administrators_may_not_write_stays(values: Any, permissions: str) -> None:
    fixed = ("URL", "a", permissions)
    before = values({1: fixed, 2: "b"})
    check_writable(before, values({1: fixed, 2: "c", 3: ("URL", "new", permissions)}))
    for after in ({2: "b"}, {1: ("URL", "b", permissions), 2: "b"}, {1: "a", 2: "b"}):
        with pytest.raises(NotPermitted) as refused:
            check_writable(before, values(after))
        assert refused.value.rule == "value-read-only"
        assert "index 1 " in refused.value.detail


def test_what_administrators_may_read(values: Any) -> None:
    spelled = {n + 1: ("URL", "a", f"{n:04b}") for n in range(16)}
    shown = {value.permissions for value in readable(values(spelled))}
    assert shown == {f"{n:04b}" for n in range(16) if n & 0b1010}


def _identity(handle: str, index: int = 300) -> Actor:
    return Actor(f"{index}:{handle}", identity=Reference(handle, index), request_id="r")


def _digits(rights: Right) -> str:
    return f"{int(rights):012b}"


async def _holding(database: Database, prefix: str) -> Holding:
    async with database.connection() as connection:
        return (await prefix_store.holdings(connection, [prefix]))[prefix]
