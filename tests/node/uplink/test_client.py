"""The client against a scripted server: what it repeats, what it gives up on, what it believes.

How it does against the sandbox national node is tested beside the sandbox.
"""

import asyncio
import itertools
import time

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.uplink.client import MAX_ANSWER, NationalNode, NationalNodeClient, open_client
from node.uplink.messages import (
    CodeSystem,
    EnterpriseSubject,
    HostingState,
    Industry,
    IpType,
    PrefixFiling,
    PrefixState,
    Protocol,
    Referral,
    RoutingItem,
    ServicePort,
    Verification,
)
from node.uplink.signing import read_credentials, verify
from registry.errors import NationalNodeRefused, NationalNodeUnavailable

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
ACTIVE = b"""{"status": 1, "message": "success", "data": {"prefix": "88.118.8", "revision": 1,
 "state": 1, "filingId": "F00000001", "filedAt": 1800000000}}"""
NULL = b'{"status": 1, "message": "success", "data": null}'

FILING = PrefixFiling(
    prefix="88.118.8",
    revision=1,
    subject=EnterpriseSubject(
        name="样板照明电器有限公司",
        credit_code="91110108589104047H",
        legal_person="张三",
        contact_name="李四",
        contact_phone="0760-12345678",
        contact_email="contact@example.com",
        industry=Industry(category="C", division="38"),
        registered_address="广东省中山市",
    ),
    verification=Verification(
        verified=True, method="legal-person", verified_at=1_799_999_000, verified_by="operator"
    ),
    hosting=HostingState.HOSTED,
)


