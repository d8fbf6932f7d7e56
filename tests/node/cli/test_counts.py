"""`biaoshi metrics`, `recount` and `journal` beside a live node."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from metrics.closing.acceptance import store
from metrics.closing.acceptance.difference import Difference, Subject
from metrics.counting.day import SHANGHAI
from metrics.journal.entry import Kind, records_of
from node.settings import Settings
from node.v1 import counts
from tests.node.cli.conftest import Cli
from tests.node.live import Enterprise, Live
from tests.node.test_recorder import BROWSER, _registered
from tests.node.v1.test_counts import bureau_key, yesterday

REQUESTS = "SELECT coalesce(sum(requests), 0) FROM resolution_hour"
__all__ = ["bureau_key", "yesterday"]


@pytest.fixture
def at_node(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the live node, as who sits at it has them."""
    for name in ("database_url", "secondary_prefix", "sealing_key_file"):
        monkeypatch.setenv(f"BIAOSHI_{name.upper()}", getattr(settings, name))


@pytest.fixture
async def counted(live: Live, owner: Enterprise) -> date:
    """A day with some requests in the sums."""
    await _registered(live, owner, "A")
    for _ in range(2):
        await live.ask("GET", f"/v1/resolve/{owner.prefix}/A", headers=BROWSER)
    await live.ask("GET", f"/v1/resolve/{owner.prefix}/NEVER", headers=BROWSER)
    async with live.node.wiring.database.connection() as connection, asyncio.timeout(60):
        while await connection.fetchval(REQUESTS) < 3:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.05)
    return datetime.now(SHANGHAI).date()


async def test_a_recount_says_what_the_ledger_says(cli: Cli, at_node: None, counted: date) -> None:
    done = await cli("recount", counted)
    assert (done.status, done.err) == (0, "")
    assert "The ledger is what the journal says" in done.out
    plain = json.loads((await cli("recount", counted, "--json")).out)
    assert plain["ledger"] == plain["recount"] == {"counted": 1, "not-found": 1, "repeat": 1}


async def test_a_ledger_that_was_changed_is_found_out(
    cli: Cli, live: Live, at_node: None, counted: date
) -> None:
    async with live.node.wiring.database.connection() as connection:
        await connection.execute("UPDATE resolution_hour SET requests = 9 WHERE reason = 15")
    done = await cli("recount", counted)
    assert done.status == 1
    assert "differs" in done.out


async def test_a_closed_day_with_another_journal_is_found_out(
    cli: Cli, live: Live, at_node: None, yesterday: date
) -> None:
    async with live.node.wiring.database.connection() as connection:
        await connection.execute("DELETE FROM resolution_hour")
        await connection.execute("DELETE FROM resolution_source")
        assert (await cli("recount", yesterday)).status == 0
        await connection.execute("UPDATE day_close SET journal_hash = 'x'")
    done = await cli("recount", yesterday)
    assert done.status == 1
    assert "not the one that was stated" in done.out


async def test_a_journal_that_is_no_longer_kept_is_not_called_another(
    cli: Cli, live: Live, at_node: None, yesterday: date
) -> None:
    async with live.node.wiring.database.connection() as connection:
        await connection.execute("UPDATE day_close SET records = 1200, journal_hash = 'x'")
    done = await cli("recount", yesterday)
    assert done.status == 1
    assert "缺 1,200 条" in done.out
    assert "not the one that was stated" not in done.out


async def test_all_identifiers_are_counted(
    cli: Cli, live: Live, owner: Enterprise, at_node: None
) -> None:
    await _registered(live, owner, "A")
    done = await cli("recount", "--full")
    assert (done.status, done.err) == (0, "")
    assert "The ledger is what the records say" in done.out
    async with live.node.wiring.database.connection() as connection:
        await connection.execute("DELETE FROM identifier")
    done = await cli("recount", "--full")
    assert done.status == 1
    assert "identifiers ever" in done.out
    told = json.loads((await cli("recount", "--full", "--json")).out)
    assert (told["through"], told["rows"]) == (None, 0)
    assert {one["subject"] for one in told["differences"]} == {
        "live identifiers",
        "identifiers ever",
    }
    for words in ((), ("2026-01-01", "--full")):
        assert "name a day, or say --full" in (await cli("recount", *words)).err


async def test_days_without_a_ledger(cli: Cli, at_node: None) -> None:
    for day in ("1999-01-01", "2199-01-01"):
        done = await cli("recount", day)
        assert (done.status, done.out) == (1, "")
    assert "no day" in (await cli("recount", "32")).err


