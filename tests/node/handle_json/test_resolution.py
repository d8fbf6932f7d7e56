"""Resolution on the Handle JSON API, beyond what was recorded."""

from __future__ import annotations

import json

import pytest

from tests.node.handle_json.peer import ADMIN, Peer, basic

ONE = "/api/handles/88.118.9/LAMP"
URL_VALUE = {"index": 1, "type": "URL", "data": "https://e.example/1"}
NOTE = {"index": 2, "type": "NOTE", "data": "internal", "permissions": "1100"}


@pytest.fixture
async def lamp(peer: Peer) -> Peer:
    """A record with a public and a private value."""
    assert (await peer.put(ONE, [URL_VALUE, NOTE])).status == 201
    return peer


async def test_an_answer_may_be_kept_but_must_be_asked_about(lamp: Peer) -> None:
    answer = await lamp.get(ONE)
    assert answer.headers["Cache-Control"] == "private, must-revalidate"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Vary"] == "Authorization, Origin"


@pytest.mark.parametrize("told", ['"1"', 'W/"1"', '"7", "1"', "*"])
async def test_what_a_client_has_is_not_sent_again(lamp: Peer, told: str) -> None:
    answer = await lamp.get(ONE, headers={"If-None-Match": told})
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", '"1"')


async def test_a_changed_record_is_sent_again(lamp: Peer) -> None:
    await lamp.put(ONE, [URL_VALUE | {"data": "https://e.example/2"}, NOTE])
    answer = await lamp.get(ONE, headers={"If-None-Match": '"1"'})
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json["values"][0]["data"]["value"] == "https://e.example/2"


async def test_readers_with_other_rights_get_other_tags(lamp: Peer) -> None:
    public, private = await lamp.get(ONE), await lamp.get(ONE, headers=ADMIN)
    assert len(private.json["values"]) == 2
    assert private.headers["ETag"] != public.headers["ETag"]
    known = {"If-None-Match": private.headers["ETag"]}
    assert (await lamp.get(ONE, headers=known)).status == 200
    assert (await lamp.get(ONE, headers=ADMIN | known)).status == 304


async def test_a_post_is_answered_whatever_the_client_has(lamp: Peer) -> None:
    assert (await lamp.send("POST", ONE, headers={"If-None-Match": '"1"'})).status == 200


async def test_a_withdrawn_handle_is_not_found_and_not_kept(lamp: Peer) -> None:
    await lamp.delete(ONE)
    answer = await lamp.get(ONE)
    assert (answer.status, answer.json) == (404, {"responseCode": 100, "handle": "88.118.9/LAMP"})
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_spelling_asked_for_comes_back(lamp: Peer) -> None:
    answer = await lamp.get("/api/handles/88.118.9/lAmP")
    assert answer.body.startswith(b'{"responseCode":1,"handle":"88.118.9/lAmP","values":[{"index"')


@pytest.mark.parametrize("handle", ["88.118.9", "0.NA/88.118.9", "0.na/88.118.9"])
async def test_a_prefix_tells_its_administrators(peer: Peer, handle: str) -> None:
    answer = await peer.get(f"/api/handles/{handle}")
    assert answer.json["handle"] == handle
    assert [item["type"] for item in answer.json["values"]] == ["HS_ADMIN"]


@pytest.mark.parametrize("handle", ["88.999", "0.NA/88.999", "88.999/x", "foo", "a.b/c", "0.NA/x"])
async def test_what_lives_elsewhere_is_not_looked_for(peer: Peer, handle: str) -> None:
    answer = await peer.get(f"/api/handles/{handle}")
    assert answer.told == (400, 301)
    assert answer.json["message"] == "That prefix doesn't live here"
    assert answer.json["handle"] == handle


async def test_types_take_their_subtypes_only_with_a_dot(peer: Peer) -> None:
    values = [
        {"index": 1, "type": "URL", "data": "a"},
        {"index": 2, "type": "URL.mirror", "data": "b"},
        {"index": 3, "type": "URLS", "data": "c"},
    ]
    await peer.put(ONE, values)

    async def found(query: str) -> list[int]:
        return [item["index"] for item in (await peer.get(f"{ONE}?{query}")).json["values"]]

    assert await found("type=URL") == [1]
    assert await found("type=url.") == [1, 2]
    assert await found("type=URLS&index=2&index=9") == [2, 3]


@pytest.mark.parametrize(
    "query",
    [
        "index=1.5",
        "index=",
        "index=-1",
        "index=99999999999999999999",
        "index=%D9%A1",  # a digit, but not of ASCII
        "index=various",
        "publicOnly=perhaps",
        "type=" + "x" * 256,
        "callback=" + "c" * 129,
        "&".join(f"index={number}" for number in range(101)),
    ],
)
async def test_a_parameter_that_means_nothing_is_refused(lamp: Peer, query: str) -> None:
    answer = await lamp.get(f"{ONE}?{query}")
    assert answer.told == (400, 4)
    assert answer.json.keys() == {"responseCode", "message"}
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"


