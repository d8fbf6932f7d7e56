"""Resolution of what lives elsewhere, through a node process, the sandbox and services on sockets.

Each way in which others can fail ends within its bound and with its problem.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.sandbox.foreign_records import PREFIX as FOREIGN
from node.sandbox.foreign_records import RECORDS
from registry.prefix.prefix import Listener, Protocol, Routing
from tests.end_to_end.office import Office
from tests.end_to_end.served import Sandbox, Served

SECONDS = 1.5  # for one resolution
BOUND = SECONDS + 6  # with what a busy machine adds


@pytest.fixture
async def served(serving, linked) -> Served:
    return await serving(**linked, recursion_seconds=SECONDS, recursion_referrals=4)


async def resolve(served: Served, handle: str, **options):
    reply = await served.ask("GET", f"/v1/resolve/{quote(handle)}", **options)
    assert reply.seconds < BOUND, f"{handle} took {reply.seconds:.1f} s"
    return reply


async def expect_problem(served: Served, handle: str, status: int, rule: str, detail: str = ""):
    reply = await resolve(served, handle)
    assert (reply.status, reply.body.get("rule")) == (status, rule), reply.body
    assert detail in reply.body["detail"]
    assert reply.body["field"] == "handle"


async def test_foreign_identifiers_are_found_through_the_national_node(
    served: Served, sandbox: Sandbox
):
    for handle, values in RECORDS.items():
        reply = await resolve(served, handle)
        assert (reply.status, reply.body["source"]) == (200, "recursive"), reply.body
        assert reply.body["handle"] == handle
        assert [(v["index"], v["type"], v["data"]["value"]) for v in reply.body["values"]] == [
            (value.index, value.type, value.value) for value in values
        ]
        assert reply.body["via"] == [sandbox.running.foreign_url]
    filtered = await resolve(served, sandbox.running.foreign_example, params={"type": "url"})
    assert [value["type"] for value in filtered.body["values"]] == ["URL"]
    local = await resolve(served, sandbox.running.foreign_example, params={"recursive": "false"})
    assert (local.status, local.body["rule"]) == (404, "prefix-not-found")


async def test_a_batch_asks_other_nodes_too(served: Served, sandbox: Sandbox):
    handles = [*RECORDS, f"{FOREIGN}/NOPE", *RECORDS]
    reply = await served.ask("POST", "/v1/resolve", json={"handles": handles})
    assert reply.status == 200, reply.body
    answers = [item.get("resolution") for item in reply.body["results"]]
    assert [answer and answer["handle"] for answer in answers] == [*RECORDS, None, *RECORDS]
    assert {answer["source"] for answer in answers if answer} == {"recursive"}
    assert reply.body["results"][len(RECORDS)]["problem"]["rule"] == "not-found"
    local = {"handles": handles[:1], "recursive": False}
    reply = await served.ask("POST", "/v1/resolve", json=local)
    assert reply.body["results"][0]["problem"]["rule"] == "prefix-not-found"


async def test_what_nobody_has_is_not_found(served: Served, sandbox: Sandbox):
    await expect_problem(served, f"{FOREIGN}/NOPE", 404, "not-found")
    await expect_problem(served, "86.9999.9/X", 404, "prefix-not-found")
    await sandbox.up(False)
    # Under our own secondary prefix nobody else can know better.
    await expect_problem(served, "88.118.4711/X", 404, "prefix-not-found")
    await expect_problem(served, sandbox.running.foreign_example, 502, "national-node-unavailable")


async def test_referrals_that_lead_astray_end(served: Served, sandbox: Sandbox):
    handle = sandbox.running.foreign_example
    for detour, rule in [
        ({"kind": "loop"}, "recursion-loop"),
        ({"kind": "chain"}, "recursion-depth"),
        ({"kind": "chain", "hops": 4}, "recursion-depth"),
    ]:
        await sandbox.manage("POST", "/detours", {"prefix": FOREIGN} | detour)
        await expect_problem(served, handle, 502, rule)
    await sandbox.manage("POST", "/detours", {"prefix": FOREIGN, "kind": "chain", "hops": 3})
    reply = await resolve(served, handle)
    assert (reply.status, len(reply.body["via"])) == (200, 4)


async def test_a_service_that_fails_ends_within_its_bound(served: Served, sandbox: Sandbox):
    handle = sandbox.running.foreign_example
    for conduct, detail in [
        ({"kind": "lying"}, "another identifier's record"),
        ({"kind": "dead"}, "ServerDisconnectedError"),
        ({"kind": "garbled"}, "not the Handle JSON API's"),
        ({"kind": "endless", "seconds": 10}, "larger than"),
        ({"kind": "slow", "seconds": 10}, "too slow"),
    ]:
        await sandbox.manage("PUT", "/foreign", conduct)
        await expect_problem(served, handle, 502, "remote-unavailable", detail)
        # One that fails time and again is left alone for a while; this one comes to itself.
        await sandbox.manage("PUT", "/foreign", {"kind": "honest"})
        assert (await resolve(served, handle.replace("0001", "0002"))).status == 200
    await sandbox.manage("PUT", "/foreign", {"kind": "slow", "seconds": 0.3})
    assert (await resolve(served, handle)).status == 200
    assert (await served.ask("GET", "/readyz")).body["missing"] == {}


async def test_a_national_node_that_fails_ends_within_its_bound(served: Served, sandbox: Sandbox):
    handle, path = sandbox.running.foreign_example, "/ntn/v1/resolve"
    for fault, rule in [
        ({"kind": "delay", "seconds": 10}, "recursion-time"),
        ({"kind": "refuse"}, "national-node-unavailable"),
        ({"kind": "busy", "httpStatus": 503}, "national-node-unavailable"),
    ]:
        await sandbox.manage("POST", "/faults", {"path": path} | fault)
        reply = await resolve(served, handle)
        assert reply.status == 502
        assert reply.body["rule"] in (rule, "recursion-time"), "its retries may take all the time"
        await sandbox.manage("DELETE", "/faults")
    assert (await resolve(served, handle)).status == 200


async def test_a_node_that_is_not_recognised_calls_no_identifier_unknown(
    serving, linked, sandbox: Sandbox
):
    served = await serving(**linked | {"national_node_app_id": "somebody-else"})
    handle = sandbox.running.foreign_example
    await expect_problem(served, handle, 502, "national-node-unavailable", "refuses this node")


async def test_an_enterprises_own_resolver_answers_without_the_national_node(
    served: Served, sandbox: Sandbox, office: Office
):
    async def answer(request: web.Request) -> web.Response:
        handle = request.path.removeprefix("/api/handles/")
        value = {"index": 1, "type": "NAME", "data": {"format": "string", "value": "自建"}}
        return web.json_response({"responseCode": 1, "handle": handle, "values": [value]})

    app = web.Application()
    app.router.add_get("/api/handles/{handle:.+}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        routing = Routing("127.0.0.1", (Listener(Protocol.HTTP, server.port),))
        holder = await office.holder(routing)
        await sandbox.up(False)
        reply = await resolve(served, f"{holder.prefix}/PUMP-1")
        assert (reply.status, reply.body["source"]) == (200, "recursive"), reply.body
        assert reply.body["values"][0]["data"]["value"] == "自建"
        put = await served.ask(
            "PUT", f"/v1/identifiers/{holder.prefix}/PUMP-1", key=holder.key, json={"values": []}
        )
        assert (put.status, put.body["rule"]) == (403, "prefix-not-hosted")
    assert (await resolve(served, f"{holder.prefix}/PUMP-1")).status == 200  # what it said last
    await expect_problem(served, f"{holder.prefix}/PUMP-2", 502, "remote-unavailable")


async def test_no_referral_leads_into_our_own_network(serving, linked, sandbox: Sandbox, office):
    """The sandbox's foreign node is on loopback, which here is nobody's business."""
    served = await serving(**linked | {"allow_private_addresses": "false"})
    detail = "127.0.0.1 is not a public address"
    await expect_problem(served, sandbox.running.foreign_example, 502, "remote-unavailable", detail)
    routing = Routing("127.0.0.1", (Listener(Protocol.HTTP, 9),))
    holder = await office.holder(routing)  # as it might have been allowed once
    await expect_problem(served, f"{holder.prefix}/X", 502, "remote-unavailable", detail)
