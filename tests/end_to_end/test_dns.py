"""The DNS front of a node with several workers, and listeners of both families everywhere."""

from __future__ import annotations

import re
import socket
from typing import Any

import dns.asyncquery
import dns.message
import pytest

from tests.end_to_end.office import Holder
from tests.end_to_end.served import Served

WORKERS = 2
ZONE = "id.example"
ASKED = 40
PATIENCE = 60.0


def free_port() -> int:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as held:
        return int(held.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def served(serving: Any, port: int) -> Served:
    return await serving(
        host="::",
        workers=WORKERS,
        metrics_host="::",
        metrics_port=0,
        dns_zone=ZONE,
        dns_listen=f"127.0.0.1:{port},[::1]:{port}",
        dns_name_servers="ns.example",
    )


async def test_several_workers_answer_as_one(
    served: Served, holder: Holder, port: int, session: Any
) -> None:
    body = {"values": [{"index": 1, "type": "URL", "data": "https://example.com/1"}]}
    path = f"/v1/identifiers/{holder.prefix}/SN1"
    assert (await served.ask("PUT", path, key=holder.key, json=body)).status == 201
    name = ".".join(["sn1", *reversed(holder.prefix.split(".")), ZONE])
    for number in range(ASKED):
        query = dns.message.make_query(name, "URI")
        host = ("127.0.0.1", "::1")[number % 2]
        ask = (dns.asyncquery.udp, dns.asyncquery.tcp)[number // 2 % 2]
        answer = await ask(query, host, PATIENCE, port)
        assert answer.answer[0][0].target == b"https://example.com/1"
    (serving,) = served.events("serving")[-1:]
    counts = [await found(session, port, "127.0.0.1") for port in serving["metrics"][1:]]
    assert sum(counts) == ASKED
    assert all(counts)  # the kernel divides them: that one got none is as likely as 1 in 2³⁹
    assert counts == [await found(session, port, "[::1]") for port in serving["metrics"][1:]]
    assert served.stop() == 0


async def found(session: Any, port: int, host: str) -> int:
    async with session.get(f"http://{host}:{port}/metrics") as response:
        text = await response.text()
    line = re.search(
        r'^biaoshi_resolutions_total\{(?=[^}]*surface="dns")(?=[^}]*outcome="found")[^}]*\} (\S+)$',
        text,
        re.MULTILINE,
    )
    return int(float(line[1])) if line else 0
