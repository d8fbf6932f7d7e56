"""Exchanges that were recorded from a running Handle.Net server and from a Chinese client.

exchanges.json has one on each line: name (`.tcp`, `.udp`), the datagrams or the message sent and
received as hexadecimal text, and how an independent decoder read them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resolver.wire.fragment import Reassembly
from resolver.wire.message import ENVELOPE, Envelope, Message


@dataclass(frozen=True)
class Exchange:
    name: str
    request: tuple[bytes, ...]  # datagrams; over TCP one
    response: tuple[bytes, ...]
    decoded: dict[str, Any]

    @property
    def udp(self) -> bool:
        return self.name.endswith(".udp")

    @property
    def asked(self) -> Message:
        return joined(self.request)

    @property
    def answered(self) -> Message:
        return joined(self.response)


def joined(datagrams: tuple[bytes, ...]) -> Message:
    """The message of one or more datagrams."""
    reassembly = Reassembly()
    whole = None
    for data in datagrams:
        envelope = Envelope.parse(data)
        piece = data[ENVELOPE.size :]
        if not envelope.truncated:
            return Message.parse(envelope, piece)
        whole = reassembly.add("peer", envelope, piece, 0.0)
    assert whole is not None
    return Message.parse(*whole)


def _octets(hexadecimal: str | list[str]) -> tuple[bytes, ...]:
    texts = [hexadecimal] if isinstance(hexadecimal, str) else hexadecimal
    return tuple(bytes.fromhex(text) for text in texts)


def load() -> list[Exchange]:
    told = json.loads(Path(__file__).with_name("exchanges.json").read_text("utf-8"))
    return [
        Exchange(one["name"], _octets(one["request"]), _octets(one["response"]), one["decoded"])
        for one in told
    ]


EXCHANGES = {exchange.name: exchange for exchange in load()}