async def test_parameters_nobody_knows_are_passed_over(lamp: Peer) -> None:
    assert (await lamp.get(f"{ONE}?auth=false&cert&ignore_aliases=1")).told == (200, 1)


class TestPrivateValues:
    async def test_nobody_in_particular_sees_none(self, lamp: Peer) -> None:
        assert [item["index"] for item in (await lamp.get(ONE)).json["values"]] == [1]
        answer = await lamp.get(f"{ONE}?index=2")
        assert (answer.told, answer.json["values"]) == ((200, 200), [])

    async def test_asked_for_expressly_they_need_credentials(self, lamp: Peer) -> None:
        answer = await lamp.get(f"{ONE}?publicOnly=false")
        assert answer.json == {"responseCode": 402, "handle": "88.118.9/LAMP"}
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="handle"')

    async def test_an_administrator_sees_them(self, lamp: Peer) -> None:
        answer = await lamp.get(ONE, headers=ADMIN)
        assert [item["index"] for item in answer.json["values"]] == [1, 2]

    async def test_an_administrator_may_ask_what_others_see(self, lamp: Peer) -> None:
        answer = await lamp.get(f"{ONE}?publicOnly=true", headers=ADMIN)
        assert [item["index"] for item in answer.json["values"]] == [1]

    async def test_wrong_credentials_are_refused_though_none_are_needed(self, lamp: Peer) -> None:
        answer = await lamp.get(ONE, headers=basic("301:88.118.8/ADMIN", "wrong"))
        assert answer.told == (401, 402)


class TestCallbacks:
    async def test_a_script_calls_the_function(self, lamp: Peer) -> None:
        answer = await lamp.get(f"{ONE}?callback=a.b%28%29%3B%E4%B8%AD%24_9")
        assert answer.headers["Content-Type"] == "application/javascript;charset=utf-8"
        assert answer.body.startswith(b'a_b____$_9({"responseCode":1,')
        assert answer.body.endswith(b"});")

    async def test_a_script_never_holds_what_credentials_show(self, lamp: Peer) -> None:
        answer = await lamp.get(f"{ONE}?callback=f", headers=ADMIN)
        assert b"internal" not in answer.body
        assert b"e.example/1" in answer.body

    async def test_line_ends_of_old_javascript_are_escaped(self, peer: Peer) -> None:
        await peer.put(ONE, [{"index": 1, "type": "T", "data": "a\u2028b\u2029c"}])
        body = (await peer.get(f"{ONE}?callback=f")).body
        assert json.loads(body[2:-2])["values"][0]["data"]["value"] == "a\u2028b\u2029c"
        assert "\u2028".encode() not in body

    async def test_what_is_missing_is_told_by_script_too(self, lamp: Peer) -> None:
        answer = await lamp.get("/api/handles/88.118.9/NONE?callback=f&pretty")
        assert answer.status == 404
        assert answer.body == b'f({\n  "responseCode": 100,\n  "handle": "88.118.9/NONE"\n});'


class TestCounts:
    async def resolutions(self, peer: Peer, outcome: str) -> float:
        return peer.counted(
            "biaoshi_resolutions_total", surface="handle", source="local", outcome=outcome
        )

    async def test_every_answer_counts_once_with_its_outcome(self, lamp: Peer) -> None:
        await lamp.get(ONE)
        await lamp.send("POST", ONE)
        await lamp.get(ONE, headers={"If-None-Match": '"1"'})
        await lamp.get(f"{ONE}X")
        assert await self.resolutions(lamp, "found") == 3
        assert await self.resolutions(lamp, "not-found") == 1

    async def test_a_head_is_no_resolution(self, lamp: Peer) -> None:
        answer = await lamp.send("HEAD", ONE)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (200, b"", '"1"')
        assert int(answer.headers["Content-Length"]) > 0
        assert await self.resolutions(lamp, "found") == 0


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/site", "/api/sessions", "/hrls", "/api/x/y"]
)
async def test_an_unknown_endpoint_is_no_missing_handle(peer: Peer, path: str) -> None:
    answer = await peer.get(path)
    assert answer.json == {"responseCode": 4, "message": f"Unknown HTTP API endpoint GET {path}"}
    assert answer.status == 404


async def test_an_unknown_method_is_not_implemented(peer: Peer) -> None:
    for path in (ONE, "/api/handles", "/hrls/handles"):
        answer = await peer.send("PATCH", path)
        assert (answer.status, answer.json["message"]) == (501, "Unknown method PATCH")


async def test_other_paths_tell_handle_clients_that_they_are_astray(peer: Peer) -> None:
    answer = await peer.get("/foo/88.118.9/LAMP")
    assert (answer.status, answer.json["responseCode"]) == (404, 4)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_pages_of_other_origins_may_read_refusals(peer: Peer) -> None:
    answer = await peer.get("/api/handles/88.999/x", headers={"Origin": "https://a.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers
