"""Recursion against services on real sockets that answer well, badly, late or never."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from registry.access.actor import anonymous
from registry.errors import RemoteUnavailable
from registry.identifier import Identifier
from registry.prefix.prefix import Listener, Protocol
from resolver.query import Outcome, Query, Source
from resolver.recursive import MAX_ANSWER, Bounds, RecursiveLink
from resolver.referral import Referral, Service

IDENTIFIER = Identifier("86.1000.1", "DEMO-0001")
VALUE = {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://example.com"}}
SECONDS = 1.2
PAST = SECONDS + 10  # a bound is kept if the answer comes before this


def answered(*values, **members):
    return {"responseCode": 1, "handle": IDENTIFIER.text, "values": list(values)} | members


@dataclass
class Remote:
    """A service elsewhere: its answer, or a function that gives one; and what it was asked."""

    answer: object
    asked: list[web.BaseRequest] = field(default_factory=list)
    port: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if callable(self.answer):
            return await self.answer(request)
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer)
        return web.json_response(self.answer)

    @property
    def service(self) -> Service:
        return Service("127.0.0.1", (Listener(Protocol.HTTP, self.port),))


@asynccontextmanager
async def remotes(*answers: object) -> AsyncIterator[list[Remote]]:
    """Services that give these answers, each on a port of its own."""
    opened, servers = [], []
    for answer in answers:
        remote = Remote(answer)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", remote.handle)
        server = TestServer(app, host="127.0.0.1")
        await server.start_server(shutdown_timeout=0.1)
        assert server.port is not None
        remote.port = server.port
        opened.append(remote)
        servers.append(server)
    try:
        yield opened
    finally:
        for server in servers:
            await server.close()


class Directory:
    """Refers along a list, by the place asked at."""

    def __init__(self, *services, steps=None):
        self.steps = steps or {None: Referral(services)}
        self.asked = []

    async def refer(self, identifier, at):
        self.asked.append(at)
        return self.steps[at]


@pytest.fixture
def resolve(session):
    """Asks a link made of a directory; a query of its own where one is given."""

    async def asked(directory, query=None, **bounds):
        known = {"seconds": SECONDS, "allow_private": True}
        link = RecursiveLink(session, directory, Bounds(**known | bounds))
        return await link.resolve(query or Query(IDENTIFIER, anonymous()))

    return asked


async def refused(resolving) -> RemoteUnavailable:
    """The error it ends with, in time."""
    started = time.monotonic()
    with pytest.raises(RemoteUnavailable) as caught:
        await resolving
    assert time.monotonic() - started < PAST
    assert caught.value.field == "handle"
    return caught.value


async def test_the_service_referred_to_answers(resolve):
    async with remotes(answered(VALUE)) as [remote]:
        answer = await resolve(Directory(remote.service))
    assert (answer.outcome, answer.source) == (Outcome.FOUND, Source.RECURSIVE)
    assert answer.handle == IDENTIFIER.text
    assert json.loads(answer.values) == [VALUE]
    assert answer.via == (f"http://127.0.0.1:{remote.port}",)
    assert answer.revision is None
    [request] = remote.asked
    assert request.raw_path == "/api/handles/86.1000.1/DEMO-0001"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    "suffix", ["灯具-0004", "A+B 100%#1", "LOT/2024/07", "a?b&c=d", "..", "x/../../y", "%2F"]
)
async def test_any_suffix_arrives_as_it_is(resolve, suffix):
    identifier = Identifier("86.1000.1", suffix)
    async with remotes(answered(VALUE, handle=identifier.text)) as [remote]:
        query = Query(identifier, anonymous())
        assert (await resolve(Directory(remote.service), query)).found
    from registry.identifier import from_url_path

    path = remote.asked[0].raw_path
    assert from_url_path(path.removeprefix("/api/handles/")) == identifier.text


async def test_nobody_known_is_for_the_next_link(resolve):
    assert await resolve(Directory(steps={None: None})) is None


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ({"responseCode": 100, "values": []}, Outcome.NOT_FOUND),
        ({"responseCode": 200, "values": []}, Outcome.NO_VALUES),
        ({"responseCode": 1, "values": []}, Outcome.NO_VALUES),
    ],
)
async def test_what_is_not_there_is_said_so(resolve, members, outcome):
    async with remotes(answered(**members)) as [remote]:
        answer = await resolve(Directory(remote.service))
    assert (answer.outcome, answer.values) == (outcome, "[]")


async def test_filters_are_applied_to_the_whole_record_here(resolve):
    """The remote need not know subtypes."""
    mobile = VALUE | {"index": 2, "type": "URL.MOBILE"}
    name = VALUE | {"index": 3, "type": "NAME"}
    query = Query(IDENTIFIER, anonymous(), frozenset(["url."]), frozenset([3]))
    async with remotes(answered(VALUE, mobile, name)) as [remote]:
        answer = await resolve(Directory(remote.service), query)
    assert [value["index"] for value in json.loads(answer.values)] == [1, 2, 3]
    assert remote.asked[0].query_string == ""


async def test_values_that_are_not_public_are_left_out(resolve):
    secret = VALUE | {"index": 2, "permissions": "1100"}
    odd = VALUE | {"index": 3, "permissions": "11"}
    async with remotes(answered(VALUE, secret, odd)) as [remote]:
        answer = await resolve(Directory(remote.service))
    assert [value["index"] for value in json.loads(answer.values)] == [1]


async def test_the_handle_of_an_answer_compares_without_case(resolve):
    async with remotes(answered(VALUE, handle="86.1000.1/demo-0001")) as [remote]:
        assert (await resolve(Directory(remote.service))).found


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answered(VALUE, handle="86.1000.1/OTHER"), "another identifier's record"),
        (answered(VALUE, handle=None), "another identifier's record"),
        (answered(responseCode=301), "response code 301"),
        (answered(responseCode=2), "response code 2"),
        (b"{responseCode: 1", "not the Handle JSON API's"),
        (b"", "not the Handle JSON API's"),
        (b"[]", "not the Handle JSON API's"),
        (b"null", "not the Handle JSON API's"),
        (b"\xff\xfe", "not the Handle JSON API's"),
        (b"[" * 200_000, "not the Handle JSON API's"),
        (b'{"responseCode": 1e400}', "not the Handle JSON API's"),
        (b'{"responseCode": 1, "handle": "x", "values": [1]}', "not the Handle JSON API's"),
        (answered({"index": 1}), "not handle values"),
        (answered(VALUE | {"index": "one"}), "not handle values"),
        (answered(VALUE | {"permissions": 1110}), "not handle values"),
        (answered(VALUE | {"data": "bare"}), "not handle values"),
        (answered(VALUE | {"index": -1}), "values[0].index"),
        (answered(VALUE, VALUE | {"ttl": 2**32}), "values[1].ttl"),
        (answered(*[VALUE] * 1001), "more than 1000 values"),
        (b" " * (MAX_ANSWER + 1), f"larger than {MAX_ANSWER} bytes"),
        (answered(VALUE | {"data": {"format": "string", "value": "x" * 300_000}}), "too large"),
    ],
)
async def test_an_answer_that_cannot_be_believed_is_none(resolve, answer, reason):
    async with remotes(answer) as [remote]:
        error = await refused(resolve(Directory(remote.service)))
    assert error.rule == "remote-unavailable"
    assert reason in error.detail


@pytest.mark.parametrize(
    "text",
    ['"\\ud800"', '"\\u0000"', '"\\udc00\\ud800"', "1e999", "123456789012345678901234567890"],
)
async def test_whatever_data_come_the_answer_can_be_sent_on(resolve, text):
    """Half surrogate pairs and numbers out of range are refused or passed on, never a crash."""
    body = json.dumps(answered(VALUE)).replace('"https://example.com"', text).encode()
    async with remotes(body) as [remote]:
        try:
            answer = await resolve(Directory(remote.service))
        except RemoteUnavailable:
            return
    answer.values.encode()
    json.loads(answer.values)


async def redirected(_):
    raise web.HTTPFound("http://127.0.0.1:1/")


async def aborted(request):
    request.transport.abort()
    return web.Response()


async def endless(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.01)


async def silent(_):
    await asyncio.sleep(30)


@pytest.mark.parametrize(
    ("conduct", "reason"),
    [
        (silent, "too slow"),
        (endless, "too slow"),
        (aborted, "ServerDisconnectedError"),
        (redirected, "not the Handle JSON API's"),
    ],
)
async def test_a_service_that_does_not_answer_is_given_up_in_time(resolve, conduct, reason):
    async with remotes(conduct) as [remote]:
        error = await refused(resolve(Directory(remote.service)))
    assert error.rule == "remote-unavailable"
    assert reason in error.detail


async def test_a_service_that_is_down_is_told(resolve):
    service = Service("127.0.0.1", (Listener(Protocol.HTTP, unused_port()),))
    error = await refused(resolve(Directory(service)))
    assert "ClientConnectorError" in error.detail


async def later(_):
    await asyncio.sleep(SECONDS / 2)
    return web.json_response(answered(VALUE))


async def test_one_service_may_use_most_of_the_time(resolve):
    async with remotes(later) as [remote]:
        assert (await resolve(Directory(remote.service))).found


async def test_a_slow_first_service_falls_through_to_the_second_in_time(resolve):
    async with remotes(silent, answered(VALUE)) as [first, second]:
        answer = await resolve(Directory(first.service, second.service))
    assert answer.found
    assert answer.via == tuple(f"http://127.0.0.1:{one.port}" for one in (first, second))


async def test_a_bad_first_service_falls_through_to_the_second(resolve):
    async with remotes(b"garbage", answered(VALUE)) as [first, second]:
        assert (await resolve(Directory(first.service, second.service))).found


async def test_only_so_many_services_are_tried(resolve):
    async with remotes(*[b""] * 3, answered(VALUE)) as services:
        await refused(resolve(Directory(*(one.service for one in services)), services=3))
        assert [len(one.asked) for one in services] == [1, 1, 1, 0]


async def test_services_without_listeners_are_passed_over_and_do_not_count(resolve):
    async with remotes(answered(VALUE)) as [remote]:
        others = [Service("127.0.0.1", ()) for _ in range(4)]
        assert (await resolve(Directory(*others, remote.service))).found
        error = await refused(resolve(Directory(*others)))
    assert "speaks no protocol this node knows" in error.detail


async def test_no_service_is_asked_twice(resolve):
    async with remotes(b"garbage") as [remote]:
        await refused(resolve(Directory(remote.service, remote.service)))
    assert len(remote.asked) == 1


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
async def test_a_referral_does_not_lead_into_our_own_network(resolve, address):
    service = Service(address, (Listener(Protocol.HTTP, 9),))
    error = await refused(resolve(Directory(service), allow_private=False))
    assert f"{address} is not a public address" in error.detail


async def test_referrals_are_followed_to_the_service(resolve):
    async with remotes(answered(VALUE)) as [remote]:
        directory = Directory(
            steps={
                None: Referral(next="https://a.example"),
                "https://a.example": Referral(next="https://b.example"),
                "https://b.example": Referral((remote.service,)),
            }
        )
        answer = await resolve(directory)
    assert answer.found
    assert answer.via[:2] == ("https://a.example", "https://b.example")


async def test_a_referral_in_a_circle_ends(resolve):
    directory = Directory(
        steps={
            None: Referral(next="https://a.example"),
            "https://a.example": Referral(next="https://b.example"),
            "https://b.example": Referral(next="https://a.example"),
        }
    )
    assert (await refused(resolve(directory))).rule == "recursion-loop"
    assert len(directory.asked) == 3


async def test_a_chain_of_referrals_has_a_length(resolve):
    class Endless:
        asked = 0

        async def refer(self, identifier, at):
            self.asked += 1
            return Referral(next=f"https://{self.asked}.example")

    directory = Endless()
    assert (await refused(resolve(directory, referrals=4))).rule == "recursion-depth"
    assert directory.asked == 4


async def test_a_directory_that_does_not_answer_is_given_up_in_time(resolve):
    class Silent:
        async def refer(self, identifier, at):
            await asyncio.sleep(30)

    assert (await refused(resolve(Silent()))).rule == "recursion-time"


async def test_a_referral_to_nobody_is_an_error(resolve):
    assert (await refused(resolve(Directory()))).rule == "remote-unavailable"


async def test_many_at_once_keep_their_bounds(resolve):
    """A hundred resolutions through a silent service end together, not one after the other."""
    async with remotes(silent) as [remote]:
        started = time.monotonic()
        results = await asyncio.gather(
            *(resolve(Directory(remote.service)) for _ in range(100)), return_exceptions=True
        )
        assert time.monotonic() - started < PAST + 0.5
    assert {type(result) for result in results} == {RemoteUnavailable}
