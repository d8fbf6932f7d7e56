"""A running sandbox on loopback with two applications, and clients for both."""

import itertools
from contextlib import AsyncExitStack

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.sandbox.app import start_sandbox
from node.sandbox.settings import Application, ReviewPolicy, SandboxSettings
from node.uplink.client import NationalNode, NationalNodeClient
from node.uplink.messages import (
    CodeSystem,
    EnterpriseSubject,
    HostingState,
    Industry,
    IpType,
    PrefixFiling,
    Protocol,
    RoutingItem,
    ServicePort,
    Verification,
)
from node.uplink.signing import sign

START = 1_800_000_000.0


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


def routing(prefix, port=9000):
    return RoutingItem(
        CodeSystem.VAA,
        prefix,
        IpType.IPV4,
        "127.0.0.1",
        (ServicePort(Protocol.HTTP, port), ServicePort(Protocol.TCP, 2641)),
    )


KEYS = {name: Ed25519PrivateKey.from_private_bytes(name.encode() * 32) for name in "ab"}
OURS = Application(
    app_id="app-a",
    public_key=KEYS["a"].public_key().public_bytes_raw(),
    shr_prefix="88.118",
    routing=(routing("88.118"),),
)
OTHERS = Application(
    app_id="app-b", public_key=KEYS["b"].public_key().public_bytes_raw(), shr_prefix="88.119"
)
SUBJECT = EnterpriseSubject(
    name="样板照明电器有限公司",
    credit_code="91110108589104047H",
    legal_person="张三",
    contact_name="李四",
    contact_phone="0760-12345678",
    contact_email="contact@example.com",
    industry=Industry(category="C", division="38", group="387", subclass="3872"),
    registered_address="广东省中山市",
)
FILING = PrefixFiling(
    prefix="88.118.8",
    revision=1,
    subject=SUBJECT,
    verification=Verification(
        verified=True, method="legal-person", verified_at=int(START) - 60, verified_by="operator"
    ),
    hosting=HostingState.HOSTED,
)


def refiled(**changes):
    return msgspec.structs.replace(FILING, **changes)


class World:
    """One sandbox with its clock, clients of both applications and the management port."""

    def __init__(self, folder, session, resources):
        self.clock = Clock()
        self.session = session
        self.settings = SandboxSettings(
            data_folder=folder, applications=(OURS, OTHERS), review=ReviewPolicy(delay_seconds=10)
        )
        self._resources = resources
        self._nonces = (f"nonce-{count:012d}" for count in itertools.count())

    async def start(self, **changes):
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self.sandbox = await start_sandbox(self.settings, clock=self.clock)
        self._resources.push_async_callback(self.sandbox.stop)
        self.ours = self.client("a", OURS)
        self.others = self.client("b", OTHERS)

    def client(self, key, application, **settings):
        node = NationalNode(
            base_url=self.sandbox.url,
            app_id=application.app_id,
            shr_prefix=application.shr_prefix,
            **{"wait_initial": 0.001, "wait_max": 0.01, "wait_jitter": 0.001, **settings},
        )
        return NationalNodeClient(
            self.session,
            node,
            KEYS[key],
            clock=self.clock,
            make_nonce=lambda: next(self._nonces),
        )

    def signed(self, method, target, body=b"", key="a", **changes):
        credentials = {"app_id": "app-a", "shr_prefix": "88.118", "timestamp": int(self.clock.now)}
        credentials |= {"nonce": next(self._nonces), **changes}
        return sign(KEYS[key], method=method, target=target, body=body, **credentials)

    async def raw(self, method, target, headers, body=b""):
        """HTTP status and envelope of a request made by hand."""
        async with self.session.request(
            method, self.sandbox.url + target, data=body or None, headers=headers
        ) as response:
            return response.status, await response.json()

    async def manage(self, method, path, body=None):
        """The data of a management answer, which must be a success."""
        url = self.sandbox.management_url + path
        async with self.session.request(method, url, json=body) as response:
            answer = await response.json()
        assert answer["status"] == 1, answer
        return answer["data"]

    async def received(self):
        return await self.manage("GET", "/received")


@pytest.fixture
async def world(tmp_path):
    async with AsyncExitStack() as resources:
        session = await resources.enter_async_context(aiohttp.ClientSession())
        world = World(tmp_path / "sandbox", session, resources)
        await world.start()
        yield world
