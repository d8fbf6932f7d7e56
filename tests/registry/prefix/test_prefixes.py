"""Prefixes: allocation, every step of their life, and what is owed upward for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from registry.access.actor import Actor, Role, anonymous
from registry.access.store import AuditEntry
from registry.database import Database
from registry.enterprise.enterprise import EnterpriseState
from registry.enterprise.enterprises import Enterprises
from registry.errors import (
    EnterpriseNotFound,
    EnterpriseNotVerified,
    EnterpriseSuspended,
    InvalidInput,
    InvalidRouting,
    InvalidValue,
    NotAuthenticated,
    NotPermitted,
    PrefixElsewhere,
    PrefixNotActive,
    PrefixNotFound,
    PrefixTaken,
    WrongState,
)
from registry.prefix import store
from registry.prefix.prefix import Hosting, Listener, Prefix, PrefixState, Protocol, Routing
from registry.prefix.prefixes import Prefixes, PrefixWish
from registry.record.typed_data import Admin

Trail = Callable[[], Awaitable[list[AuditEntry]]]

RESOLVER = Routing("8.8.8.8", (Listener(Protocol.TCP, 2641),))

# The steps that bring a new prefix into a state, and those that may follow.
WAY = {
    PrefixState.WAITING: [],
    PrefixState.UNDER_REVIEW: ["approve"],
    PrefixState.ACTIVE: ["approve", "grant"],
    PrefixState.STOPPED: ["approve", "grant", "stop"],
    PrefixState.TO_BE_DELETED: ["approve", "grant", "delete"],
    PrefixState.REJECTED: ["reject"],
}
ALLOWED = {
    ("approve", PrefixState.WAITING): PrefixState.UNDER_REVIEW,
    ("reject", PrefixState.WAITING): PrefixState.REJECTED,
    ("grant", PrefixState.UNDER_REVIEW): PrefixState.ACTIVE,
    ("refuse", PrefixState.UNDER_REVIEW): PrefixState.REJECTED,
    ("stop", PrefixState.ACTIVE): PrefixState.STOPPED,
    ("resume", PrefixState.STOPPED): PrefixState.ACTIVE,
    ("delete", PrefixState.ACTIVE): PrefixState.TO_BE_DELETED,
    ("delete", PrefixState.STOPPED): PrefixState.TO_BE_DELETED,
}
# What each step is called in the trail, and what it owes the national node.
STEPS = {
    "approve": ("prefix.approved", "prefix.file"),
    "reject": ("prefix.rejected", None),
    "grant": ("prefix.activated", None),
    "refuse": ("prefix.refused-by-national-node", None),
    "stop": ("prefix.stopped", "prefix.update"),
    "resume": ("prefix.resumed", "prefix.update"),
    "delete": ("prefix.deleted", "prefix.delete"),
}
VERDICTS = ("grant", "refuse")


@pytest.fixture
async def holder(verified_enterprise: Callable[[], Awaitable[Any]]) -> Any:
    return await verified_enterprise()


class TestAllocation:
    async def test_numbers_go_up_and_are_never_given_twice(
        self, prefixes: Prefixes, operator: Actor, holder: Any
    ) -> None:
        async def request(code: str | None = None) -> str:
            return (await prefixes.request(holder.actor, _wish(holder, code))).prefix

        assert [await request(), await request("3"), await request()] == [
            "88.608.1",
            "88.608.3",
            "88.608.2",
        ]
        await prefixes.reject(operator, "88.608.2", "no")
        assert await request() == "88.608.4"
        assert await request("007") == "88.608.007"
        assert await request("9" * 40) == "88.608." + "9" * 40
        assert await request("999999999999999999") == "88.608.999999999999999999"
        assert await request() == "88.608.5"

    async def test_another_secondary_prefix_does_not_matter(
        self, prefixes: Prefixes, database: Database, once: Any, holder: Any
    ) -> None:
        for secondary in ("88.6080", "86.608"):
            other = Prefixes(database, once, secondary, allow_private=False)
            assert (await other.request(holder.actor, _wish(holder))).prefix == f"{secondary}.1"
        assert (await prefixes.request(holder.actor, _wish(holder))).prefix == "88.608.1"

    @pytest.mark.parametrize("code", ["", "a", "1.2", "1/2", "-1", "１", "1\0", " 1", "1" * 41])
    async def test_a_code_is_digits(self, prefixes: Prefixes, holder: Any, code: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            await prefixes.request(holder.actor, _wish(holder, code))
        assert (refused.value.field, refused.value.rule) == ("code", "prefix-code")

    async def test_a_taken_code_is_refused(
        self, prefixes: Prefixes, operator: Actor, holder: Any
    ) -> None:
        await prefixes.request(holder.actor, _wish(holder, "77"))
        await prefixes.reject(operator, "88.608.77", "no")
        with pytest.raises(PrefixTaken) as refused:
            await prefixes.request(holder.actor, _wish(holder, "77"))
        assert (refused.value.field, refused.value.rule) == ("code", "prefix-taken")

    async def test_requests_at_the_same_time_never_get_the_same(
        self, prefixes: Prefixes, holder: Any
    ) -> None:
        """Those who ask for no code never hear that it is taken, even beside those who do."""
        codes = [None, "1", None, "2", None, "3", None, "2", None, None, "7", None]
        results = await asyncio.gather(
            *(prefixes.request(holder.actor, _wish(holder, code)) for code in codes),
            return_exceptions=True,
        )
        made = [result.prefix for result in results if isinstance(result, Prefix)]
        assert len(made) == len(set(made))
        for code, result in zip(codes, results, strict=True):
            if code is None:
                assert isinstance(result, Prefix)
            elif isinstance(result, Prefix):
                assert result.prefix == f"88.608.{code}"
            else:
                assert isinstance(result, PrefixTaken)

    async def test_only_a_verified_enterprise_gets_one(
        self,
        prefixes: Prefixes,
        enterprises: Enterprises,
        operator: Actor,
        make_subject: Callable[..., Any],
    ) -> None:
        applied = await enterprises.apply(anonymous(), make_subject())
        wish = PrefixWish(enterprise_id=applied.enterprise.enterprise_id)
        with pytest.raises(EnterpriseNotVerified):
            await prefixes.request(operator, wish)
        await enterprises.verify(operator, wish.enterprise_id, "seen")
        await enterprises.suspend(operator, wish.enterprise_id, "because")
        with pytest.raises(EnterpriseSuspended):
            await prefixes.request(operator, wish)
        with pytest.raises(EnterpriseNotFound):
            await prefixes.request(operator, PrefixWish(enterprise_id=999))

    async def test_only_for_oneself(
        self,
        prefixes: Prefixes,
        holder: Any,
        verified_enterprise: Callable[[], Awaitable[Any]],
    ) -> None:
        stranger = await verified_enterprise()
        for actor, rule in (
            (stranger.actor, "other-enterprise"),
            (replace(holder.actor, scopes=frozenset()), "scope-manage"),
            (Actor("key:B", role=Role.BUREAU), "other-enterprise"),
        ):
            with pytest.raises(NotPermitted) as refused:
                await prefixes.request(actor, _wish(holder))
            assert refused.value.rule == rule
        with pytest.raises(NotAuthenticated):
            await prefixes.request(anonymous(), _wish(holder))


class TestSteps:
    @pytest.mark.parametrize("state", PrefixState)
    async def test_each_step_from_each_state(
        self,
        prefixes: Prefixes,
        database: Database,
        operator: Actor,
        holder: Any,
        trail: Trail,
        state: PrefixState,
    ) -> None:
        for step, (action, owed) in STEPS.items():
            before = await _in_state(prefixes, operator, holder, state)
            entries, items = await trail(), await _outbox(database)
            wanted = ALLOWED.get((step, state))
            if wanted is not None:
                after = await _take(prefixes, operator, step, before.prefix)
                assert after.state is wanted
                new = (await trail())[0]
                assert (new.action, new.subject) == (action, before.prefix)
                assert (new.actor, new.request_id) == (operator.name, operator.request_id)
            elif step in VERDICTS:  # the verdict came already
                after = await _take(prefixes, operator, step, before.prefix)
                owed = None
                assert (after, await trail()) == (before, entries)
            else:
                owed = None
                with pytest.raises(WrongState) as refused:
                    await _take(prefixes, operator, step, before.prefix)
                assert refused.value.rule == "prefix-state"
                assert await prefixes.get(operator, before.prefix) == before
                assert await trail() == entries
            added = (await _outbox(database))[len(items) :]
            assert added == ([(owed, before.prefix)] if owed else [])

    @pytest.mark.parametrize("state", PrefixState)
    async def test_something_can_be_registered_while_active_alone(
        self,
        prefixes: Prefixes,
        database: Database,
        operator: Actor,
        holder: Any,
        state: PrefixState,
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, state)
        async with database.connection() as connection:
            holding = (await store.holdings(connection, [prefix.prefix]))[prefix.prefix]
        if state is PrefixState.ACTIVE:
            holding.require_open()
            elsewhere = msgspec.structs.replace(holding, hosting=Hosting.NOT_HOSTED)
            with pytest.raises(PrefixElsewhere):
                elsewhere.require_open()
            for bad in EnterpriseState:
                if bad is not EnterpriseState.VERIFIED:
                    with pytest.raises(NotPermitted):
                        msgspec.structs.replace(holding, enterprise_state=bad).require_open()
        else:
            with pytest.raises(PrefixNotActive) as refused:
                holding.require_open()
            assert refused.value.rule == "prefix-not-active"

    async def test_the_step_and_what_is_owed_for_it_happen_together(
        self,
        prefixes: Prefixes,
        database: Database,
        operator: Actor,
        holder: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        before = await _in_state(prefixes, operator, holder, PrefixState.WAITING)

        async def fails(*_: object) -> int:
            raise LookupError

        monkeypatch.setattr(store, "owe_filing", fails)
        with pytest.raises(LookupError):
            await prefixes.approve(operator, before.prefix)
        assert await prefixes.get(operator, before.prefix) == before
        assert await _outbox(database) == []

    async def test_approval_needs_the_identity_verified_still(
        self,
        prefixes: Prefixes,
        enterprises: Enterprises,
        database: Database,
        operator: Actor,
        holder: Any,
    ) -> None:
        waiting = await _in_state(prefixes, operator, holder, PrefixState.WAITING)
        subject = (await enterprises.get(operator, holder.enterprise_id)).subject
        other = msgspec.structs.replace(subject, name="另一公司")
        await enterprises.amend(holder.actor, holder.enterprise_id, other)
        with pytest.raises(EnterpriseNotVerified):
            await prefixes.approve(operator, waiting.prefix)
        await enterprises.verify(operator, holder.enterprise_id, "seen")
        await enterprises.suspend(operator, holder.enterprise_id, "because")
        with pytest.raises(EnterpriseSuspended):
            await prefixes.approve(operator, waiting.prefix)
        assert await _outbox(database) == []

    async def test_reviewer_and_times_are_kept(
        self, prefixes: Prefixes, operator: Actor, national: Actor, holder: Any
    ) -> None:
        waiting = await _in_state(prefixes, operator, holder, PrefixState.WAITING)
        assert waiting.reviewed_by is waiting.reviewed_at is waiting.activated_at is None
        approved = await prefixes.approve(operator, waiting.prefix)
        assert (approved.reviewed_by, approved.filed) == (operator.name, False)
        active = await prefixes.settle_review(national, waiting.prefix, True, "welcome")
        assert (active.reviewed_by, active.note) == (operator.name, "welcome")
        stopped = await prefixes.stop(operator, waiting.prefix, "unpaid")
        assert stopped.note == "unpaid"
        resumed = await prefixes.resume(operator, waiting.prefix)
        assert resumed.note is None
        assert resumed.activated_at == active.activated_at
        assert resumed.reviewed_at == approved.reviewed_at

    async def test_only_an_operator_steps(
        self, prefixes: Prefixes, operator: Actor, holder: Any
    ) -> None:
        waiting = await _in_state(prefixes, operator, holder, PrefixState.WAITING)
        for step in STEPS.keys() - set(VERDICTS):
            with pytest.raises(NotPermitted):
                await _take(prefixes, holder.actor, step, waiting.prefix)
            with pytest.raises(NotAuthenticated):
                await _take(prefixes, anonymous(), step, waiting.prefix)

    async def test_a_verdict_with_a_long_note_is_not_lost(
        self, prefixes: Prefixes, operator: Actor, national: Actor, holder: Any
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, PrefixState.UNDER_REVIEW)
        after = await prefixes.settle_review(national, prefix.prefix, False, "no\0" * 1000)
        assert after.state is PrefixState.REJECTED
        assert after.note == ("no" * 1000)[:500]

    @pytest.mark.parametrize("note", ["x" * 501, "a\0b"])
    async def test_an_unfit_note_is_refused(
        self, prefixes: Prefixes, operator: Actor, holder: Any, note: str
    ) -> None:
        waiting = await _in_state(prefixes, operator, holder, PrefixState.WAITING)
        with pytest.raises(InvalidInput) as refused:
            await prefixes.reject(operator, waiting.prefix, note)
        assert (refused.value.field, refused.value.rule) == ("note", "note-text")

    async def test_an_unknown_prefix_is_told(self, prefixes: Prefixes, operator: Actor) -> None:
        for text in ("88.608.9", "", "a\0b", "\ud800"):
            for attempt in (
                prefixes.get(operator, text),
                prefixes.approve(operator, text),
                prefixes.route(operator, text, None),
            ):
                with pytest.raises(PrefixNotFound):
                    await attempt


class TestRouting:
    async def test_a_prefix_goes_to_its_own_resolver_and_back(
        self, prefixes: Prefixes, database: Database, operator: Actor, holder: Any
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, PrefixState.ACTIVE)
        items = len(await _outbox(database))
        away = await prefixes.route(holder.actor, prefix.prefix, RESOLVER)
        assert (away.hosting, away.routing) == (Hosting.NOT_HOSTED, RESOLVER)
        back = await prefixes.route(holder.actor, prefix.prefix, None)
        assert (back.hosting, back.routing) == (Hosting.HOSTED, None)
        assert (await _outbox(database))[items:] == [("prefix.update", prefix.prefix)] * 2

    async def test_a_prefix_may_be_asked_for_with_a_resolver(
        self, prefixes: Prefixes, holder: Any
    ) -> None:
        wish = PrefixWish(enterprise_id=holder.enterprise_id, routing=RESOLVER)
        made = await prefixes.request(holder.actor, wish)
        assert (made.hosting, made.routing) == (Hosting.NOT_HOSTED, RESOLVER)

    async def test_what_waits_is_filed_as_it_then_is(
        self, prefixes: Prefixes, database: Database, operator: Actor, holder: Any
    ) -> None:
        waiting = await _in_state(prefixes, operator, holder, PrefixState.WAITING)
        routed = await prefixes.route(holder.actor, waiting.prefix, RESOLVER)
        assert routed.routing == RESOLVER
        assert await _outbox(database) == []

    @pytest.mark.parametrize(
        "state", [PrefixState.UNDER_REVIEW, PrefixState.REJECTED, PrefixState.TO_BE_DELETED]
    )
    async def test_not_while_the_national_node_decides_nor_afterwards(
        self, prefixes: Prefixes, operator: Actor, holder: Any, state: PrefixState
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, state)
        with pytest.raises(WrongState):
            await prefixes.route(holder.actor, prefix.prefix, RESOLVER)
        assert await prefixes.get(operator, prefix.prefix) == prefix

    async def test_a_private_address_changes_nothing(
        self, prefixes: Prefixes, operator: Actor, holder: Any
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, PrefixState.ACTIVE)
        inside = msgspec.structs.replace(RESOLVER, address="10.0.0.1")
        with pytest.raises(InvalidRouting):
            await prefixes.route(holder.actor, prefix.prefix, inside)
        with pytest.raises(InvalidRouting):
            await prefixes.request(
                holder.actor, PrefixWish(enterprise_id=holder.enterprise_id, routing=inside)
            )
        assert await prefixes.get(operator, prefix.prefix) == prefix

    async def test_only_by_its_enterprise(
        self,
        prefixes: Prefixes,
        operator: Actor,
        holder: Any,
        verified_enterprise: Callable[[], Awaitable[Any]],
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, PrefixState.ACTIVE)
        stranger = await verified_enterprise()
        for attempt in (
            prefixes.route(stranger.actor, prefix.prefix, RESOLVER),
            prefixes.set_administrators(stranger.actor, prefix.prefix, []),
            prefixes.get(stranger.actor, prefix.prefix),
            prefixes.list(
                stranger.actor, enterprise_id=holder.enterprise_id, state=None, after="", limit=9
            ),
            prefixes.list(holder.actor, enterprise_id=None, state=None, after="", limit=9),
        ):
            with pytest.raises(NotPermitted):
                await attempt


class TestAdministrators:
    async def test_they_are_kept_as_given(
        self, prefixes: Prefixes, operator: Actor, holder: Any, trail: Trail
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, PrefixState.ACTIVE)
        named = [Admin("88.608.1/管理员", 300, "1" * 12), Admin("0.NA/88.608.1", 0, "0" * 12)]
        after = await prefixes.set_administrators(holder.actor, prefix.prefix, named)
        assert after.administrators == named
        assert (await trail())[0].action == "prefix.administrators"

    async def test_what_can_not_be_an_identity_is_refused(
        self, prefixes: Prefixes, operator: Actor, holder: Any
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, PrefixState.ACTIVE)
        good = Admin("88.608.1/A", 300, "1" * 12)
        for bad in ("no-slash", "88.608.1/", "88.608.1/a\0b", "88.608.1/\ud800"):
            admins = [good, msgspec.structs.replace(good, handle=bad)]
            with pytest.raises(InvalidValue) as refused:
                await prefixes.set_administrators(holder.actor, prefix.prefix, admins)
            assert refused.value.field == "administrators[1].handle"
        with pytest.raises(InvalidValue) as refused:
            await prefixes.set_administrators(holder.actor, prefix.prefix, [good] * 21)
        assert refused.value.rule == "too-many-administrators"
        assert await prefixes.get(operator, prefix.prefix) == prefix


class TestList:
    async def test_it_goes_on_from_where_it_ended(
        self, prefixes: Prefixes, operator: Actor, holder: Any
    ) -> None:
        for code in ("10", "9", "2", "1"):
            await prefixes.request(holder.actor, _wish(holder, code))
        await prefixes.approve(operator, "88.608.2")

        async def page(state: PrefixState | None, after: str, limit: int) -> list[str]:
            listed = await prefixes.list(
                holder.actor,
                enterprise_id=holder.enterprise_id,
                state=state,
                after=after,
                limit=limit,
            )
            return [prefix.prefix.removeprefix("88.608.") for prefix in listed]

        assert await page(None, "", 3) == ["1", "10", "2"]
        assert await page(None, "88.608.2", 3) == ["9"]
        assert await page(PrefixState.UNDER_REVIEW, "", 3) == ["2"]
        with pytest.raises(InvalidInput) as refused:
            await page(None, "a\0b", 3)
        assert refused.value.field == "after"
        everything = await prefixes.list(
            operator, enterprise_id=None, state=None, after="", limit=9
        )
        assert len(everything) == 4
        assert (
            await prefixes.list(operator, enterprise_id=2**40, state=None, after="", limit=9) == []
        )


class TestOutbox:
    """What senders do with what is owed."""

    async def test_items_of_one_subject_go_one_after_the_other(
        self, prefixes: Prefixes, database: Database, operator: Actor, holder: Any
    ) -> None:
        first = await _in_state(prefixes, operator, holder, PrefixState.STOPPED)
        second = await _in_state(prefixes, operator, holder, PrefixState.UNDER_REVIEW)
        leased = [await _lease(database, 60) for _ in range(3)]
        assert [(item and (item.kind, item.subject)) for item in leased] == [
            ("prefix.file", first.prefix),
            ("prefix.file", second.prefix),
            None,
        ]
        assert leased[0] is not None
        assert (leased[0].attempts, leased[0].payload) == (1, {"revision": 1})
        await _settle(database, leased[0].outbox_id, "taken")
        after = await _lease(database, 60)
        assert after is not None
        assert (after.kind, after.subject) == ("prefix.update", first.prefix)
        assert after.payload == {"revision": 2}
        async with database.connection() as connection:
            count, since = await store.owed(connection)
        assert count == 2
        assert since is not None

    async def test_senders_at_the_same_time_never_lease_the_same(
        self, prefixes: Prefixes, database: Database, operator: Actor, holder: Any
    ) -> None:
        for _ in range(6):
            await _in_state(prefixes, operator, holder, PrefixState.UNDER_REVIEW)
        leased = await asyncio.gather(*(_lease(database, 60) for _ in range(8)))
        ids = [item.outbox_id for item in leased if item]
        while item := await _lease(database, 60):
            ids.append(item.outbox_id)
        assert len(ids) == len(set(ids)) == 6

    async def test_a_sender_that_fell_silent_is_replaced(
        self, prefixes: Prefixes, database: Database, operator: Actor, holder: Any
    ) -> None:
        await _in_state(prefixes, operator, holder, PrefixState.UNDER_REVIEW)
        first = await _lease(database, 0.2)
        assert first is not None
        assert await _lease(database, 60) is None
        await asyncio.sleep(0.25)
        second = await _lease(database, 60)
        assert second is not None
        assert (second.outbox_id, second.attempts) == (first.outbox_id, 2)
        await _settle(database, second.outbox_id, "taken")
        # The first one wakes up: it can neither change the outcome nor owe the item again.
        await _settle(database, first.outbox_id, "refused")
        await _postpone(database, first.outbox_id, 0, "timeout")
        assert await _lease(database, 60) is None
        async with database.connection() as connection:
            row = await connection.fetchrow("SELECT outcome, last_error FROM outbox")
            assert row is not None
            assert tuple(row) == ("taken", None)
            assert await store.owed(connection) == (0, None)

    async def test_a_postponed_item_comes_again_and_holds_back_what_follows(
        self, prefixes: Prefixes, database: Database, operator: Actor, holder: Any
    ) -> None:
        await _in_state(prefixes, operator, holder, PrefixState.STOPPED)
        item = await _lease(database, 60)
        assert item is not None
        await _postpone(database, item.outbox_id, 30, "no answer")
        assert await _lease(database, 60) is None
        await _postpone(database, item.outbox_id, 0, "no answer")
        again = await _lease(database, 60)
        assert again is not None
        assert (again.outbox_id, again.attempts) == (item.outbox_id, 2)
        assert again.owed_at == item.owed_at

    async def test_a_prefix_is_filed_once_its_latest_filing_is(
        self, prefixes: Prefixes, database: Database, operator: Actor, holder: Any
    ) -> None:
        prefix = await _in_state(prefixes, operator, holder, PrefixState.UNDER_REVIEW)

        async def filed(revision: int) -> bool:
            await database.transaction(lambda tx: store.mark_filed(tx, prefix.prefix, revision))
            return (await prefixes.get(operator, prefix.prefix)).filed

        async with database.connection() as connection:
            assert await store.under_review(connection, 10) == []
            assert not await filed(2)
            assert await filed(1)
            assert await store.under_review(connection, 10) == [prefix.prefix]
            await prefixes.settle_review(operator, prefix.prefix, True, "")
            assert await store.under_review(connection, 10) == []
        assert not (await prefixes.stop(operator, prefix.prefix, "because")).filed
        assert not await filed(1)
        assert await filed(2)


def _wish(holder: Any, code: str | None = None) -> PrefixWish:
    return PrefixWish(enterprise_id=holder.enterprise_id, code=code)


async def _take(prefixes: Prefixes, actor: Actor, step: str, text: str) -> Prefix:
    if step in VERDICTS:
        return await prefixes.settle_review(actor, text, step == "grant", "")
    words = () if step in ("approve", "resume") else ("because",)
    taken: Prefix = await getattr(prefixes, step)(actor, text, *words)
    return taken


async def _in_state(prefixes: Prefixes, operator: Actor, holder: Any, state: PrefixState) -> Prefix:
    made = await prefixes.request(holder.actor, _wish(holder))
    for step in WAY[state]:
        made = await _take(prefixes, operator, step, made.prefix)
    return made


async def _outbox(database: Database) -> list[tuple[str, str]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT kind, subject FROM outbox ORDER BY outbox_id")
    return [tuple(row) for row in rows]


async def _lease(database: Database, seconds: float) -> store.Owed | None:
    return await database.transaction(lambda tx: store.lease(tx, seconds))


async def _settle(database: Database, outbox_id: int, outcome: str) -> None:
    await database.transaction(lambda tx: store.settle(tx, outbox_id, outcome))


async def _postpone(database: Database, outbox_id: int, seconds: float, error: str) -> None:
    await database.transaction(lambda tx: store.postpone(tx, outbox_id, seconds, error))
