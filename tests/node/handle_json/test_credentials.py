"""Who may do what through the Handle JSON API."""

from __future__ import annotations

import msgspec
import pytest

from node.settings import Settings
from registry.access.actor import Role, console
from registry.access.key import ALL_SCOPES, KeyWish
from tests.node.handle_json.peer import (
    ADMIN,
    ADMIN_HANDLE,
    Peer,
    add_enterprise,
    add_prefix,
    admin,
    basic,
    group,
    register,
    value,
)
from tests.node.live import OTHER

ONE = "/api/handles/88.118.9/LAMP"
VALUE = {"index": 1, "type": "URL", "data": "https://e.example/1"}
FOREIGN = basic("300:88.118.7/KEY", "foreign")


@pytest.fixture
async def foreign(peer: Peer) -> Peer:
    """Beside the enterprise another one, with an identity of its own."""
    enterprise_id = await add_enterprise(peer.live, OTHER)
    await add_prefix(peer.wiring, enterprise_id, "7")
    await register(peer.wiring, enterprise_id, "88.118.7/KEY", value(300, "HS_SECKEY", "foreign"))
    assert (await peer.put(ONE, [VALUE, VALUE | {"index": 2, "permissions": "1100"}])).status == 201
    return peer


class TestForeignIdentities:
    async def test_they_read_what_anyone_reads(self, foreign: Peer) -> None:
        answer = await foreign.get(ONE, headers=FOREIGN)
        assert [item["index"] for item in answer.json["values"]] == [1]

    @pytest.mark.parametrize("path", [ONE, f"{ONE}?index=1", f"{ONE}?overwrite=false", f"{ONE}2"])
    async def test_they_write_nothing(self, foreign: Peer, path: str) -> None:
        answer = await foreign.put(path, [VALUE | {"data": "mine"}], headers=FOREIGN)
        assert answer.told == (403, 401)
        assert b"mine" not in (await foreign.get(ONE)).body

    async def test_they_delete_and_list_nothing(self, foreign: Peer) -> None:
        for method, path in (
            ("DELETE", ONE),
            ("DELETE", f"{ONE}?index=1"),
            ("GET", "/api/handles?prefix=88.118.9"),
        ):
            answer = await foreign.send(method, path, headers=FOREIGN)
            assert answer.told == (403, 401)

    async def test_they_find_their_own_alone(self, foreign: Peer) -> None:
        answer = await foreign.get("/hrls/handles?URL=*", headers=FOREIGN)
        assert answer.json == []

    async def test_a_record_may_name_one(self, foreign: Peer) -> None:
        granted = {"handle": "88.118.7/KEY", "index": 300, "permissions": "010001110000"}
        named = {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": granted}}
        await foreign.put(f"{ONE}?index=100", [named])
        assert (await foreign.put(f"{ONE}?index=1", [VALUE], headers=FOREIGN)).told == (200, 1)
        values = (await foreign.get(ONE, headers=FOREIGN)).json["values"]
        assert [item["index"] for item in values] == [1, 2, 100]
        # Deleting was not granted.
        assert (await foreign.send("DELETE", ONE, headers=FOREIGN)).told == (403, 401)

    async def test_a_group_may_name_one(self, foreign: Peer) -> None:
        """300:88.118.8/ADMIN is the group that administers the prefix."""
        members = [{"handle": ADMIN_HANDLE, "index": 301}, {"handle": "88.118.7/key", "index": 0}]
        grown = {"index": 300, "type": "HS_VLIST", "data": {"format": "vlist", "value": members}}
        assert (await foreign.put(f"/api/handles/{ADMIN_HANDLE}?index=300", [grown])).status == 200
        assert (await foreign.put(ONE, [VALUE], headers=FOREIGN)).told == (200, 1)
        assert (await foreign.send("DELETE", ONE, headers=FOREIGN)).told == (200, 1)


async def test_keys_of_the_enterprise_work_too(peer: Peer) -> None:
    wish = KeyWish(role=Role.ENTERPRISE, enterprise_id=1, scopes=tuple(ALL_SCOPES), label="x")
    key = (await peer.wiring.keyring.create(console(), wish)).secret
    headers = {"Authorization": f"Bearer {key}"}
    assert (await peer.put(ONE, [VALUE], headers=headers)).told == (201, 1)
    assert (await peer.get("/hrls/handles?URL=*", headers=headers)).json == ["88.118.9/LAMP"]
    assert (await peer.send("DELETE", ONE, headers=headers)).told == (200, 1)


WRONG = (
    basic("301:88.118.8/ADMIN", "Secret"),
    basic("301:88.118.8/ADMIN", ""),
    basic("300:88.118.8/ADMIN", "secret"),
    basic("0:88.118.8/ADMIN", "secret"),
    basic("301:88.118.8/NONE", "secret"),
    basic("301:21.T14999/ADMIN", "secret"),
    basic("88.118.8/ADMIN", "secret"),
    basic("\u0663:88.118.8/ADMIN", "secret"),
    basic("9" * 5000 + ":88.118.8/ADMIN", "secret"),
    {"Authorization": "Basic"},
    {"Authorization": "Basic !!!"},
    {"Authorization": "Basic /////w=="},
    {"Authorization": "Bearer nonsense"},
    {"Authorization": "Handle sessionId=x"},
    {"Authorization": ""},
)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET"])
async def test_wrong_credentials(peer: Peer, method: str) -> None:
    for headers in WRONG:
        answer = await peer.send(method, ONE, json=[], headers=headers)
        assert (headers, answer.told) == (headers, (401, 402))
        assert answer.json["handle"] == "88.118.9/LAMP"
        assert answer.json["message"]
        assert 'error="' in answer.headers["WWW-Authenticate"]


async def test_the_user_may_be_spelt_in_any_case(peer: Peer) -> None:
    headers = basic("301:88.118.8/admin", "secret")
    assert (await peer.put(ONE, [VALUE], headers=headers)).status == 201


async def test_nobody_unknown_gets_a_body_read(peer: Peer) -> None:
    answer = await peer.send("PUT", ONE, data=b"{bad", headers={"Content-Type": "text/plain"})
    assert answer.json == {"responseCode": 402, "handle": "88.118.9/LAMP"}
    assert answer.status == 401


class TestThrottling:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, failures_per_minute=2)

    async def test_an_address_that_failed_too_often_waits(self, peer: Peer) -> None:
        wrong = basic("301:88.118.8/ADMIN", "wrong")
        told = [(await peer.get(ONE, headers=wrong)).told for _ in range(4)]
        # The minute may turn between two of them, which begins the count anew.
        assert told[0] == (401, 402)
        assert set(told) <= {(401, 402), (429, 3)}
        answer = await peer.get(ONE, headers=ADMIN)
        if answer.told == (429, 3):
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert (await peer.get(ONE)).told == (404, 100)


