"""Finding the national node's Handle servers by SRV records (RFC 2782): _hdl._tcp.<domain>."""

from __future__ import annotations

import random
from collections.abc import Callable

from resolver.dns import Dns, Srv
from resolver.wire_client import Station

SERVICE = "_hdl._tcp"
MIN_SECONDS, MAX_SECONDS = 30.0, 3600.0  # for which what was found is kept
MAX_STATIONS = 3


class Discovery:
    """Looks again when what it found is too old. Safe to share between tasks."""

    def __init__(
        self,
        dns: Dns,
        domain: str,
        clock: Callable[[], float],
        chance: random.Random,
    ) -> None:
        self._dns = dns
        self._name = f"{SERVICE}.{domain}"
        self._clock = clock
        self._chance = chance
        self._found: tuple[Station, ...] = ()
        self._until = 0.0

    async def stations(self) -> tuple[Station, ...]:
        """In the order in which they are to be asked; none where none is announced. Raises
        RemoteUnavailable where the DNS does not answer and nothing was known."""
        if self._clock() < self._until:
            return self._found
        try:
            records = await self._dns.srv(self._name)
        except Exception:
            if self._found:  # better than nothing: it is announced for long in practice
                return self._found
            raise
        found: list[Station] = []
        for record in ordered(records, self._chance)[:MAX_STATIONS]:
            addresses = await self._dns.addresses(record.target)
            found += [Station(address, record.port) for address in addresses[:2]]
        self._found = tuple(found[:MAX_STATIONS])
        ttl = min((float(record.ttl) for record in records), default=MIN_SECONDS)
        self._until = self._clock() + max(MIN_SECONDS, min(ttl, MAX_SECONDS))
        return self._found


def ordered(records: list[Srv], chance: random.Random) -> list[Srv]:
    """By priority; among equals by weight and chance. A target of "." says: not offered."""
    left = sorted(
        (record for record in records if record.target), key=lambda one: (one.priority, one.weight)
    )
    result: list[Srv] = []
    while left:
        equals = [one for one in left if one.priority == left[0].priority]
        point = chance.uniform(0, sum(one.weight for one in equals))
        for one in equals:
            point -= one.weight
            if point <= 0:
                break
        result.append(one)
        left.remove(one)
    return result
