"""Starting the sandbox: three listeners, one store, in the order they depend on each other."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec
from aiohttp import web

from node.sandbox.bureau import ReceivingBureau
from node.sandbox.controls import Controls
from node.sandbox.foreign import Conduct, ForeignNode
from node.sandbox.foreign_records import EXAMPLE, PREFIX
from node.sandbox.gate import Gate
from node.sandbox.listener import MAX_BODY, Listener
from node.sandbox.management import Management
from node.sandbox.prefixes import Prefixes
from node.sandbox.referral import Referrals
from node.sandbox.settings import KnownNode, SandboxSettings
from node.sandbox.store import SandboxStore
from node.sandbox.wire import PREFIX_RECORDS, WireListener, foreign_record, prefix_record
from node.sandbox.witness import WitnessDesk
from node.uplink.messages import CodeSystem, IpType, Protocol, RoutingItem, ServicePort
from resolver.wire.value import WireValue

MANAGEMENT_HOST = "127.0.0.1"


class RunningSandbox(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox that answers, until `stop`."""

    url: str  # the national node
    management_url: str
    foreign_url: str  # another city's node; Handle JSON below /api/handles/
    foreign_example: str  # an identifier it answers for
    station: tuple[str, int]  # the national node over the Handle wire protocol
    bureau_url: str  # where a bureau takes daily statistics
    witness_key: str  # verifier key with which the national node cosigns checkpoints
    resources: AsyncExitStack

    async def stop(self) -> None:
        """Close the listeners and the store; what was answered is on disk. Twice is once."""
        await self.resources.aclose()


async def start_sandbox(
    settings: SandboxSettings, *, clock: Callable[[], float] = time.time
) -> RunningSandbox:
    """Start all listeners; OSError when a port is taken, and then nothing is left open."""
    async with AsyncExitStack() as resources:
        store = SandboxStore(settings.data_folder)
        resources.callback(store.close)
        controls = Controls(review=settings.review)
        witness = WitnessDesk(settings.data_folder, settings.applications, store, clock)

        foreign = ForeignNode(lambda: controls.foreign)
        foreign_at = await _listen(
            resources, foreign.application, settings.host, settings.foreign_port
        )
        known = (_foreign_node(settings, foreign_at.port), *settings.known_nodes)
        station = await _wire(resources, settings, known, store, controls, clock)

        def make_national() -> web.Application:
            return national_application(settings, known, store, controls, witness, clock)

        national_at = await _listen(resources, make_national, settings.host, settings.port)
        bureau = ReceivingBureau(settings.applications, store)
        bureau_at = await _listen(resources, bureau.application, settings.host, 0)
        management = Management(controls, store, national_at, clock)
        management_at = await _listen(
            resources, management.application, MANAGEMENT_HOST, settings.management_port
        )
        return RunningSandbox(
            url=national_at.url,
            management_url=management_at.url,
            foreign_url=foreign_at.url,
            foreign_example=EXAMPLE,
            station=station,
            bureau_url=f"{bureau_at.url}/bureau/v1",
            witness_key=str(witness.verifier),
            resources=resources.pop_all(),
        )


def national_application(
    settings: SandboxSettings,
    known: tuple[KnownNode, ...],
    store: SandboxStore,
    controls: Controls,
    witness: WitnessDesk,
    clock: Callable[[], float],
) -> web.Application:
    """The national node itself. Every part of its contract adds its routes here."""
    gate = Gate(settings.applications, store, controls, clock)
    app = web.Application(middlewares=gate.middlewares(), client_max_size=MAX_BODY)
    app.add_routes(Prefixes(store, controls, clock).routes())
    app.add_routes(Referrals(settings.applications, known, store, controls, clock).routes())
    app.add_routes(witness.routes())
    return app


async def _wire(
    resources: AsyncExitStack,
    settings: SandboxSettings,
    known: tuple[KnownNode, ...],
    store: SandboxStore,
    controls: Controls,
    clock: Callable[[], float],
) -> tuple[str, int]:
    """The foreign node and the national one over the Handle wire protocol: the latter's address.
    The national node's own conduct there is always honest."""
    foreign = WireListener(foreign_record, settings.host, 0, lambda: controls.foreign)
    await foreign.up()
    resources.push_async_callback(foreign.down)
    referrals = Referrals(settings.applications, known, store, controls, clock)

    def find(handle: str) -> tuple[WireValue, ...] | None:
        if not handle.upper().startswith(PREFIX_RECORDS):
            return None
        services = referrals.services(handle[len(PREFIX_RECORDS) :])
        return (prefix_record(services, foreign.port, handle),) if services else None

    national = WireListener(find, settings.host, settings.handle_port, Conduct)
    await national.up()
    resources.push_async_callback(national.down)
    return settings.host, national.port


async def _listen(
    resources: AsyncExitStack, make: Callable[[], web.Application], host: str, port: int
) -> Listener:
    listener = Listener(make, host, port)
    await listener.up()
    resources.push_async_callback(listener.down)
    return listener


def _foreign_node(settings: SandboxSettings, port: int) -> KnownNode:
    """The referral to the foreign node beside us; ValueError if its address is not an IP."""
    ip = settings.foreign_ip or settings.host
    address = ipaddress.ip_address(ip)
    if address.is_unspecified:
        raise ValueError("foreign_ip is needed where host is a wildcard address")
    service = RoutingItem(
        code_system=CodeSystem.VAA,
        prefix=PREFIX,
        ip_type=IpType(address.version),
        ip=ip,
        ports=(ServicePort(Protocol.HTTP, port),),
    )
    return KnownNode(PREFIX, (service,))