class TestConnectionsWithoutTls:
    """Through a proxy that was asked over plain HTTP."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, trusted_proxies=("127.0.0.1",))

    @pytest.mark.parametrize("headers", [{}, ADMIN])
    @pytest.mark.parametrize(
        ("method", "path"),
        [("PUT", ONE), ("DELETE", ONE), ("GET", "/api/handles?prefix=88.118.9")],
    )
    async def test_credentials_are_neither_asked_for_nor_taken(
        self, peer: Peer, method: str, path: str, headers: dict[str, str]
    ) -> None:
        plain = {"X-Forwarded-Proto": "http"}
        answer = await peer.send(method, path, json=[], headers=headers | plain)
        assert answer.told == (403, 402)
        assert "WWW-Authenticate" not in answer.headers


async def test_an_identity_of_the_prefix_itself(peer: Peer) -> None:
    """HS_ADMIN of a record may name a group directly."""
    await register(
        peer.wiring,
        1,
        "88.118.9/TEAM",
        value(1, "HS_VLIST", group((301, "88.118.9/MEMBER"))),
        value(100, "HS_ADMIN", admin("88.118.9/TEAM", 1, "010001110000")),
    )
    await register(peer.wiring, 1, "88.118.9/MEMBER", value(301, "HS_SECKEY", "pw"))
    headers = basic("301:88.118.9/MEMBER", "pw")
    added = await peer.put(
        "/api/handles/88.118.9/TEAM?index=5", [VALUE | {"index": 5}], headers=headers
    )
    assert added.told == (201, 1)
    assert (await peer.put(ONE, [VALUE], headers=headers)).told == (403, 401)