class Script:
    """Answers each request with the next of the answers, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def answer(self, request):
        self.requests.append((request, await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            return await answer(request)
        status, body, *headers = answer
        return web.Response(status=status, body=body, headers=headers[0] if headers else None)


@pytest.fixture
async def serve():
    servers = []

    async def start(*answers):
        script = Script(*answers)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", script.answer)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        script.url = f"http://127.0.0.1:{server.port}"
        return script

    yield start
    for server in servers:
        await server.close()


def client_of(url, **settings):
    count = itertools.count()
    node = NationalNode(
        base_url=url,
        app_id="app-1",
        shr_prefix="88.118",
        **{"wait_initial": 0.001, "wait_max": 0.01, "wait_jitter": 0.001, **settings},
    )
    ticks = itertools.count(1_800_000_000)
    return open_client(
        node, KEY, clock=lambda: next(ticks), make_nonce=lambda: f"nonce-{next(count):012d}"
    )


async def drop(request):
    request.transport.abort()
    return web.Response()


async def hang(request):
    await asyncio.sleep(5)
    return web.Response()


async def test_every_request_is_signed_as_it_went_over_the_wire(serve):
    script = await serve((200, NULL))
    async with client_of(script.url) as client:
        assert await client.resolve("88.118.8/a b+c/%2F&?#标识") is None
    request, body = script.requests[0]
    assert request.query["id"] == "88.118.8/a b+c/%2F&?#标识"
    verify(
        read_credentials(request.headers),
        KEY.public_key(),
        method="GET",
        target=request.raw_path,
        body=body,
        now=1_800_000_000,
    )
    assert request.headers["X-App-Id"] == "app-1"
    assert request.headers["X-Shr-Prefix"] == "88.118"


async def test_methods_paths_and_bodies(serve):
    script = await serve((200, ACTIVE))
    async with client_of(script.url + "/gate/") as client:
        status = await client.file_prefix(FILING)
        await client.update_prefix(FILING)
        await client.prefix_status("88.118.8")
        await client.delete_prefix("88.118.8")
    assert status.state is PrefixState.ACTIVE
    assert [(one.method, one.raw_path) for one, _ in script.requests] == [
        ("POST", "/gate/ntn/v1/prefixes"),
        ("PUT", "/gate/ntn/v1/prefixes/88.118.8"),
        ("GET", "/gate/ntn/v1/prefixes/88.118.8"),
        ("DELETE", "/gate/ntn/v1/prefixes/88.118.8"),
    ]
    assert msgspec.json.decode(script.requests[0][1], type=PrefixFiling) == FILING


async def test_names_on_the_wire():
    data = msgspec.json.decode(msgspec.json.encode(FILING))
    assert data["subject"]["creditCode"] == "91110108589104047H"
    assert data["verification"]["verifiedAt"] == 1_799_999_000
    assert data["hosting"] == 4


@pytest.mark.parametrize("failure", [(500, b""), (503, b"busy"), (504, b""), (429, b""), drop])
async def test_a_passing_failure_is_repeated_with_a_new_nonce_and_time(serve, failure):
    script = await serve(failure, failure, (200, ACTIVE))
    async with client_of(script.url) as client:
        assert (await client.file_prefix(FILING)).filing_id == "F00000001"
    credentials = [read_credentials(request.headers) for request, _ in script.requests]
    assert len({one.nonce for one in credentials}) == 3
    assert len({one.timestamp for one in credentials}) == 3
    assert len({body for _, body in script.requests}) == 1


async def test_a_silent_attempt_is_repeated(serve):
    script = await serve(hang, (200, ACTIVE))
    async with client_of(script.url, attempt_seconds=0.05) as client:
        await client.file_prefix(FILING)
    assert len(script.requests) == 2


async def test_attempts_are_bounded(serve):
    script = await serve((503, b""))
    async with client_of(script.url, attempts=4) as client:
        with pytest.raises(NationalNodeUnavailable, match="503"):
            await client.file_prefix(FILING)
    assert len(script.requests) == 4


async def test_total_time_is_bounded(serve):
    script = await serve(hang)
    async with client_of(script.url, total_seconds=0.2, attempt_seconds=30) as client:
        began = time.monotonic()
        with pytest.raises(NationalNodeUnavailable, match=r"0\.2 s"):
            await client.file_prefix(FILING)
    assert time.monotonic() - began < 2


async def test_nobody_listening():
    async with client_of(f"http://127.0.0.1:{unused_port()}", attempts=2) as client:
        with pytest.raises(NationalNodeUnavailable):
            await client.prefix_status("88.118.8")


async def test_retry_after_is_heeded_within_the_bound(serve):
    script = await serve((429, b"", {"Retry-After": "3600"}), (200, ACTIVE))
    async with client_of(script.url, wait_max=0.3) as client:
        began = time.monotonic()
        await client.file_prefix(FILING)
    assert 0.29 < time.monotonic() - began < 3


@pytest.mark.parametrize("status", [200, 401, 403])
async def test_a_refusal_is_final_and_carries_its_reason(serve, status):
    body = '{"status": -2, "message": "主体信息有误", "data": {"field": "subject", "rule": "r"}}'
    script = await serve((status, body.encode()))
    async with client_of(script.url) as client:
        with pytest.raises(NationalNodeRefused) as refusal:
            await client.file_prefix(FILING)
    assert refusal.value.detail == "主体信息有误"
    assert (refusal.value.field, refusal.value.rule) == ("subject", "status -2: r")
    assert len(script.requests) == 1


async def test_a_refusal_without_reason_and_with_an_unknown_status(serve):
    script = await serve((200, b'{"status": -77, "message": "no", "data": [1]}'))
    async with client_of(script.url) as client:
        with pytest.raises(NationalNodeRefused) as refusal:
            await client.file_prefix(FILING)
    assert (refusal.value.field, refusal.value.rule) == (None, "status -77")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b'{"status": "1", "message": "success", "data": null}',
        NULL,
        ACTIVE.replace(b'"state": 1', b'"state": 6'),
        ACTIVE.replace(b'"revision": 1', b'"revision": "1"'),
        ACTIVE.replace(b'"filingId"', b'"filing"'),
    ],
)
async def test_an_answer_outside_the_contract_is_none(serve, body):
    script = await serve((200, body))
    async with client_of(script.url) as client:
        with pytest.raises(NationalNodeUnavailable):
            await client.file_prefix(FILING)
    assert len(script.requests) == 1


async def test_an_error_status_never_passes_for_success(serve):
    script = await serve((404, ACTIVE))
    async with client_of(script.url) as client:
        with pytest.raises(NationalNodeUnavailable, match="404"):
            await client.file_prefix(FILING)


async def test_a_redirect_is_not_followed(serve):
    target = await serve((200, ACTIVE))
    script = await serve((302, b"", {"Location": target.url}))
    async with client_of(script.url) as client:
        with pytest.raises(NationalNodeUnavailable):
            await client.prefix_status("88.118.8")
    assert target.requests == []


async def test_the_size_of_an_answer_is_bounded(serve):
    async def pour(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(2 * MAX_ANSWER // 65536):
            await response.write(b" " * 65536)
        return response

    script = await serve(pour)
    async with client_of(script.url) as client:
        with pytest.raises(NationalNodeUnavailable, match="larger"):
            await client.resolve("88.118.8/1")
    assert len(script.requests) == 1


async def test_an_unknown_prefix_has_no_status(serve):
    script = await serve((200, NULL))
    async with client_of(script.url) as client:
        assert await client.prefix_status("88.118.9") is None


async def test_a_referral_and_the_next_one_asked_where_it_says(serve):
    other = await serve((200, b'{"status": 1, "message": "success", "data": null}'))
    first = await serve(
        (
            200,
            msgspec.json.encode(
                {
                    "status": 1,
                    "message": "success",
                    "data": {"identifier": "a", "prefix": "a", "next": other.url + "/hop/1"},
                }
            ),
        )
    )
    async with client_of(first.url) as client:
        referral = await client.resolve("a")
        assert referral.services == ()
        assert await client.resolve("a", at=referral.next) is None
    assert other.requests[0][0].raw_path == "/hop/1/ntn/v1/resolve?id=a"


@pytest.mark.parametrize("address", ["", "nowhere", "ftp://127.0.0.1", "http://", "http://[", "/x"])
async def test_a_referral_to_no_address(serve, address):
    script = await serve((200, NULL))
    async with client_of(script.url) as client:
        with pytest.raises(NationalNodeUnavailable):
            await client.resolve("a", at=address)
    assert script.requests == []


def test_a_referral_names_services_or_the_next_node():
    service = RoutingItem(
        CodeSystem.VAA, "88.118.8", IpType.IPV4, "127.0.0.1", (ServicePort(Protocol.HTTP, 80),)
    )
    assert Referral("a", "a", services=(service,)).next is None
    for services, following in [((), None), ((service,), "http://127.0.0.1")]:
        with pytest.raises(ValueError, match="referral"):
            Referral("a", "a", services=services, next=following)


@pytest.mark.parametrize(
    ("ip_type", "ip", "ports"),
    [
        (IpType.IPV4, "::1", (ServicePort(Protocol.HTTP, 80),)),
        (IpType.IPV6, "127.0.0.1", (ServicePort(Protocol.HTTP, 80),)),
        (IpType.IPV4, "example.com", (ServicePort(Protocol.HTTP, 80),)),
        (IpType.IPV4, "127.0.0.1", ()),
    ],
)
def test_an_impossible_routing_item_does_not_exist(ip_type, ip, ports):
    with pytest.raises(ValueError, match=r"."):
        RoutingItem(CodeSystem.VAA, "88.118.8", ip_type, ip, ports)


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_is_a_port(port):
    with pytest.raises(ValueError, match="port"):
        ServicePort(Protocol.TCP, port)


async def test_a_session_passed_in_stays_open(serve):
    script = await serve((200, ACTIVE))
    async with aiohttp.ClientSession() as session:
        client = NationalNodeClient(
            session,
            NationalNode(base_url=script.url, app_id="app-1", shr_prefix="88.118"),
            KEY,
            clock=time.time,
            make_nonce=lambda: "0123456789abcdef",
        )
        await client.prefix_status("88.118.8")
        assert not session.closed
