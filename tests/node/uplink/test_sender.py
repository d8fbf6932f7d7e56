"""The sender against the sandbox national node: what is owed arrives once, whatever goes wrong."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp.test_utils import unused_port
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.instruments import Instruments
from node.sandbox.app import start_sandbox
from node.sandbox.settings import Application, ReviewPolicy, SandboxSettings
from node.uplink import sender as module
from node.uplink.client import NationalNode, NationalNodeClient
from node.uplink.messages import CodeSystem, IpType, Protocol, RoutingItem, ServicePort
from node.uplink.sender import Sender
from registry.access.actor import console
from registry.enterprise.subject import Subject
from registry.prefix.prefix import Listener, PrefixState, Routing
from registry.prefix.prefix import Protocol as Wire
from registry.prefix.prefixes import PrefixWish
from tests.node.live import SUBJECT, Live

SECONDARY = "88.118"
APPLICATION = "tests"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
FILINGS = "/ntn/v1/prefixes"


@dataclass
class Link:
    """A node without an uplink of its own, a sandbox, and senders between them."""

    live: Live
    sandbox_url: str
    management_url: str
    clients: int = 0

    def client(
        self, url: str | None = None, *, skew: float = 0, **patience: float
    ) -> NationalNodeClient:
        self.clients += 1
        name = f"nonce-of-{self.clients}"
        nonces = (f"{name}-{count:010d}" for count in itertools.count())
        node = NationalNode(
            base_url=url or self.sandbox_url,
            app_id=APPLICATION,
            shr_prefix=SECONDARY,
            **{"attempts": 1, "total_seconds": 5.0, **patience},
        )
        return NationalNodeClient(
            self.live.session,
            node,
            KEY,
            clock=lambda: time.time() + skew,
            make_nonce=lambda: next(nonces),
        )

    def sender(self, client: NationalNodeClient | None = None, prefixes=None) -> Sender:
        wiring = self.live.node.wiring
        instruments = Instruments("test")
        return Sender(
            wiring.database, prefixes or wiring.prefixes, client or self.client(), instruments
        )

    async def approved(self) -> str:
        """A prefix whose filing is owed."""
        wiring = self.live.node.wiring
        enterprise = await self.verified()
        prefix = await wiring.prefixes.request(console(), PrefixWish(enterprise_id=enterprise))
        await wiring.prefixes.approve(console(), prefix.prefix)
        return prefix.prefix

    async def verified(self) -> int:
        """The one enterprise, verified."""
        rows = await self.fetch("SELECT enterprise_id FROM enterprise")
        if rows:
            return rows[0]["enterprise_id"]
        number, _ = await self.live.applied(SUBJECT)
        await self.live.node.wiring.enterprises.verify(console(), number, "营业执照原件核对")
        return number

    async def prefix(self, text: str):
        return await self.live.node.wiring.prefixes.get(console(), text)

    async def fetch(self, statement: str, *parameters: object):
        async with self.live.node.wiring.database.connection() as connection:
            return await connection.fetch(statement, *parameters)

    async def owed(self):
        """The outbox, oldest first."""
        return await self.fetch(
            """SELECT kind, subject, attempts, last_error, outcome, settled_at IS NOT NULL AS done,
                      extract(epoch FROM next_attempt_at - now())::float AS wait
                 FROM outbox ORDER BY outbox_id"""
        )

    async def due_now(self) -> None:
        """Let the pauses and leases end."""
        await self.fetch("UPDATE outbox SET next_attempt_at = now() WHERE settled_at IS NULL")

    async def manage(self, method: str, path: str, body: object = None):
        async with self.live.session.request(
            method, self.management_url + path, json=body
        ) as response:
            answer = await response.json()
        assert answer["status"] == 1, answer
        return answer["data"]

    async def arm(self, kind: str, **details: object) -> None:
        await self.manage("POST", "/faults", {"kind": kind, "path": FILINGS} | details)

    async def filed(self, prefix: str):
        return await self.manage("GET", f"/prefixes/{prefix}")

    async def received(self, *methods: str):
        entries = await self.manage("GET", "/received")
        return [entry for entry in entries if entry["method"] in methods]


@pytest.fixture
async def link(live: Live, tmp_path) -> AsyncIterator[Link]:
    ours = RoutingItem(
        CodeSystem.VAA, SECONDARY, IpType.IPV4, "127.0.0.1", (ServicePort(Protocol.HTTP, 9),)
    )
    sandbox = await start_sandbox(
        SandboxSettings(
            data_folder=tmp_path / "sandbox",
            applications=(
                Application(
                    app_id=APPLICATION,
                    public_key=KEY.public_key().public_bytes_raw(),
                    shr_prefix=SECONDARY,
                    routing=(ours,),
                ),
            ),
            review=ReviewPolicy(delay_seconds=0),
        )
    )
    yield Link(live, sandbox.url, sandbox.management_url)
    await sandbox.stop()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    """Looks at the outbox come faster than in life."""
    monkeypatch.setattr(module, "TICK", 0.02)


@asynccontextmanager
async def running(*senders: Sender) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(sender.run()) for sender in senders]
    try:
        yield
        assert not any(task.done() for task in tasks), "a sender never ends by itself"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(found, seconds: float = 60.0):
    """The first true thing the asynchronous function finds."""
    end = time.monotonic() + seconds
    while not (result := await found()):
        assert time.monotonic() < end, f"not within {seconds:g} s"
        await asyncio.sleep(0.01)
    return result


async def until_state(link: Link, prefix: str, state: PrefixState):
    async def reached():
        found = await link.prefix(prefix)
        return found if found.state is state else None

    return await until(reached)


async def until_tried(link: Link, error: str = ""):
    """The oldest item after a try that failed."""

    async def tried():
        item = (await link.owed())[0]
        return item if item["last_error"] and error in item["last_error"] else None

    return await until(tried)


async def test_an_approved_prefix_is_filed_and_becomes_active(link):
    prefix = await link.approved()
    async with running(link.sender()):
        found = await until_state(link, prefix, PrefixState.ACTIVE)
    assert found.filed
    [item] = await link.owed()
    assert (item["done"], item["attempts"]) == (True, 1)
    assert item["outcome"].startswith("F0"), "the national node's number of the filing"


async def test_a_wake_is_not_lost_while_a_round_is_under_way(link, monkeypatch):
    monkeypatch.setattr(module, "TICK", 60.0)
    await link.approved()
    await link.arm("delay", path=f"{FILINGS}/", seconds=0.4, count=1)
    sender = link.sender()
    async with running(sender):
        await until(lambda: link.fetch("SELECT FROM outbox WHERE settled_at IS NOT NULL"))
        await asyncio.sleep(0.1)  # the question about the first one's review is under way
        second = await link.approved()
        sender.wake()
        await until_state(link, second, PrefixState.ACTIVE)


@pytest.mark.parametrize(
    ("attempts", "least", "most"), [(0, 0.5, 1), (1, 1, 2), (4, 8, 16), (50, 150, 300)]
)
async def test_pauses_grow_and_are_bounded(link, attempts, least, most):
    """The pause after one more try, which a great number of tries never breaks."""
    prefix = await link.approved()
    await link.fetch("UPDATE outbox SET attempts = $1", attempts)
    sender = link.sender(link.client(f"http://127.0.0.1:{unused_port()}"))
    async with running(sender):
        item = await until_tried(link)
    assert least - 0.5 <= item["wait"] <= most
    assert (await link.prefix(prefix)).state is PrefixState.UNDER_REVIEW


async def test_an_outage_of_weeks_does_not_stop_the_sender(link):
    """2 to the power of the tries made is no number to compute with."""
    prefix = await link.approved()
    await link.fetch("UPDATE outbox SET attempts = 5000")
    await link.arm("busy", count=1)
    async with running(link.sender()):
        item = await until_tried(link, "503")
        assert 149 <= item["wait"] <= 300
        await link.due_now()
        await until_state(link, prefix, PrefixState.ACTIVE)


async def test_while_nobody_answers_one_item_a_round_is_tried_and_the_debt_is_measured(link):
    """A national node that takes seconds to fail must not keep the sender from telling of it."""
    for _ in range(5):
        await link.approved()
    sender = link.sender(link.client(f"http://127.0.0.1:{unused_port()}"))
    await sender._round()
    assert [item["attempts"] for item in await link.owed()] == [1, 0, 0, 0, 0]
    assert not sender.answered
    text = sender._instruments.exposition().decode()
    assert "biaoshi_outbox_items 5.0" in text
    assert "biaoshi_national_node_up 0.0" in text
    age = next(line for line in text.splitlines() if line.startswith("biaoshi_outbox_oldest"))
    assert 0 < float(age.split()[1]) < 60


async def test_a_new_sender_takes_the_national_node_to_be_up(link):
    sender = link.sender()
    assert sender.answered
    assert "biaoshi_national_node_up 1.0" in sender._instruments.exposition().decode()


@pytest.mark.parametrize("fault", ["answerLost", "duplicate"])
async def test_a_filing_that_arrives_twice_is_one_filing(link, fault):
    prefix = await link.approved()
    await link.arm(fault, count=1)
    async with running(link.sender()):
        if fault == "answerLost":
            await until_tried(link, "504")
            await link.due_now()
        await until_state(link, prefix, PrefixState.ACTIVE)
    assert len(await link.received("POST")) == 2
    assert len(await link.filed(prefix)) == 1


async def test_what_was_amended_after_a_lost_answer_does_not_undo_the_filing(link):
    """The same revision with other content is refused; but it was taken when it came first."""
    prefix = await link.approved()
    await link.arm("answerLost", count=1)
    async with running(link.sender()):
        await until_tried(link, "504")
        subject = Subject(**SUBJECT | {"contact_phone": "0760-11112222"})
        await link.live.node.wiring.enterprises.amend(console(), 1, subject)
        await link.due_now()
        await until_state(link, prefix, PrefixState.ACTIVE)
    assert len(await link.filed(prefix)) == 1


async def test_a_refused_filing_rejects_the_prefix_with_the_reason(link):
    prefix = await link.approved()
    await link.arm("reject", message="主体信息与登记不符", count=1)
    async with running(link.sender()):
        found = await until_state(link, prefix, PrefixState.REJECTED)
        await until(lambda: link.fetch("SELECT FROM outbox WHERE settled_at IS NOT NULL"))
    assert found.note == "主体信息与登记不符"
    assert [item["outcome"] for item in await link.owed()] == ["refused: 主体信息与登记不符"]


async def test_a_node_that_is_not_recognised_loses_no_prefix(link):
    """A clock gone wrong or a key not yet known upstairs says nothing about the filing."""
    prefix = await link.approved()
    sender = link.sender(link.client(skew=3600))
    async with running(sender):
        await until_tried(link, "timestamp")
        assert not sender.answered, "operators are told"
    assert (await link.prefix(prefix)).state is PrefixState.UNDER_REVIEW
    await link.due_now()
    async with running(link.sender()):
        await until_state(link, prefix, PrefixState.ACTIVE)


@pytest.mark.parametrize("done", [False, True])
async def test_a_kill_after_a_refusal_leaves_no_prefix_under_review_for_ever(link, done):
    """The sender dies just before, or just after, it has rejected the prefix."""
    prefixes = link.live.node.wiring.prefixes

    class Dying:
        async def settle_review(self, *arguments):
            if done:
                await prefixes.settle_review(*arguments)
            raise RuntimeError("killed")

    prefix = await link.approved()
    await link.arm("reject", message="no", count=2)
    with pytest.raises(RuntimeError):
        await link.sender(prefixes=Dying())._round()
    await link.due_now()
    async with running(link.sender()):
        await until(lambda: link.fetch("SELECT FROM outbox WHERE settled_at IS NOT NULL"))
        await until_state(link, prefix, PrefixState.REJECTED)


async def test_a_verdict_may_take_its_time(link):
    await link.manage("PUT", "/review", {"delaySeconds": 60})
    prefix = await link.approved()
    async with running(link.sender()):
        await until(lambda: link.received("GET"))
        assert (await link.prefix(prefix)).state is PrefixState.UNDER_REVIEW
        verdict = {"verdict": "rejected", "reason": "证照过期"}
        await link.manage("PUT", f"/prefixes/{prefix}/verdict", verdict)
        found = await until_state(link, prefix, PrefixState.REJECTED)
    assert found.note == "证照过期"


async def test_a_long_review_is_asked_about_more_and_more_rarely(link):
    await link.manage("PUT", "/review", {"delaySeconds": 60})
    await link.approved()
    started = time.monotonic()
    async with running(link.sender()):

        async def asked_often():
            return len(await link.received("GET")) >= 6

        await until(asked_often)
    ticks = (time.monotonic() - started) / module.TICK
    asked = await link.received("GET")
    assert len(asked) <= math.log2(ticks + 1) + 2, "after 1, 2, 4, 8 … ticks"


async def test_a_refused_question_keeps_no_other_verdict_waiting(link):
    await link.manage("PUT", "/review", {"delaySeconds": 0.05})
    first, second = await link.approved(), await link.approved()
    await link.arm("reject", path=f"{FILINGS}/{first}")
    async with running(link.sender()):
        await until_state(link, second, PrefixState.ACTIVE)
        assert (await link.prefix(first)).state is PrefixState.UNDER_REVIEW
        await link.manage("DELETE", "/faults")
        await until_state(link, first, PrefixState.ACTIVE)


async def test_changes_of_a_prefix_arrive_in_their_order(link):
    prefix = await link.approved()
    wiring = link.live.node.wiring
    async with running(link.sender()):
        await until_state(link, prefix, PrefixState.ACTIVE)
    operator = console()
    routing = Routing("8.8.8.8", (Listener(Wire.HTTP, 80),))
    await wiring.prefixes.route(operator, prefix, routing)
    await wiring.prefixes.stop(operator, prefix, "for a while")
    await wiring.prefixes.delete(operator, prefix, "given up")
    async with running(link.sender(), link.sender()):
        await until(lambda: nothing_owed(link))
    assert [(act["act"], act["revision"]) for act in await link.filed(prefix)] == [
        ("file", 1),
        ("file", 2),
        ("file", 3),
        ("delete", 3),
    ]
    assert [item["kind"] for item in await link.owed()] == [
        "prefix.file",
        "prefix.update",
        "prefix.update",
        "prefix.delete",
    ]


async def test_several_senders_file_each_prefix_once(link):
    prefixes = [await link.approved() for _ in range(12)]
    async with running(*(link.sender() for _ in range(3))):
        for prefix in prefixes:
            await until_state(link, prefix, PrefixState.ACTIVE)
    assert len(await link.received("POST")) == len(prefixes)
    assert [item["attempts"] for item in await link.owed()] == [1] * len(prefixes)


async def test_a_leased_item_is_left_to_its_sender_until_the_lease_ends(link):
    """A sender killed in between is a lease that nobody ends."""
    prefix = await link.approved()
    await link.fetch("UPDATE outbox SET attempts = 1, next_attempt_at = now() + interval '1 hour'")
    async with running(link.sender()):
        await asyncio.sleep(0.2)
        assert await link.received("POST") == []
        await link.due_now()
        await until_state(link, prefix, PrefixState.ACTIVE)


async def test_a_changed_identity_is_not_filed_before_it_is_verified_anew(link):
    prefix = await link.approved()
    wiring = link.live.node.wiring
    renamed = Subject(**SUBJECT | {"name": "中山市改名灯饰有限公司"})
    await wiring.enterprises.amend(console(), 1, renamed)
    sender = link.sender()
    async with running(sender):
        await until_tried(link, "verified anew")
        assert sender.answered, "the national node has nothing to do with it"
        assert await link.received("POST") == []
        await wiring.enterprises.verify(console(), 1, "变更登记通知书")
        await link.due_now()
        await until_state(link, prefix, PrefixState.ACTIVE)
    [act] = await link.filed(prefix)
    assert act["filing"]["subject"]["name"] == "中山市改名灯饰有限公司"


async def test_a_database_that_is_away_is_waited_for(link):
    prefix = await link.approved()
    sender = link.sender()
    database = sender._database

    class Away:
        failures = 3

        async def transaction(self, work):
            if self.failures:
                self.failures -= 1
                raise ConnectionRefusedError
            return await database.transaction(work)

        def connection(self):
            return database.connection()

    sender._database = Away()
    async with running(sender):
        await until_state(link, prefix, PrefixState.ACTIVE)


async def test_a_national_node_that_never_answers_holds_one_item_at_most(link):
    """It takes the connection and says nothing: the patience of one call, then a pause."""
    prefix = await link.approved()
    hung = await asyncio.start_server(lambda reader, writer: asyncio.sleep(30), "127.0.0.1", 0)
    port = hung.sockets[0].getsockname()[1]
    client = link.client(f"http://127.0.0.1:{port}", total_seconds=0.3, attempt_seconds=0.3)
    sender = link.sender(client)
    started = time.monotonic()
    await sender._round()
    assert time.monotonic() - started < 2
    assert not sender.answered
    assert (await link.prefix(prefix)).state is PrefixState.UNDER_REVIEW
    hung.close()


async def nothing_owed(link: Link) -> bool:
    return all(item["done"] for item in await link.owed())
