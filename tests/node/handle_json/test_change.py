"""PUT and DELETE on the Handle JSON API, beyond what was recorded."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.node.handle_json.peer import ADMIN, ADMIN_HANDLE, Peer

ONE = "/api/handles/88.118.9/LAMP"
VALUE = {"index": 1, "type": "URL", "data": "https://e.example/1"}


async def shown(peer: Peer, path: str = ONE) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = (await peer.get(path)).json["values"]
    return values


@pytest.mark.parametrize(
    "body", [[VALUE], {"values": [VALUE]}, VALUE, {"handle": "88.118.9/lamp", "values": [VALUE]}]
)
async def test_every_form_of_body_is_taken(peer: Peer, body: object) -> None:
    answer = await peer.put(ONE, body)
    assert (answer.status, answer.body) == (201, b'{"responseCode":1,"handle":"88.118.9/LAMP"}')
    assert [item["data"] for item in await shown(peer)] == [
        {"format": "string", "value": "https://e.example/1"}
    ]


async def test_clients_habits_are_borne_with(peer: Peer) -> None:
    admin = {"handle": ADMIN_HANDLE, "index": "301", "permissions": "111111111111"}
    values = [
        {"index": "100", "type": "HS_ADMIN", "data": {"format": "admin", "value": admin}},
        {"index": 2, "type": "SIZE", "data": 1234, "unheard-of": {"x": [1]}},
        {"index": 3, "type": "FLAG", "data": True, "timestamp": "2001-01-01T00:00:00Z"},
    ]
    assert (await peer.put(ONE, {"values": values, "responseCode": 1})).status == 201
    size, flag, administrator = await shown(peer)
    assert administrator["data"]["value"]["index"] == 301
    assert (size["data"]["value"], flag["data"]["value"]) == ("1234", "true")
    assert not flag["timestamp"].startswith("2001")


async def test_a_put_replaces_the_record(peer: Peer) -> None:
    await peer.put(ONE, [VALUE, VALUE | {"index": 2}])
    assert (await peer.put(ONE, [VALUE | {"index": 3}])).told == (200, 1)
    assert [item["index"] for item in await shown(peer)] == [3]


@pytest.mark.parametrize("text", ["false", "False", "0", "no"])
async def test_overwrite_may_be_forbidden(peer: Peer, text: str) -> None:
    await peer.put(ONE, [VALUE])
    assert (await peer.put(f"{ONE}?overwrite={text}", [])).told == (409, 101)
    assert len(await shown(peer)) == 1


async def test_an_overwrite_that_means_nothing_changes_nothing(peer: Peer) -> None:
    await peer.put(ONE, [VALUE])
    assert (await peer.put(f"{ONE}?overwrite=nope", [])).told == (400, 4)
    assert len(await shown(peer)) == 1


async def test_a_put_revives_what_was_withdrawn(peer: Peer) -> None:
    await peer.put(ONE, [VALUE])
    await peer.delete(ONE)
    assert (await peer.put(f"{ONE}?overwrite=false", [VALUE])).told == (201, 1)
    assert len(await shown(peer)) == 1


class TestByIndex:
    async def test_several_named_indexes(self, peer: Peer) -> None:
        await peer.put(ONE, [VALUE])
        values = [VALUE | {"index": 2}, VALUE | {"index": 3}]
        assert (await peer.put(f"{ONE}?index=2&index=3", values)).told == (201, 1)
        assert (await peer.put(f"{ONE}?index=3&index=2", values)).told == (200, 1)
        assert [item["index"] for item in await shown(peer)] == [1, 2, 3]

    @pytest.mark.parametrize("query", ["index=2", "index=2&index=3&index=4", "index=abc", "index="])
    async def test_indexes_that_are_not_the_values(self, peer: Peer, query: str) -> None:
        await peer.put(ONE, [VALUE])
        values = [VALUE | {"index": 2}, VALUE | {"index": 3}]
        assert (await peer.put(f"{ONE}?{query}", values)).told == (400, 4)
        assert [item["index"] for item in await shown(peer)] == [1]

    async def test_a_withdrawn_record_has_no_values_to_set(self, peer: Peer) -> None:
        await peer.put(ONE, [VALUE])
        await peer.delete(ONE)
        assert (await peer.put(f"{ONE}?index=1", [VALUE])).told == (404, 100)
        assert (await peer.delete(f"{ONE}?index=1")).told == (404, 100)

    async def test_removal_of_several(self, peer: Peer) -> None:
        await peer.put(ONE, [VALUE | {"index": number} for number in (1, 2, 3)])
        assert (await peer.delete(f"{ONE}?index=1&index=9")).told == (400, 200)
        assert len(await shown(peer)) == 3
        assert (await peer.delete(f"{ONE}?index=1&index=3")).told == (200, 1)
        assert [item["index"] for item in await shown(peer)] == [2]

    @pytest.mark.parametrize("query", ["index=", "index=various", "index=x"])
    async def test_a_bad_index_never_deletes_the_record(self, peer: Peer, query: str) -> None:
        await peer.put(ONE, [VALUE])
        assert (await peer.delete(f"{ONE}?{query}")).told == (400, 4)
        assert len(await shown(peer)) == 1


class TestMinting:
    async def test_a_suffix_is_appended(self, peer: Peer) -> None:
        answer = await peer.put("/api/handles/88.118.9/SN-?mintNewSuffix=true", [VALUE])
        handle = answer.json["handle"]
        assert (answer.status, handle[:12]) == (201, "88.118.9/SN-")
        assert uuid.UUID(handle[12:]).version == 4
        assert (await peer.get(f"/api/handles/{handle}")).told == (200, 1)

    async def test_sent_again_with_its_key_it_is_the_same(self, peer: Peer) -> None:
        path = "/api/handles/88.118.9/SN-?mintNewSuffix=true"

        async def minted(key: str, values: list[Any]) -> tuple[int, str]:
            answer = await peer.put(path, values, headers=ADMIN | {"Idempotency-Key": key})
            return answer.status, answer.json["handle"]

        status, handle = await minted("order-1", [VALUE])
        assert status == 201
        assert await minted("order-1", [VALUE]) == (200, handle)
        status, other = await minted("order-2", [VALUE])
        assert (status, other != handle) == (201, True)
        assert (await minted("order-1", [VALUE | {"data": "else"}]))[0] == 409
        bad = await peer.put(path, [VALUE], headers=ADMIN | {"Idempotency-Key": "é" * 300})
        assert bad.status == 400

    async def test_a_prefix_alone_gets_its_slash(self, peer: Peer) -> None:
        answer = await peer.put("/api/handles/88.118.9?mintNewSuffix=true", [VALUE])
        assert (answer.status, answer.json["handle"][:9]) == (201, "88.118.9/")

    async def test_nothing_is_set_by_index_in_a_new_record(self, peer: Peer) -> None:
        path = "/api/handles/88.118.9/?mintNewSuffix=true&index=1"
        assert (await peer.put(path, [VALUE])).told == (400, 4)


WRONG: tuple[tuple[bytes, tuple[int, int], str], ...] = (
    (b"", (400, 4), ""),
    (b"{bad", (400, 4), ""),
    (b"\xff", (400, 4), ""),
    (b'"text"', (400, 4), ""),
    (b"{}", (400, 4), "values"),
    (b'{"handle": "88.118.9/LAMP"}', (400, 4), "values"),
    (b'{"values": null}', (400, 4), "values"),
    (b'{"values": {}}', (400, 4), "values"),
    (b'{"handle": 5, "values": []}', (400, 4), ""),
    (b"[1]", (400, 4), "values[0]"),
    (b"[null]", (400, 4), "values[0]"),
    (b'[{"index": 1, "type": "A"}]', (400, 4), "values[0]"),
    (b'[{"index": "x", "type": "A", "data": ""}]', (400, 4), "values[0].index"),
    (b'[{"index": 1, "type": "A", "data": ["x"]}]', (400, 4), "values[0].data"),
    (b'[{"index": 1, "type": 5, "data": ""}]', (400, 4), "values[0].type"),
    (b'[{"index": -1, "type": "A", "data": ""}]', (400, 202), "values[0].index"),
    (b'[{"index": 1, "type": "", "data": ""}]', (400, 202), "values[0].type"),
    (b'[{"index":1,"type":"A","data":"","permissions":"9"}]', (400, 202), "permissions"),
    (b'[{"index":1,"type":"A","data":"","ttl":"soon"}]', (400, 202), "values[0].ttl"),
    (b'[{"index":1,"type":"A","data":{"format":"hex","value":"0"}}]', (400, 202), "values[0]"),
    (b'[{"index":1,"type":"A","data":{"format":"odd","value":"0"}}]', (400, 202), "values[0]"),
    (b"[" * 100_000, (400, 4), ""),
    (b'{"values":' * 50_000 + b"1" + b"}" * 50_000, (400, 4), ""),
)


async def test_a_wrong_body_is_told_where_and_changes_nothing(peer: Peer) -> None:
    headers = ADMIN | {"Content-Type": "application/json"}
    for body, told, named in WRONG:
        answer = await peer.send("PUT", ONE, data=body, headers=headers)
        assert (body[:80], answer.told) == (body[:80], told)
        message = answer.json["message"]
        assert named in message
        assert "Error" not in message
        assert "Exception" not in message
    assert (await peer.get(ONE)).told == (404, 100)


async def test_a_body_over_the_limit_is_not_read_on(peer: Peer) -> None:
    body = b"[" + b" " * (1024 * 1024) + b"]"
    headers = ADMIN | {"Content-Type": "application/json"}
    answer = await peer.send("PUT", ONE, data=body, headers=headers)
    assert answer.told == (413, 4)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_json_may_name_itself_at_length(peer: Peer, kind: str) -> None:
    headers = ADMIN | {"Content-Type": kind}
    assert (await peer.send("PUT", ONE, data=b"[]", headers=headers)).status == 201


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("PUT", "/api/handles/", (400, 102)),
        ("PUT", "/api/handles", (400, 102)),
        ("DELETE", "/api/handles/", (400, 102)),
        ("PUT", "/api/handles/?mintNewSuffix=true", (400, 102)),
        ("PUT", "/api/handles/88.118.9", (400, 102)),
        ("PUT", "/api/handles/88.118.9/", (400, 102)),
        ("PUT", "/api/handles/0.NA/88.118.9", (400, 301)),
        ("DELETE", "/api/handles/0.NA/88.118.9", (400, 301)),
        ("DELETE", "/api/handles/88.777/1", (400, 301)),
    ],
)
async def test_what_cannot_be_written(
    peer: Peer, method: str, path: str, told: tuple[int, int]
) -> None:
    answer = await peer.send(method, path, json=[], headers=ADMIN)
    assert answer.told == told


async def test_verdicts_are_counted(peer: Peer) -> None:
    await peer.put(ONE, [VALUE])
    await peer.put(ONE, [VALUE])
    await peer.put(f"{ONE}?index=2", [VALUE | {"index": 2}])
    await peer.put(f"{ONE}?overwrite=false", [VALUE])
    await peer.delete(ONE)
    await peer.put(ONE, [VALUE])

    def counted(outcome: str) -> float:
        return peer.counted(
            "biaoshi_registration_verdicts_total", surface="handle", outcome=outcome
        )

    outcomes = ("created", "unchanged", "amended", "refused", "withdrawn", "revived")
    assert [counted(outcome) for outcome in outcomes] == [1, 1, 1, 1, 1, 1]
