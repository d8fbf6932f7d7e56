"""Killed at any commit of the rarer works: the walk through old registrations, the end of a year,
succession. (`test_keeping` does it to registering and publishing.)"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrics.log.export import export
from metrics.log.keeping import LogKeeping
from metrics.log.leaf import Leaf
from metrics.log.publisher import LogBehind
from metrics.log.statement import Statement
from metrics.log.succession import Succeeded, succeed
from metrics.log.verification.run import Question, run
from registry.record.archive import Form
from tests.metrics.log.conftest import ORIGIN, Kept
from tests.metrics.log.test_keeping import YEAR, Failing, back_to, entries_of, settle

LAST = datetime.now(UTC).year - 1
MIDNIGHT = datetime(LAST, 12, 31, 16, tzinfo=UTC)
OLD = f"registrations-{LAST}"
CALLS = 14  # transactions until a year's backfill is stated and its log closed


async def old_ones(kept: Kept) -> None:
    """Registrations of last year, which is over, from before there was a log."""
    silent = Form(False, kept.form.sealing)
    await kept.register(*"ABCD", form=silent)
    await kept.register("E", form=silent)
    await kept.sql("UPDATE batch SET registered_at = $1", datetime(LAST, 12, 31, 8, tzinfo=UTC))
    await kept.sql("UPDATE day_ledger SET closed_until = $1", MIDNIGHT)


async def until_killed(keeping: LogKeeping) -> bool:
    """Whether it died within some rounds; every other round begins as after a start."""
    try:
        for _ in range(12):
            await keeping.round()
            keeping._thinned = None
    except ConnectionResetError:
        return True
    return False


@pytest.mark.parametrize("commits", range(CALLS))
async def test_a_backfill_and_the_end_of_a_year(kept: Kept, commits: int, tmp_path: Path) -> None:
    await old_ones(kept)
    database = Failing(kept.database)
    database.fails_at = commits + 1
    assert await until_killed(kept.keeping(database=database))
    for _ in range(2):
        await settle(kept.keeping(), rounds=8)
    leaves = [Leaf.parse(entry) for entry in await entries_of(kept, OLD)]
    assert {leaf.tag for leaf in leaves} == {
        kept.keys.leaf.tag(f"{kept.prefix}/{suffix}") for suffix in "ABCDE"
    }
    assert (len(leaves), all(leaf.backfilled for leaf in leaves)) == (5, True)
    said = [Statement.parse(entry).kind for entry in await entries_of(kept, "statements")]
    assert sorted(said) == ["backfill", "leaf-key", "log-closed", "log-keys", "log-opened"]
    async with kept.database.connection() as connection:
        await export(
            connection,
            tmp_path / "out",
            lambda name: kept.keys.verifiers(f"{ORIGIN}/{name}"),
            [kept.witness.key],
        )
    rules = {one.rule for one in run(Question((tmp_path / "out",), processes=1)).findings}
    assert rules == {"daily-gap"}  # nobody has closed days here


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_succession(kept: Kept, after: bool) -> None:
    await kept.register("A", "B", "C")
    await settle(kept.keeping())
    await back_to(kept, 2)
    database = Failing(kept.database)
    database.fails_at, database.after = 1, after
    publisher = kept.publisher()
    with pytest.raises(ConnectionResetError):
        await succeed(database, publisher, kept.keys, ORIGIN, "a disk", kept.now)
    if not after:
        with pytest.raises(LogBehind):
            await kept.keeping().round()
    made = await succeed(kept.database, publisher, kept.keys, ORIGIN, "a disk", kept.now)
    wanted = Succeeded(YEAR, f"{YEAR}-2", carried=2, shared=0, witnessed=3)
    assert made == ([] if after else [wanted])
    await kept.register("D")
    await settle(kept.keeping())
    assert len(await entries_of(kept, f"{YEAR}-2")) == 3
    said = [Statement.parse(entry).kind for entry in await entries_of(kept, "statements")]
    assert said.count("log-succeeded") == 1
