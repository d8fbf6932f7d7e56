"""How much a network is answered over UDP. Anybody can send a question with another's address, and
answers are longer than questions: without a bound this node could be made to flood someone."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from enum import Enum, auto
from functools import lru_cache

IPV4_BITS, IPV6_BITS = 24, 56  # of an address that tell its network
LEAK = 2  # of the questions beyond the bound, one in so many is told to come by TCP
MAX_NETWORKS = 100_000  # counted in one second; beyond, all that are new share one count
KNOWN = 65_536


class Verdict(Enum):
    ANSWER = auto()
    TRUNCATE = (
        auto()
    )  # who really asks, comes again over TCP; who is made to seem to ask, gets little
    DROP = auto()


class Pace:
    """For one event loop."""

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._most = per_second
        self._clock = clock
        self._second = 0
        self._asked: Counter[str] = Counter()
        self._network = lru_cache(KNOWN)(network_of)

    def judge(self, address: str) -> Verdict:
        """What is to be done with one more question of this address."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._asked.clear()
        network = self._network(address)
        if network not in self._asked and len(self._asked) >= MAX_NETWORKS:
            network = ""
        self._asked[network] += 1
        beyond = self._asked[network] - self._most
        if beyond <= 0:
            return Verdict.ANSWER
        return Verdict.TRUNCATE if beyond % LEAK == 0 else Verdict.DROP


def network_of(address: str) -> str:
    """The network that an address is taken for."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    bits = IPV4_BITS if parsed.version == 4 else IPV6_BITS
    return str(ipaddress.ip_network((parsed, bits), strict=False))
