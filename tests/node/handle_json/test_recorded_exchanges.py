"""What a running Handle.Net server was recorded to answer, asked again of this node.

exchanges.json holds the recorded exchanges that this surface covers, in the order in which they
were recorded; sessions, the site record and the redirecting proxy are not among them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.settings import Settings
from registry.record.typed_data import Admin
from tests.node.handle_json.peer import (
    ADMIN_HANDLE,
    EVERY_RIGHT,
    Answer,
    Peer,
    add_enterprise,
    add_prefix,
    admin,
    group,
    register,
    value,
)
from tests.node.live import Live

EXCHANGES = json.loads(Path(__file__).with_name("exchanges.json").read_text("utf-8"))

# Where this node answers otherwise on purpose: what differs, and why.
DIFFERENT = {
    "put wrong password": ("body", "an empty body tells nothing: ours has code and reason"),
    "put basic unencoded colon": ("body", "an empty body tells nothing: ours has code and reason"),
    "put http no tls": ("message", "credentials were sent, so ours says why they were not taken"),
    "OPTIONS": ("Allow", "TRACE would hand credentials back to scripts"),
    "CORS preflight": ("Access-Control-Allow-Headers", "pages may also ask for what has changed"),
    "CORS get": ("Access-Control-Expose-Headers", "pages may also read the ETag"),
}

Expected = dict[str, Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A proxy on loopback that tells whether it was asked over TLS."""
    return msgspec.structs.replace(settings, trusted_proxies=("127.0.0.1",))


@pytest.fixture
async def seeded(live: Live) -> Peer:
    """The records of the recorded server."""
    peer = Peer(live)
    wiring = live.node.wiring
    enterprise_id = await _administer(live)
    await register(
        wiring,
        enterprise_id,
        "88.118.8/P000007",
        value(100, "HS_ADMIN", admin(ADMIN_HANDLE, 300)),
        value(1, "URL", "https://www.example.com/product/P/000007"),
        value(2, "EMAIL", "ops7@example.com"),
        value(3, "DESC", "Part number 7 batch P of the example enterprise"),
    )
    for number in range(1, 121):
        await register(wiring, enterprise_id, f"88.118.81/N{number:03d}")
    await _rename_prefix(live, "88.118.81", "88.118.8L")
    return peer


async def test_recorded_exchanges(seeded: Peer) -> None:
    wrong = []
    for exchange in EXCHANGES:
        answer = await _ask(seeded, exchange)
        wrong += [f"{exchange['name']}: {text}" for text in _differences(exchange, answer)]
    assert wrong == []


def test_every_difference_is_of_an_exchange() -> None:
    assert DIFFERENT.keys() <= {exchange["name"] for exchange in EXCHANGES}


async def _ask(peer: Peer, exchange: Expected) -> Answer:
    headers = exchange["request_headers"] | {"X-Forwarded-Proto": exchange["scheme"]}
    return await peer.send(
        exchange["method"], exchange["path"], headers=headers, data=exchange["request_body"]
    )


def _differences(exchange: Expected, answer: Answer) -> list[str]:
    """Every difference that is not one on purpose, and every one on purpose that is none."""
    found = dict(_compared(exchange, answer))
    excused, _ = DIFFERENT.get(exchange["name"], ("", ""))
    if excused and excused not in found:
        return [f"{excused} does not differ any more"]
    return [f"{where}: {what}" for where, what in found.items() if where != excused]


def _compared(exchange: Expected, answer: Answer) -> list[tuple[str, str]]:
    found = []
    if answer.status != exchange["status"]:
        found.append(("status", f"{answer.status} for {exchange['status']}: {answer.body!r}"))
    for name, wanted in exchange["headers"].items():
        given = answer.headers.get(name, "")
        # Theirs offers sessions, ours Basic: what counts is that there is a challenge.
        same = bool(given) if name == "WWW-Authenticate" else given == wanted
        if not same:
            found.append((name, f"{given!r} for {wanted!r}"))
    found += _compared_bodies(exchange, answer)
    return found


def _compared_bodies(exchange: Expected, answer: Answer) -> list[tuple[str, str]]:
    recorded, given = exchange["body"].encode(), answer.body
    if not (recorded and given):
        return [] if recorded == given else [("body", f"{given!r} for {recorded!r}")]
    if recorded.startswith(b"cb_x("):
        if not (given.startswith(b"cb_x(") and given.endswith(b");")):
            return [("body", repr(given))]
        recorded, given = recorded[5:-2], given[5:-2]
    return _compared_members(json.loads(recorded), json.loads(given)) + _compared_form(
        b"\n" in recorded, given
    )


def _compared_form(pretty: bool, given: bytes) -> list[tuple[str, str]]:
    """Nothing stands between members, or each has a line of its own, as recorded."""
    form: Expected = {"indent": 2} if pretty else {"separators": (",", ":")}
    if json.dumps(json.loads(given), ensure_ascii=False, **form) == given.decode():
        return []
    return [("form", repr(given))]


def _compared_members(recorded: Expected, given: Expected) -> list[tuple[str, str]]:
    """Members, their order and what they hold; for messages, only that there is one or none."""
    found = []
    if list(recorded) != list(given):
        extra = sorted(recorded.keys() ^ given.keys())
        found.append((extra[0] if extra else "order", f"{list(given)} for {list(recorded)}"))
    for name in recorded.keys() & given.keys():
        left, right = _told(name, recorded[name]), _told(name, given[name])
        if left != right:
            found.append((name, f"{right!r} for {left!r}"))
    return found


def _told(name: str, content: Any) -> Any:
    """What of a member is compared."""
    if name == "message":
        return "a message"
    if name == "values":
        plain = [{**item, "timestamp": ""} for item in content]
        return sorted(plain, key=lambda item: item["index"])
    if name == "handle" and len(content) == len("88.118.9/") + 36:
        return content[: len("88.118.9/")]  # a minted suffix
    return content


async def _administer(live: Live) -> int:
    """The recorded server's administrator was a public key at 300 and a secret key at 301; here
    300 is a group of that secret key, so that the prefixes' records read the same."""
    wiring = live.node.wiring
    enterprise_id = await add_enterprise(live)
    for code in ("8", "9", "81"):
        await add_prefix(wiring, enterprise_id, code, Admin(ADMIN_HANDLE, 300, EVERY_RIGHT))
    await register(
        wiring,
        enterprise_id,
        ADMIN_HANDLE,
        value(300, "HS_VLIST", group((301, ADMIN_HANDLE))),
        value(301, "HS_SECKEY", "secret"),
    )
    return enterprise_id


async def _rename_prefix(live: Live, before: str, after: str) -> None:
    """This node allocates digits alone; the recorded server had a letter."""
    async with live.node.wiring.database.connection() as connection:
        await connection.execute("UPDATE prefix SET prefix = $2 WHERE prefix = $1", before, after)
