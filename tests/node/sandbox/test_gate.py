"""Who may speak: signature, clocks, nonces, applications; and the bound on the body."""

import pytest

TARGET = "/ntn/v1/resolve?id=88.118.8/1"


async def status_of(world, headers, target=TARGET, method="GET", body=b""):
    http, envelope = await world.raw(method, target, headers, body)
    data = envelope["data"] or {}
    return http, envelope["status"], data.get("field"), data.get("rule")


async def test_a_signed_request_passes(world):
    assert await status_of(world, world.signed("GET", TARGET)) == (200, 1, None, None)


async def test_an_unsigned_request_is_refused(world):
    assert await status_of(world, {}) == (401, -1, "X-Timestamp", "required")


async def test_unknown_paths_are_not_told_to_strangers(world):
    assert (await status_of(world, {}, target="/nothing"))[0] == 401
    headers = world.signed("GET", "/nothing")
    assert (await status_of(world, headers, target="/nothing"))[:2] == (404, -2)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "POST"},
        {"target": "/ntn/v1/resolve?id=88.118.8/2"},
        {"body": b"x"},
        {"key": "b"},
    ],
)
async def test_a_signature_over_something_else_is_refused(world, changes):
    signed = {"method": "GET", "target": TARGET, **changes}
    headers = world.signed(**signed)
    assert await status_of(world, headers) == (401, -1, "X-Signature", "signature")


async def test_a_tampered_body_is_refused(world):
    headers = world.signed("POST", "/ntn/v1/prefixes", b"{}")
    answer = await status_of(world, headers, "/ntn/v1/prefixes", "POST", b"{ }")
    assert answer == (401, -1, "X-Signature", "signature")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"app_id": "app-c"}, "X-App-Id"),
        ({"app_id": "app-b"}, "X-Shr-Prefix"),
        ({"shr_prefix": "88.119"}, "X-Shr-Prefix"),
        ({"app_id": "app-b", "shr_prefix": "88.119"}, "X-Signature"),
    ],
)
async def test_another_application_or_prefix_is_refused(world, changes, field):
    http, status, named, _ = await status_of(world, world.signed("GET", TARGET, **changes))
    assert (http, status, named) == (401, -1, field)


@pytest.mark.parametrize("skew", [-299, 299])
async def test_clocks_within_five_minutes_hold(world, skew):
    headers = world.signed("GET", TARGET)
    world.clock.now += skew
    assert (await status_of(world, headers))[0] == 200


@pytest.mark.parametrize("skew", [-301, 301])
async def test_clocks_further_apart_are_refused(world, skew):
    headers = world.signed("GET", TARGET)
    world.clock.now += skew
    assert await status_of(world, headers) == (401, -1, "X-Timestamp", "skew")


async def test_a_nonce_is_refused_the_second_time(world):
    headers = world.signed("GET", TARGET)
    assert (await status_of(world, headers))[0] == 200
    assert await status_of(world, headers) == (401, -1, "X-Nonce", "once")
    again = world.signed("GET", TARGET, nonce=headers["X-Nonce"])
    assert await status_of(world, again) == (401, -1, "X-Nonce", "once")


async def test_nonces_belong_to_their_application(world):
    nonce = "0123456789abcdef"
    ours = world.signed("GET", TARGET, nonce=nonce)
    theirs = world.signed("GET", TARGET, key="b", app_id="app-b", shr_prefix="88.119", nonce=nonce)
    assert (await status_of(world, ours))[0] == 200
    assert (await status_of(world, theirs))[0] == 200


async def test_a_refused_request_uses_up_no_nonce(world):
    headers = world.signed("GET", TARGET)
    forged = headers | {"X-Signature": world.signed("GET", "/else")["X-Signature"]}
    assert (await status_of(world, forged))[0] == 401
    assert (await status_of(world, headers))[0] == 200


async def test_a_nonce_is_remembered_across_a_restart(world):
    headers = world.signed("GET", TARGET)
    assert (await status_of(world, headers))[0] == 200
    await world.sandbox.stop()
    await world.start()
    assert await status_of(world, headers) == (401, -1, "X-Nonce", "once")


async def test_a_body_beyond_a_mebibyte_is_refused(world):
    body = b" " * (1024 * 1024 + 1)
    headers = world.signed("POST", "/ntn/v1/prefixes", body)
    assert (await status_of(world, headers, "/ntn/v1/prefixes", "POST", body))[:2] == (413, -2)
