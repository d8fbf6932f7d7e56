"""Group commit: shared transactions, separate verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from registry.access.actor import anonymous
from registry.identifier import Identifier
from registry.record.creation import Wish
from registry.record.group import MAX_GROUP, GroupCommit
from registry.record.registration import Outcome, Registration, Verdict


def wish(number: int) -> Wish:
    return Wish(anonymous(), Registration(Identifier("88.118.1", f"S{number}"), ()))


class Recorder:
    """Stands for the Registrar: notes the groups and can fail."""

    def __init__(self, poison: set[str] | None = None) -> None:
        self.groups: list[list[str]] = []
        self.poison = poison or set()
        self.error: Exception = RuntimeError("poisoned")
        self.held = asyncio.Event()  # commits wait for it
        self.held.set()
        self.began = asyncio.Event()
        self.again = asyncio.Event()  # a second commit began

    async def commit(self, wishes: Sequence[Wish]) -> list[Verdict]:
        names = [one.registration.identifier.suffix for one in wishes]
        self.groups.append(names)
        self.began.set()
        if len(self.groups) > 1:
            self.again.set()
        await asyncio.sleep(0.002)
        await self.held.wait()
        if self.poison & set(names):
            raise self.error
        return [Verdict(one.registration.identifier, Outcome.CREATED, 1, 1) for one in wishes]


@asynccontextmanager
async def running(recorder: Recorder, committers: int = 2) -> AsyncIterator[GroupCommit]:
    group = GroupCommit(recorder.commit)
    tasks = [asyncio.create_task(group.run()) for _ in range(committers)]
    try:
        yield group
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_those_who_wait_share_a_transaction() -> None:
    recorder = Recorder()
    async with running(recorder) as group:
        verdicts = await asyncio.gather(*(group.register(wish(n)) for n in range(200)))
    assert [v.identifier.suffix for v in verdicts] == [f"S{n}" for n in range(200)]
    assert len(recorder.groups) < 20
    assert sorted(name for group in recorder.groups for name in group) == sorted(
        f"S{n}" for n in range(200)
    )


async def test_a_group_has_a_limit() -> None:
    recorder = Recorder()
    async with running(recorder, committers=1) as group:
        await asyncio.gather(*(group.register(wish(n)) for n in range(3 * MAX_GROUP)))
    assert max(map(len, recorder.groups)) == MAX_GROUP


async def test_one_that_fails_does_not_sink_its_neighbours() -> None:
    recorder = Recorder(poison={"S7"})
    async with running(recorder) as group:
        verdicts = await asyncio.gather(
            *(group.register(wish(n)) for n in range(20)), return_exceptions=True
        )
    failed = [n for n, verdict in enumerate(verdicts) if isinstance(verdict, Exception)]
    assert failed == [7]
    assert isinstance(verdicts[7], RuntimeError)


async def test_a_database_that_is_away_is_away_for_all_at_once() -> None:
    recorder = Recorder(poison={"S7"})
    recorder.error = ConnectionError("the database went away")
    async with running(recorder, committers=1) as group:
        verdicts = await asyncio.gather(
            *(group.register(wish(n)) for n in range(20)), return_exceptions=True
        )
    assert all(isinstance(verdict, ConnectionError) for verdict in verdicts)
    assert len(recorder.groups) == 1


async def test_a_caller_that_gave_up_disturbs_nobody() -> None:
    recorder = Recorder()
    async with running(recorder) as group:
        gone = asyncio.create_task(group.register(wish(1)))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await group.register(wish(2))).outcome is Outcome.CREATED
    assert gone.cancelled()


async def test_the_end_turns_those_who_wait_away() -> None:
    recorder = Recorder()
    recorder.held.clear()
    async with running(recorder, committers=1) as group:
        busy = asyncio.create_task(group.register(wish(1)))
        await recorder.began.wait()
        late = asyncio.create_task(group.register(wish(2)))
        await asyncio.sleep(0)
    for task in (busy, late):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_end_amid_retries_one_by_one_leaves_nobody_waiting() -> None:
    recorder = Recorder(poison={"S0"})
    async with running(recorder, committers=1) as group:
        waiting = [group.submit(wish(n)) for n in range(5)]
        await recorder.again.wait()  # the first of the group, alone
    found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    assert all(isinstance(verdict, asyncio.CancelledError) for verdict in found)
