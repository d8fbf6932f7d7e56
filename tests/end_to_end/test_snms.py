"""The SNMS surface of node processes: tokens that outlive one, and what lives elsewhere."""

from __future__ import annotations

from typing import Any

from node.sandbox.foreign_records import RECORDS
from tests.end_to_end.office import Holder, Office
from tests.end_to_end.served import Sandbox, Served


async def log_in(served: Served, holder: Holder) -> str:
    made = await served.ask(
        "POST", "/v1/applications", key=holder.key, json={"username": f"mes-{holder.enterprise_id}"}
    )
    login = {"username": made.body["application"]["username"], "password": made.body["secret"]}
    return (await served.ask("POST", "/identity/token", json=login)).body["data"]["token"]


async def detail(served: Served, token: str, handle: str) -> Any:
    path = "/identityv2/data/detail"
    return (await served.ask("GET", path, key=token, params={"handle": handle})).body


async def test_what_lives_elsewhere_is_found_and_said_in_the_apis_words(
    serving, linked, office: Office, sandbox: Sandbox
):
    served = await serving(**linked, recursion_seconds=1.5)
    token = await log_in(served, await office.holder())
    for handle, values in RECORDS.items():
        answer = await detail(served, token, handle)
        assert answer["status"] == 1, answer
        assert answer["data"]["handle"] == handle
        assert [(v["index"], v["type"]) for v in answer["data"]["value"]] == [
            (value.index, value.type) for value in values
        ]
        assert all(isinstance(v["data"]["value"], str) for v in answer["data"]["value"])
    await sandbox.up(False)
    handle = f"{sandbox.running.foreign_example}-never-asked-for"  # so no older answer is there
    answer = await detail(served, token, handle)
    assert answer == {
        "message": "国家顶级节点暂时无法访问，请稍后再试",
        "status": -2,
        "data": None,
    }


async def test_a_token_outlives_the_process_that_gave_it(serving, office: Office):
    first = await serving()
    holder = await office.holder()
    token = await log_in(first, holder)
    second = await serving()
    first.kill()
    answer = await detail(second, token, f"{holder.prefix}/none")
    assert (answer["status"], answer["message"]) == (-2, "标识不存在")
