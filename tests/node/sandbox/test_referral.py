"""Who answers for an identifier, and referrals that lead astray."""

import pytest

from node.sandbox.foreign_records import EXAMPLE
from node.sandbox.settings import KnownNode
from node.uplink.messages import Protocol
from registry.errors import NationalNodeRefused
from tests.node.sandbox.conftest import FILING, refiled, routing


@pytest.fixture
async def prompt(world):
    """The world with reviews that end at once."""
    await world.manage("PUT", "/review", {"delaySeconds": 0})
    return world


async def test_a_hosted_prefix_is_answered_by_the_node_that_filed_it(prompt):
    await prompt.ours.file_prefix(FILING)
    referral = await prompt.others.resolve("88.118.8/ABC/1")
    assert (referral.identifier, referral.prefix) == ("88.118.8/ABC/1", "88.118.8")
    assert referral.services == (routing("88.118"),)
    assert referral.next is None


async def test_an_enterprise_with_its_own_resolver_answers_itself(prompt):
    own = (routing("88.119.1", 7000), routing("88.119.1", 7001))
    await prompt.others.file_prefix(refiled(prefix="88.119.1", routing=own))
    assert (await prompt.ours.resolve("88.119.1/x")).services == own


async def test_the_foreign_node_answers_for_its_prefix(prompt):
    referral = await prompt.ours.resolve(prompt.sandbox.foreign_example)
    (service,) = referral.services
    assert (referral.prefix, service.ip) == ("86.1000.1", "127.0.0.1")
    (port,) = service.ports
    assert port.protocol is Protocol.HTTP
    assert prompt.sandbox.foreign_url.endswith(f":{port.port}")


@pytest.mark.parametrize("identifier", ["88.118.9/1", "86.1000.12/1", "86.1000/1", "x", "/", "标"])
async def test_nobody_answers_for_what_is_not_filed(prompt, identifier):
    await prompt.ours.file_prefix(FILING)
    assert await prompt.ours.resolve(identifier) is None


async def test_a_prefix_under_review_is_not_answered_for(world):
    await world.ours.file_prefix(FILING)
    assert await world.ours.resolve("88.118.8/1") is None


async def test_a_known_node_answers_for_everything_below_its_prefix(world):
    nodes = (
        KnownNode("86.200", (routing("86.200", 1),)),
        KnownNode("86.200.7", (routing("86.200.7", 2),)),
    )
    await world.sandbox.stop()
    await world.start(known_nodes=nodes)
    for identifier, port in [("86.200.1/a", 1), ("86.200.7/a", 2), ("86.200.7.1/a", 2)]:
        assert (await world.ours.resolve(identifier)).services[0].ports[0].port == port
    assert await world.ours.resolve("86.2001/a") is None


@pytest.mark.parametrize("identifier", ["", "8" * 256, "标" * 86])
async def test_an_identifier_has_a_length(world, identifier):
    with pytest.raises(NationalNodeRefused) as refusal:
        await world.ours.resolve(identifier)
    assert refusal.value.field == "id"


async def test_a_loop(world):
    await world.manage("POST", "/detours", {"prefix": "86.1000.1", "kind": "loop"})
    referral = await world.ours.resolve(EXAMPLE)
    assert (referral.services, referral.next) == ((), world.sandbox.url)
    again = await world.ours.resolve(EXAMPLE, at=referral.next)
    assert again == referral
    await world.manage("DELETE", "/detours")
    assert (await world.ours.resolve(EXAMPLE)).next is None


async def test_a_chain_that_ends_in_the_truth(world):
    await world.manage("POST", "/detours", {"prefix": "86.1000.1", "kind": "chain", "hops": 3})
    referral = await world.ours.resolve(EXAMPLE)
    seen = []
    while referral.next:
        seen.append(referral.next)
        referral = await world.ours.resolve(EXAMPLE, at=referral.next)
    assert seen == [f"{world.sandbox.url}/hop/{hop}" for hop in (1, 2, 3)]
    assert referral.services


async def test_a_chain_without_end(world):
    await world.manage("POST", "/detours", {"prefix": "86.1000.9", "kind": "chain"})
    at = None
    for _ in range(50):
        at = (await world.ours.resolve("86.1000.9/1", at=at)).next
    assert at.endswith("/hop/50")


async def test_detours_are_for_their_prefix_only(world):
    await world.manage("POST", "/detours", {"prefix": "86.1000.9", "kind": "loop"})
    assert (await world.ours.resolve(EXAMPLE)).services
    detours = await world.manage("GET", "/detours")
    assert detours == [{"prefix": "86.1000.9", "kind": "loop", "hops": None}]
