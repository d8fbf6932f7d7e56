"""The Registrar: verdicts, counts, history and what is at rest."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from registry.access.actor import Actor, Scope, anonymous
from registry.access.store import AuditEntry
from registry.change.notice import Notice
from registry.database import Database
from registry.enterprise.enterprises import Enterprises
from registry.errors import (
    BiaoshiError,
    EnterpriseNotVerified,
    EnterpriseSuspended,
    IdentifierExists,
    IdentifierNotFound,
    IdentifierWithdrawn,
    NotAuthenticated,
    NotPermitted,
    NotPrefixOwner,
    PrefixElsewhere,
    PrefixNotActive,
    PrefixNotFound,
    RevisionMismatch,
    TooLarge,
    ValueExists,
    ValueNotFound,
)
from registry.identifier import Identifier
from registry.prefix.prefix import Listener, Protocol, Routing
from registry.prefix.prefixes import Prefixes, PrefixWish
from registry.record import store
from registry.record.archive import Form
from registry.record.catalogue import Catalogue
from registry.record.registrar import Registrar
from registry.record.registration import Method, Outcome, Registration, Verdict
from registry.record.value import MAX_VALUES
from registry.sealing import SealingKey, SealingKeyUnfit

Counts = Callable[[], Awaitable[tuple[int, int]]]
Trail = Callable[[], Awaitable[list[AuditEntry]]]

CREATED, UNCHANGED, REFUSED = Outcome.CREATED, Outcome.UNCHANGED, Outcome.REFUSED
AMENDED, REVIVED, WITHDRAWN = Outcome.AMENDED, Outcome.REVIVED, Outcome.WITHDRAWN
SECRET = {1: "https://e/1", 300: ("HS_SECKEY", "correct horse battery")}


class TestCreate:
    async def test_a_new_identifier_is_created_once(
        self, registrar: Registrar, lamps: Any, record: Any, counts: Counts
    ) -> None:
        wanted = record(f"{lamps.prefix}/A")
        first = await _create(registrar, lamps.actor, wanted)
        assert (first.outcome, first.revision, first.error) == (CREATED, 1, None)
        again = await _create(registrar, lamps.actor, wanted)
        assert (again.outcome, again.revision, again.batch) == (UNCHANGED, 1, first.batch)
        other = await _create(registrar, lamps.actor, record(f"{lamps.prefix}/A", {1: "else"}))
        assert (other.outcome, other.revision, other.batch) == (REFUSED, 1, first.batch)
        _is(other.error, IdentifierExists, "identifier-exists")
        assert await counts() == (1, 1)

    async def test_private_values_are_content_too(
        self, registrar: Registrar, lamps: Any, record: Any
    ) -> None:
        handle = f"{lamps.prefix}/A"
        assert (await _create(registrar, lamps.actor, record(handle, SECRET))).outcome is CREATED
        assert (await _create(registrar, lamps.actor, record(handle, SECRET))).outcome is UNCHANGED
        without = {1: SECRET[1]}
        changed = SECRET | {300: ("HS_SECKEY", "another")}
        for spelled in (without, changed):
            assert (await _create(registrar, lamps.actor, record(handle, spelled))).error

    async def test_a_withdrawn_one_comes_back_only_when_asked(
        self, registrar: Registrar, catalogue: Catalogue, lamps: Any, record: Any, counts: Counts
    ) -> None:
        wanted = record(f"{lamps.prefix}/A", SECRET)
        first = await _create(registrar, lamps.actor, wanted)
        await registrar.withdraw(lamps.actor, wanted.identifier)
        refused = await _create(registrar, lamps.actor, wanted)
        assert (refused.outcome, refused.revision, refused.batch) == (REFUSED, 2, first.batch)
        _is(refused.error, IdentifierWithdrawn, "identifier-withdrawn")
        revived = await _create(registrar, lamps.actor, wanted, revive=True)
        assert (revived.outcome, revived.revision, revived.batch) == (REVIVED, 3, first.batch)
        again = await _create(registrar, lamps.actor, wanted, revive=True)
        assert (again.outcome, again.revision) == (UNCHANGED, 3)
        new = await _create(registrar, lamps.actor, record(f"{lamps.prefix}/B"), revive=True)
        assert new.outcome is CREATED
        assert await counts() == (2, 2)
        view = await catalogue.view(lamps.actor, wanted.identifier)
        assert view is not None
        assert all(a.same_content(b) for a, b in zip(view.listed, wanted.values, strict=True))

    async def test_a_memory_of_what_was_withdrawn_ends_with_the_revival(
        self, database: Database, form: Form, lamps: Any, record: Any
    ) -> None:
        """Another process withdrew it, of which this one has not heard yet."""
        told: list[Notice] = []
        other, registrar = Registrar(database, form), Registrar(database, form, told.append)
        wanted = record(f"{lamps.prefix}/a")
        await _create(registrar, lamps.actor, wanted)
        assert not told  # absence is remembered nowhere
        for revive in (
            lambda: _create(registrar, lamps.actor, wanted, revive=True),
            lambda: registrar.put(lamps.actor, wanted),
        ):
            await other.withdraw(lamps.actor, wanted.identifier)
            assert (await revive()).outcome is REVIVED
            assert told == [Notice(identifiers=(f"{lamps.prefix}/A",))]
            told.clear()

    async def test_one_list_may_name_an_identifier_twice(
        self, registrar: Registrar, lamps: Any, record: Any, counts: Counts
    ) -> None:
        p = lamps.prefix
        verdicts = await registrar.create(
            lamps.actor,
            [
                record(f"{p}/B"),
                record(f"{p}/A"),
                record(f"{p}/b"),
                record(f"{p}/A", {1: "else"}),
                record(f"{p}/B", {1: "else"}),
                record(f"{p}/A"),
            ],
            Method.BATCH,
        )
        assert [verdict.outcome for verdict in verdicts] == [
            CREATED,
            CREATED,
            UNCHANGED,
            REFUSED,
            REFUSED,
            UNCHANGED,
        ]
        assert {verdict.batch for verdict in verdicts} == {verdicts[0].batch}
        assert await counts() == (2, 2)

    async def test_one_list_may_revive_an_identifier_twice(
        self, registrar: Registrar, lamps: Any, record: Any, counts: Counts
    ) -> None:
        one, other = record(f"{lamps.prefix}/A"), record(f"{lamps.prefix}/A", {1: "else"})
        await _create(registrar, lamps.actor, one)
        await registrar.withdraw(lamps.actor, one.identifier)
        verdicts = await registrar.create(
            lamps.actor, [other, one, other], Method.BATCH, revive=True
        )
        assert [verdict.outcome for verdict in verdicts] == [REVIVED, REFUSED, UNCHANGED]
        assert [verdict.revision for verdict in verdicts] == [3, 3, 3]
        assert await counts() == (1, 1)

    async def test_one_bad_item_harms_no_neighbour(
        self,
        registrar: Registrar,
        prefixes: Prefixes,
        lamps: Any,
        active_prefix: Callable[..., Awaitable[Any]],
        record: Any,
        values: Any,
        counts: Counts,
    ) -> None:
        p = lamps.prefix
        stranger = await active_prefix()
        second = await active_prefix(lamps)
        waiting = await prefixes.request(lamps.actor, PrefixWish(enterprise_id=lamps.enterprise_id))
        large = dict.fromkeys(range(1, 6), "x" * 60000)
        hidden = dict.fromkeys(range(1, 4), ("NOTE", "x" * 60000, "1100"))
        expected: list[tuple[str, dict[int, Any] | None, type[BiaoshiError] | None]] = [
            (f"{p}/1", None, None),
            (f"{stranger.prefix}/2", None, NotPrefixOwner),
            ("20.500.12345/3", None, PrefixNotFound),
            ("0.NA/88.608", None, PrefixNotFound),
            (f"{waiting.prefix}/4", None, PrefixNotActive),
            (f"{p}/5", large, TooLarge),
            (f"{p}/6", hidden | {9: "x" * 60_000, 10: "x" * 60_000}, TooLarge),
            (f"{second.prefix}/7", None, None),
            (f"{p}/8", {}, None),
        ]
        wanted = [record(handle, spelled) for handle, spelled, _ in expected]
        wanted[-1] = Registration(wanted[-1].identifier, ())
        verdicts = await registrar.create(lamps.actor, wanted, Method.STREAM)
        assert [verdict.identifier.text for verdict in verdicts] == [row[0] for row in expected]
        for verdict, (_, _, kind) in zip(verdicts, expected, strict=True):
            assert type(verdict.error) is (kind or type(None))
            assert verdict.outcome is (REFUSED if kind else CREATED)
            assert verdict.error is None or verdict.error.field in ("handle", "values")
        assert await counts() == (3, 3)

    async def test_a_batch_is_of_one_prefix_and_knows_its_method(
        self,
        registrar: Registrar,
        lamps: Any,
        active_prefix: Callable[..., Awaitable[Any]],
        record: Any,
        database: Database,
    ) -> None:
        second = await active_prefix(lamps)
        wanted = [
            record(f"{prefix}/{n}") for n in range(3) for prefix in (lamps.prefix, second.prefix)
        ]
        verdicts = await registrar.create(lamps.actor, wanted, Method.UPLOAD)
        assert len({verdict.batch for verdict in verdicts}) == 2
        # A list that creates nothing makes no batch.
        await registrar.create(lamps.actor, wanted, Method.UPLOAD)
        async with database.connection() as connection:
            rows = await connection.fetch(
                "SELECT prefix, method, created, actor, request_id FROM batch"
                " JOIN prefix USING (prefix_id) ORDER BY prefix"
            )
        who = (lamps.actor.name, lamps.actor.request_id)
        assert [tuple(row) for row in rows] == [
            (lamps.prefix, Method.UPLOAD, 3, *who),
            (second.prefix, Method.UPLOAD, 3, *who),
        ]

    async def test_nothing_asked_is_nothing_done(
        self, registrar: Registrar, lamps: Any, counts: Counts
    ) -> None:
        assert await registrar.create(lamps.actor, [], Method.BATCH) == []
        assert await counts() == (0, 0)

    async def test_difficult_suffixes_stay_themselves(
        self, registrar: Registrar, catalogue: Catalogue, lamps: Any, record: Any
    ) -> None:
        suffixes = ["a/b", "%2F", "a+b", "#", "?x=1", "'; DROP TABLE identifier", "\\", '"', "标识"]
        suffixes += ["{", "NULL", "a  b", "é", "ß", "İ", "x" * (254 - len(lamps.prefix))]
        wanted = [record(f"{lamps.prefix}/{suffix}") for suffix in suffixes]
        verdicts = await registrar.create(lamps.actor, wanted, Method.BATCH)
        assert {verdict.outcome for verdict in verdicts} == {CREATED}
        total, listed = await catalogue.numbered_page(lamps.actor, lamps.prefix, 0, -1)
        assert total == len(suffixes)
        assert set(listed) == {f"{lamps.prefix}/{suffix}" for suffix in suffixes}


@pytest.mark.parametrize("case_sensitive", [False, True])
async def test_the_setting_decides_what_is_the_same(
    database: Database,
    sealing: SealingKey,
    lamps: Any,
    record: Any,
    counts: Counts,
    case_sensitive: bool,
) -> None:
    form = Form(case_sensitive, sealing)
    registrar, catalogue = Registrar(database, form), Catalogue(database, form)
    first = record(f"{lamps.prefix}/Lamp-ß")
    await _create(registrar, lamps.actor, first)
    other = await _create(registrar, lamps.actor, record(f"{lamps.prefix}/LAMP-ß", {1: "else"}))
    accented = await _create(registrar, lamps.actor, record(f"{lamps.prefix}/lamp-SS"))
    assert accented.outcome is CREATED
    found = await catalogue.find(Identifier.parse(f"{lamps.prefix}/lamp-ß"))
    if case_sensitive:
        assert other.outcome is CREATED
        assert await counts() == (3, 3)
        assert found.row is None
    else:
        assert other.outcome is REFUSED
        assert await counts() == (2, 2)
        assert found.row is not None
        assert (found.row.suffix, found.row.spelling) == ("LAMP-ß", "Lamp-ß")


class TestPut:
    async def test_it_creates_replaces_and_revives(
        self, registrar: Registrar, lamps: Any, record: Any, counts: Counts
    ) -> None:
        one, other = record(f"{lamps.prefix}/A"), record(f"{lamps.prefix}/a", {1: "else"})
        steps: list[tuple[Any, Outcome, int]] = [
            (one, CREATED, 1),
            (one, UNCHANGED, 1),
            (other, AMENDED, 2),
            (other, UNCHANGED, 2),
            (None, WITHDRAWN, 3),
            (other, REVIVED, 4),
        ]
        for registration, outcome, revision in steps:
            if registration is None:
                verdict = await registrar.withdraw(lamps.actor, one.identifier)
            else:
                verdict = await registrar.put(lamps.actor, registration)
            assert (verdict.outcome, verdict.revision) == (outcome, revision)
        assert await counts() == (1, 1)

    async def test_without_overwrite_what_exists_is_refused(
        self, registrar: Registrar, lamps: Any, record: Any, counts: Counts
    ) -> None:
        one = record(f"{lamps.prefix}/A")
        assert (await registrar.put(lamps.actor, one, overwrite=False)).outcome is CREATED
        for again in (one, record(f"{lamps.prefix}/A", {1: "else"})):
            with pytest.raises(IdentifierExists) as refused:
                await registrar.put(lamps.actor, again, overwrite=False)
            _is(refused.value, IdentifierExists, "identifier-exists")
        await registrar.withdraw(lamps.actor, one.identifier)
        assert (await registrar.put(lamps.actor, one, overwrite=False)).outcome is REVIVED
        assert await counts() == (1, 1)

    async def test_only_the_expected_revision_is_changed(
        self, registrar: Registrar, lamps: Any, record: Any, counts: Counts
    ) -> None:
        one, other = record(f"{lamps.prefix}/A"), record(f"{lamps.prefix}/A", {1: "else"})
        with pytest.raises(IdentifierNotFound):
            await registrar.put(lamps.actor, one, expected=1)
        assert await counts() == (0, 0)
        await registrar.put(lamps.actor, one)
        for attempt in (
            registrar.put(lamps.actor, other, expected=2),
            registrar.put(lamps.actor, one, expected=2),
            registrar.upsert(lamps.actor, one.identifier, other.values, expected=0),
            registrar.withdraw(lamps.actor, one.identifier, expected=2),
        ):
            with pytest.raises(RevisionMismatch) as refused:
                await attempt
            assert refused.value.field == "If-Match"
        assert (await registrar.put(lamps.actor, other, expected=1)).revision == 2
        upserted = await registrar.upsert(lamps.actor, one.identifier, one.values, expected=2)
        assert upserted.revision == 3
        assert (await registrar.withdraw(lamps.actor, one.identifier, expected=3)).revision == 4
        with pytest.raises(RevisionMismatch):
            await registrar.put(lamps.actor, one, expected=3)
        assert (await registrar.put(lamps.actor, one, expected=4)).outcome is REVIVED

    async def test_values_that_stay_keep_their_time(
        self, registrar: Registrar, catalogue: Catalogue, lamps: Any, record: Any
    ) -> None:
        def stamped(spelled: dict[int, Any], time: str) -> Registration:
            made: Registration = record(f"{lamps.prefix}/A", spelled)
            return replace(made, values=tuple(value.stamped(time) for value in made.values))

        old, new = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"
        await registrar.put(lamps.actor, stamped({1: "a", 2: "b", 3: SECRET[300]}, old))
        await registrar.put(lamps.actor, stamped({1: "a", 2: "c", 3: SECRET[300], 4: "d"}, new))
        view = await catalogue.view(lamps.actor, Identifier.parse(f"{lamps.prefix}/A"))
        assert view is not None
        assert [value.timestamp for value in view.listed] == [old, new, old, new]

    async def test_what_is_too_large_changes_nothing(
        self, registrar: Registrar, lamps: Any, record: Any, counts: Counts
    ) -> None:
        large = record(f"{lamps.prefix}/A", dict.fromkeys(range(1, 6), "x" * 60000))
        with pytest.raises(TooLarge):
            await registrar.put(lamps.actor, large)
        assert await counts() == (0, 0)


class TestUpsert:
    @pytest.fixture
    async def handle(self, registrar: Registrar, lamps: Any, record: Any) -> Identifier:
        made = record(f"{lamps.prefix}/A", {1: "a", 2: ("EMAIL", "b"), 3: SECRET[300]})
        await registrar.put(lamps.actor, made)
        return Identifier.parse(f"{lamps.prefix}/A")

    @pytest.mark.parametrize(
        ("spelled", "remove", "after", "outcome", "added"),
        [
            ({4: "d"}, [], {1, 2, 3, 4}, AMENDED, True),
            ({1: "changed"}, [], {1, 2, 3}, AMENDED, False),
            ({1: "a"}, [], {1, 2, 3}, UNCHANGED, False),
            ({}, [], {1, 2, 3}, UNCHANGED, False),
            ({}, [2], {1, 3}, AMENDED, False),
            ({}, [1, 2, 3], set(), AMENDED, False),
            ({4: "d"}, [1], {2, 3, 4}, AMENDED, True),
            ({1: "a"}, [1], {1, 2, 3}, UNCHANGED, False),
            ({3: ("NOTE", "public now")}, [], {1, 2, 3}, AMENDED, False),
        ],
    )
    async def test_by_index(
        self,
        registrar: Registrar,
        catalogue: Catalogue,
        lamps: Any,
        handle: Identifier,
        values: Any,
        counts: Counts,
        spelled: dict[int, Any],
        remove: list[int],
        after: set[int],
        outcome: Outcome,
        added: bool,
    ) -> None:
        verdict = await registrar.upsert(lamps.actor, handle, values(spelled), remove=remove)
        assert (verdict.outcome, verdict.added) == (outcome, added)
        assert verdict.revision == (2 if outcome is AMENDED else 1)
        view = await catalogue.view(lamps.actor, handle)
        assert view is not None
        assert {value.index for value in view.listed} == after
        by_index = {value.index: value for value in view.listed}
        for value in values(spelled):
            assert by_index[value.index].same_content(value)
        assert await counts() == (1, 1)

    async def test_a_taken_index_is_refused_without_overwrite(
        self, registrar: Registrar, lamps: Any, handle: Identifier, values: Any
    ) -> None:
        for spelled in ({1: "changed"}, {1: "a"}, {3: "x", 4: "y"}):
            with pytest.raises(ValueExists) as refused:
                await registrar.upsert(lamps.actor, handle, values(spelled), overwrite=False)
            _is(refused.value, ValueExists, "value-exists")
        verdict = await registrar.upsert(
            lamps.actor, handle, values({1: "new", 4: "d"}), remove=[1], overwrite=False
        )
        assert (verdict.outcome, verdict.revision) == (AMENDED, 2)

    async def test_an_absent_index_can_not_be_removed(
        self, registrar: Registrar, lamps: Any, handle: Identifier, values: Any
    ) -> None:
        with pytest.raises(ValueNotFound) as refused:
            await registrar.upsert(lamps.actor, handle, values({4: "d"}), remove=[1, 9])
        _is(refused.value, ValueNotFound, "value-not-found")
        assert "9" in refused.value.detail

    async def test_what_is_not_there_can_not_be_changed(
        self, registrar: Registrar, lamps: Any, handle: Identifier, values: Any
    ) -> None:
        await registrar.withdraw(lamps.actor, handle)
        absent = Identifier.parse(f"{lamps.prefix}/NOWHERE")
        for identifier in (handle, absent):
            with pytest.raises(IdentifierNotFound):
                await registrar.upsert(lamps.actor, identifier, values({1: "a"}))
            with pytest.raises(IdentifierNotFound):
                await registrar.withdraw(lamps.actor, identifier)
        elsewhere = Identifier.parse("20.500.12345/A")
        with pytest.raises(PrefixNotFound):
            await registrar.upsert(lamps.actor, elsewhere, values({1: "a"}))
        with pytest.raises(PrefixNotFound):
            await registrar.withdraw(lamps.actor, elsewhere)

    async def test_a_record_does_not_outgrow_its_limits_bit_by_bit(
        self, registrar: Registrar, lamps: Any, handle: Identifier, values: Any
    ) -> None:
        many = dict.fromkeys(range(10, 10 + MAX_VALUES - 3), "x")
        await registrar.upsert(lamps.actor, handle, values(many))
        with pytest.raises(TooLarge) as refused:
            await registrar.upsert(lamps.actor, handle, values({5000: "one more"}))
        assert refused.value.rule == "too-many-values"
        await registrar.upsert(lamps.actor, handle, (), remove=many)
        for number in range(10, 13):
            hidden = ("NOTE", "x" * 60_000, "1100")
            await registrar.upsert(lamps.actor, handle, values({number: hidden}))
        await registrar.upsert(lamps.actor, handle, values({20: "x" * 60_000}))
        with pytest.raises(TooLarge) as refused:
            await registrar.upsert(lamps.actor, handle, values({21: "x" * 60_000}))
        assert refused.value.rule == "record-too-large"


class TestWhoMay:
    async def test_strangers_learn_and_change_nothing(
        self,
        registrar: Registrar,
        lamps: Any,
        active_prefix: Callable[..., Awaitable[Any]],
        record: Any,
        values: Any,
        trail: Trail,
        counts: Counts,
    ) -> None:
        stranger = await active_prefix()
        there, same = record(f"{lamps.prefix}/A", SECRET), values(SECRET)
        new = record(f"{lamps.prefix}/NEW")
        await registrar.put(lamps.actor, there)
        entries = await trail()
        without = replace(lamps.actor, scopes=frozenset({Scope.MANAGE}))
        for actor, kind in (
            (stranger.actor, NotPrefixOwner),
            (without, NotPermitted),
            (anonymous(), NotAuthenticated),
        ):
            # Even what would change nothing: `unchanged` would confirm a guessed secret.
            for attempt in (
                registrar.put(actor, there),
                registrar.put(actor, new),
                registrar.put(actor, there, overwrite=False),
                registrar.upsert(actor, there.identifier, same),
                registrar.upsert(actor, there.identifier, (), remove=[99]),
                registrar.upsert(actor, there.identifier, values({1: "x"}), overwrite=False),
                registrar.withdraw(actor, there.identifier),
            ):
                with pytest.raises(kind):
                    await attempt
            for verdict in await registrar.create(actor, [there, new], Method.BATCH):
                assert type(verdict.error) is kind
                assert (verdict.revision, verdict.batch) == (0, 0)
        assert await trail() == entries
        assert await counts() == (1, 1)

    async def test_an_operator_may_withdraw_and_nothing_else(
        self,
        registrar: Registrar,
        prefixes: Prefixes,
        lamps: Any,
        operator: Actor,
        record: Any,
        values: Any,
        trail: Trail,
    ) -> None:
        there = record(f"{lamps.prefix}/A")
        await registrar.put(lamps.actor, there)
        changed = values({1: "changed"})
        for attempt in (
            registrar.put(operator, record(f"{lamps.prefix}/NEW")),
            registrar.put(operator, replace(there, values=changed)),
            registrar.upsert(operator, there.identifier, changed),
        ):
            with pytest.raises(NotPermitted):
                await attempt
        (verdict,) = await registrar.create(
            operator, [record(f"{lamps.prefix}/NEW")], Method.SINGLE
        )
        assert isinstance(verdict.error, NotPermitted)
        await prefixes.stop(operator, lamps.prefix, "because")
        withdrawn = await registrar.withdraw(operator, there.identifier)
        assert withdrawn.outcome is WITHDRAWN
        assert (await trail())[0].actor == operator.name
        with pytest.raises(NotPermitted):
            await registrar.put(operator, there)

    async def test_nothing_is_registered_under_a_closed_prefix(
        self,
        registrar: Registrar,
        catalogue: Catalogue,
        prefixes: Prefixes,
        enterprises: Enterprises,
        lamps: Any,
        operator: Actor,
        make_subject: Callable[..., Any],
        record: Any,
        values: Any,
        counts: Counts,
    ) -> None:
        there, new = record(f"{lamps.prefix}/A"), record(f"{lamps.prefix}/NEW")
        await registrar.put(lamps.actor, there)
        resolver = Routing("8.8.8.8", (Listener(Protocol.TCP, 2641),))
        enterprise_id = lamps.enterprise_id
        closings: list[tuple[Any, Any, type[BiaoshiError]]] = [
            (
                lambda: prefixes.stop(operator, lamps.prefix, "because"),
                lambda: prefixes.resume(operator, lamps.prefix),
                PrefixNotActive,
            ),
            (
                lambda: prefixes.route(lamps.actor, lamps.prefix, resolver),
                lambda: prefixes.route(lamps.actor, lamps.prefix, None),
                PrefixElsewhere,
            ),
            (
                lambda: enterprises.suspend(operator, enterprise_id, "because"),
                lambda: enterprises.resume(operator, enterprise_id),
                EnterpriseSuspended,
            ),
            (
                lambda: enterprises.amend(lamps.actor, enterprise_id, make_subject()),
                lambda: enterprises.verify(operator, enterprise_id, "seen"),
                EnterpriseNotVerified,
            ),
        ]
        for close, reopen, kind in closings:
            await close()
            for attempt in (
                registrar.put(lamps.actor, new),
                registrar.put(lamps.actor, there),
                registrar.upsert(lamps.actor, there.identifier, values({2: "b"})),
                registrar.withdraw(lamps.actor, there.identifier),
            ):
                with pytest.raises(kind):
                    await attempt
            for verdict in await registrar.create(lamps.actor, [there, new], Method.BATCH):
                assert type(verdict.error) is kind
            assert await catalogue.view(anonymous(), there.identifier) is not None
            await reopen()
            assert (await registrar.put(lamps.actor, there)).outcome is UNCHANGED
        assert await counts() == (1, 1)

    async def test_a_value_that_nobody_may_write_stays(
        self, registrar: Registrar, lamps: Any, record: Any, values: Any
    ) -> None:
        fixed = ("URL", "for ever", "1010")
        there = record(f"{lamps.prefix}/A", {1: fixed, 2: "b"})
        await registrar.put(lamps.actor, there)
        for attempt in (
            registrar.put(lamps.actor, record(f"{lamps.prefix}/A", {2: "b"})),
            registrar.upsert(lamps.actor, there.identifier, values({1: "changed"})),
            registrar.upsert(lamps.actor, there.identifier, (), remove=[1]),
        ):
            with pytest.raises(NotPermitted) as refused:
                await attempt
            assert refused.value.rule == "value-read-only"
        for actor in (anonymous(), Actor("other")):  # who may not write is not told which values
            with pytest.raises(NotAuthenticated):
                await registrar.upsert(actor, there.identifier, (), remove=[1])
        kept = record(f"{lamps.prefix}/A", {1: fixed, 3: "c"})
        assert (await registrar.put(lamps.actor, kept)).outcome is AMENDED


class TestAtRest:
    async def test_private_values_are_stored_sealed(
        self, registrar: Registrar, lamps: Any, record: Any, database: Database
    ) -> None:
        spelled = SECRET | {2: ("NOTE", "for us alone", "1100")}
        await registrar.put(lamps.actor, record(f"{lamps.prefix}/A", spelled))
        await registrar.put(lamps.actor, record(f"{lamps.prefix}/A", SECRET | {1: "changed"}))
        await registrar.withdraw(lamps.actor, Identifier.parse(f"{lamps.prefix}/A"))
        await registrar.put(lamps.actor, record(f"{lamps.prefix}/A", spelled))
        async with database.connection() as connection:
            stored = await connection.fetch(
                """SELECT public_values, private_values FROM identifier
                   UNION ALL SELECT public_before, private_before FROM revision"""
            )
            dump = await connection.fetch(
                "SELECT t::text FROM identifier t UNION ALL SELECT t::text FROM revision t"
            )
        assert len(stored) == 4
        assert sum(row[1] is None for row in stored) == 1  # the tombstone
        for needle in ("correct horse", "for us alone", "HS_SECKEY", "NOTE"):
            for public, private in stored:
                assert needle not in (public or "")
                assert needle.encode() not in (private or b"")
            for (text,) in dump:
                assert needle not in text
                assert needle.encode().hex() not in text

    async def test_a_public_record_seals_nothing(
        self, registrar: Registrar, catalogue: Catalogue, lamps: Any, record: Any
    ) -> None:
        there = record(f"{lamps.prefix}/A")
        await registrar.put(lamps.actor, there)
        found = await catalogue.find(there.identifier)
        assert found.row is not None
        assert found.row.private is None

    async def test_a_tombstone_holds_no_values(
        self, registrar: Registrar, catalogue: Catalogue, lamps: Any, record: Any
    ) -> None:
        there = record(f"{lamps.prefix}/A", SECRET)
        await registrar.put(lamps.actor, there)
        await registrar.withdraw(lamps.actor, there.identifier)
        found = await catalogue.find(there.identifier)
        assert found.row is not None
        assert (found.row.public, found.row.private, found.row.live) == (None, None, False)

    async def test_sealed_text_can_not_be_moved_to_another_record(
        self,
        registrar: Registrar,
        catalogue: Catalogue,
        lamps: Any,
        record: Any,
        database: Database,
    ) -> None:
        one, other = record(f"{lamps.prefix}/A", SECRET), record(f"{lamps.prefix}/B", SECRET)
        await registrar.create(lamps.actor, [one, other], Method.BATCH)
        async with database.connection() as connection:
            await connection.execute(
                """UPDATE identifier SET private_values =
                   (SELECT private_values FROM identifier WHERE suffix = 'A') WHERE suffix = 'B'"""
            )
        assert await catalogue.view(lamps.actor, one.identifier) is not None
        with pytest.raises(SealingKeyUnfit):
            await catalogue.view(lamps.actor, other.identifier)

    async def test_another_key_opens_nothing(
        self, registrar: Registrar, lamps: Any, record: Any, database: Database
    ) -> None:
        there = record(f"{lamps.prefix}/A", SECRET)
        await registrar.put(lamps.actor, there)
        stranger = Catalogue(database, Form(False, SealingKey.generate()))
        with pytest.raises(SealingKeyUnfit):
            await stranger.view(lamps.actor, there.identifier)


async def test_a_failure_half_way_leaves_nothing(
    registrar: Registrar,
    lamps: Any,
    record: Any,
    counts: Counts,
    trail: Trail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = record(f"{lamps.prefix}/A")
    await registrar.put(lamps.actor, there)
    await registrar.withdraw(lamps.actor, there.identifier)
    entries = await trail()

    async def fails(*_: object) -> store.Row:
        raise LookupError

    monkeypatch.setattr(store, "change", fails)
    with pytest.raises(LookupError):
        await registrar.create(
            lamps.actor, [record(f"{lamps.prefix}/NEW"), there], Method.BATCH, revive=True
        )
    assert await counts() == (1, 1)
    assert await trail() == entries


async def test_every_change_is_in_the_trail_without_its_values(
    registrar: Registrar, lamps: Any, record: Any, trail: Trail
) -> None:
    there = record(f"{lamps.prefix}/A", SECRET)
    before = len(await trail())
    first = await registrar.put(lamps.actor, there)
    await registrar.put(lamps.actor, there)  # changes nothing
    await registrar.put(lamps.actor, record(f"{lamps.prefix}/A", SECRET | {1: "changed"}))
    await registrar.upsert(lamps.actor, there.identifier, (), remove=[300])
    await registrar.withdraw(lamps.actor, there.identifier)
    await _create(registrar, lamps.actor, there, revive=True)
    entries = (await trail())[:-before]
    assert [(entry.action, entry.subject, entry.detail) for entry in reversed(entries)] == [
        ("identifiers.registered", lamps.prefix, {"batch": first.batch, "created": 1}),
        ("identifier.amended", f"{lamps.prefix}/A", {"revision": 2}),
        ("identifier.amended", f"{lamps.prefix}/A", {"revision": 3}),
        ("identifier.withdrawn", f"{lamps.prefix}/A", {"revision": 4}),
        ("identifier.revived", f"{lamps.prefix}/A", {"revision": 5}),
    ]
    for entry in entries:
        assert (entry.actor, entry.request_id) == (lamps.actor.name, lamps.actor.request_id)
    assert "horse" not in str(entries)
    assert "https" not in str(entries)


class _Model:
    """What the Registrar should hold: of each suffix its content and revision, and which live."""

    def __init__(self) -> None:
        self.content: dict[str, str] = {}
        self.revision: dict[str, int] = {}
        self.live: set[str] = set()

    def create(self, suffix: str, content: str, *, revive: bool) -> Outcome:
        if suffix not in self.revision:
            return self._become(suffix, content, CREATED)
        if suffix not in self.live:
            return self._become(suffix, content, REVIVED) if revive else REFUSED
        return UNCHANGED if self.content[suffix] == content else REFUSED

    def put(self, suffix: str, content: str) -> Outcome:
        outcome = self.create(suffix, content, revive=True)
        return self._become(suffix, content, AMENDED) if outcome is REFUSED else outcome

    def withdraw(self, suffix: str) -> Outcome:
        if suffix not in self.live:
            return REFUSED
        self.live.remove(suffix)
        self.revision[suffix] += 1
        return WITHDRAWN

    def _become(self, suffix: str, content: str, outcome: Outcome) -> Outcome:
        self.content[suffix] = content
        self.revision[suffix] = self.revision.get(suffix, 0) + 1
        self.live.add(suffix)
        return outcome


@pytest.mark.parametrize("seed", range(4))
async def test_many_operations_leave_what_a_simple_model_says(
    registrar: Registrar,
    catalogue: Catalogue,
    lamps: Any,
    record: Any,
    counts: Counts,
    seed: int,
) -> None:
    chance = random.Random(seed)
    model = _Model()

    def pick() -> tuple[str, str, Registration]:
        suffix, content = chance.choice("ABCDEFGH"), chance.choice("xyz")
        spelling = chance.choice([suffix, suffix.lower()])
        spelled = {1: content, 2: ("NOTE", content, "1100")}
        return suffix, content, record(f"{lamps.prefix}/{spelling}", spelled)

    for _ in range(60):
        action = chance.choice(["create", "revive", "put", "withdraw", "withdraw"])
        picked = [pick() for _ in range(chance.randint(1, 6))]
        if action in ("create", "revive"):
            revive = action == "revive"
            wanted = [registration for _, _, registration in picked]
            verdicts = await registrar.create(lamps.actor, wanted, Method.BATCH, revive=revive)
            expected = [
                model.create(suffix, content, revive=revive) for suffix, content, _ in picked
            ]
            assert [verdict.outcome for verdict in verdicts] == expected
            assert len({verdict.batch for verdict in verdicts if verdict.outcome is CREATED}) <= 1
            continue
        suffix, content, registration = picked[0]
        if action == "put":
            verdict = await registrar.put(lamps.actor, registration)
            assert verdict.outcome is model.put(suffix, content)
        elif model.withdraw(suffix) is WITHDRAWN:
            verdict = await registrar.withdraw(lamps.actor, registration.identifier)
        else:
            with pytest.raises(IdentifierNotFound):
                await registrar.withdraw(lamps.actor, registration.identifier)
            continue
        assert verdict.revision == model.revision[suffix]

    assert await counts() == (len(model.revision), len(model.revision))
    assert {
        identifier.partition("/")[2].upper() for identifier in await _all(catalogue, lamps)
    } == (model.live)
    for suffix, revision in model.revision.items():
        events = await catalogue.history(lamps.actor, Identifier(lamps.prefix, suffix))
        assert [event.revision for event in events] == list(range(1, revision + 1))
        last = events[-1].values
        if suffix in model.live:
            assert last is not None
            assert [value.data.value for value in last] == [model.content[suffix]] * 2
        else:
            assert last is None


async def _all(catalogue: Catalogue, holder: Any) -> list[str]:
    return (await catalogue.numbered_page(holder.actor, holder.prefix, 0, -1))[1]


async def _create(
    registrar: Registrar, actor: Actor, registration: Registration, *, revive: bool = False
) -> Verdict:
    (verdict,) = await registrar.create(actor, [registration], Method.SINGLE, revive=revive)
    assert verdict.identifier == registration.identifier
    return verdict


def _is(error: BiaoshiError | None, kind: type[BiaoshiError], rule: str) -> None:
    assert type(error) is kind
    assert error is not None
    assert error.rule == rule
    assert error.field in ("handle", "index")