async def test_the_command_line_is_told_from_others(
    cli: Cli, live: Live, owner: Enterprise
) -> None:
    await _registered(live, owner, "A")
    assert (await cli("resolve", f"{owner.prefix}/A", key=None)).status == 0
    journal = live.node.wiring.recorder.journal
    async with asyncio.timeout(60):
        while not journal.position:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
    assert records_of(journal.stretch(0, 1).records)["kind"] == Kind.CONSOLE


async def test_records_are_exported(
    cli: Cli, owner: Enterprise, at_node: None, counted: date
) -> None:
    def rows(text: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(text)))

    every = rows((await cli("journal", "export", counted)).out)
    assert [row["outcome"] for row in every] == ["found", "found", "not-found"]
    assert {row["prefix"] for row in every} == {owner.prefix}
    assert {row["address"] for row in every} == {"127.0.0.1"}
    theirs = ("journal", "export", counted, "--prefix", owner.prefix, "--source", "127.0.0.1")
    assert rows((await cli(*theirs)).out) == every
    assert rows((await cli("journal", "export", counted, "--source", "192.0.2.1")).out) == []
    assert (await cli("journal", "export", counted, "--prefix", "88.118.99")).status == 1


async def test_the_journals_state(cli: Cli, live: Live, at_node: None, counted: date) -> None:
    told = json.loads((await cli("journal", "status", "--json")).out)
    assert told["records"] == 3
    assert [one["writer"] for one in told["writers"]] == [live.node.wiring.recorder.journal.writer]
    assert str(counted) in (await cli("journal", "status")).out
    assert (await cli("journal", "release", "2020")).status == 0


async def test_a_years_numbers_as_people_read_them(
    cli: Cli, owner: Enterprise, yesterday: date
) -> None:
    done = await cli("metrics", yesterday.year, "--look-through")
    assert (done.status, done.err) == (0, "")
    for text in (
        "新增标识注册量",
        "计入解析量",
        "30.000 秒",
        "COUNTER-Robots",
        "30 秒内的重复请求",
    ):
        assert text in done.out
    plain = json.loads((await cli("metrics", yesterday.year, "--json")).out)
    assert plain["resolutions"]["counted"] == 7
    assert "No day" in (await cli("metrics", "2031")).out


async def test_the_command_that_a_refusal_names_does_it(
    cli: Cli,
    live: Live,
    at_node: None,
    settings: Settings,
    yesterday: date,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    usual = json.loads((await cli("metrics", yesterday.year, "--look-through", "--json")).out)
    monkeypatch.setattr(counts, "MOST_LOOKED_THROUGH", -1)
    refused = await cli("metrics", yesterday.year, "--look-through")
    assert refused.status == 1
    told = re.search("`biaoshi (metrics [^`]+)`", refused.err.replace("\n", " "))
    assert told, refused.err
    config = tmp_path / "biaoshi.toml"
    config.write_text(f"secondary_prefix = {json.dumps(settings.secondary_prefix)}\n")
    words = told[1].replace("FILE", str(config)).split()
    done = await cli(*words, "--json", key=None)
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out) == usual
    assert "resolved at least once" in (await cli(*words, key=None)).out


async def test_a_difference_is_shown_and_accepted(
    cli: Cli, live: Live, at_node: None, yesterday: date
) -> None:
    assert "Nothing keeps a day open" in (await cli("close", "alarms")).out
    today = yesterday + timedelta(days=1)
    async with live.node.wiring.database.connection() as connection:
        await store.alarm(
            connection, today, [Difference(Subject.LIVE, "88.118.1", 1_000_000, 999_998)]
        )
    shown = await cli("close", "alarms")
    assert shown.status == 1
    for text in ("88.118.1", "1,000,000", "999,998", "-2"):
        assert text in shown.out
    (plain,) = json.loads((await cli("close", "alarms", "--json")).out)
    assert plain["differences"][0]["there"] == 999_998
    reason = "旧盘损坏，两条记录无法恢复"
    short = await cli("close", "accept", today, "--reason", "short")
    assert (short.status, "10 to 500" in short.err.replace("\n", " ")) == (1, True)
    assert (await cli("close", "accept", yesterday, "--reason", reason)).status == 1
    done = await cli("close", "accept", today, "--reason", reason)
    assert (done.status, done.err) == (0, "")
    assert "Accepted" in done.out
    async with live.node.wiring.database.connection() as connection:
        held = await store.accepted(connection, today)
    assert held is not None
    assert (held.reason, held.by) == (reason, "console")
