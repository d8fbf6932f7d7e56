"""What this node says in the DNS: of the zone itself, of its name servers, of its identifiers.

Only this node's own records are told here. Whoever asks for another's name is refused: other
servers are for the asker's resolver to find.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import dns.name
import dns.rrset
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from registry.access.actor import anonymous
from registry.identifier import Identifier
from registry.record.value import decode
from resolver.chain import Link
from resolver.front.message import Question, Said
from resolver.front.name import Place, place_of
from resolver.front.records import MAKERS, rrset_of
from resolver.front.zone import Zone
from resolver.query import Answer, Outcome, Query

STALE_SECONDS = 30  # RFC 8767: for what was true when the database was last heard of


@dataclass(frozen=True, slots=True)
class Found:
    """What is said, and of which record, where one was asked for: a question for another type than
    a record has is none for it. `answer` None is a prefix of somebody else's."""

    said: Said
    identifier: Identifier | None = None
    answer: Answer | None = None


class Front:
    """Safe to share between tasks."""

    def __init__(
        self,
        zone: Zone,
        local: Link,
        hosted: Callable[[str], Awaitable[bool]],
        *,
        case_sensitive: bool,
    ) -> None:
        """`hosted` tells whether a prefix lives here."""
        self._zone = zone
        self._local = local
        self._hosted = hosted
        self._case_sensitive = case_sensitive

    async def answer(self, question: Question) -> Found:
        """Raises what `local` and `hosted` raise."""
        zone, name = self._zone, question.name
        if not name.is_subdomain(zone.origin):
            return Found(Said(Rcode.REFUSED))
        if name == zone.origin:
            return Found(self._apex(question.kind))
        if name in zone.hosts:
            return Found(self._given(zone.addresses(name, question.kind)))
        labels = name.relativize(zone.origin).labels
        place = place_of(labels, case_sensitive=self._case_sensitive)
        if place is None:
            return Found(self._nothing(self._above_host(name)))
        if place.identifier is None:
            there = place.prefix is None or await self._hosted(place.prefix)
            return Found(self._nothing(there))
        return await self._record(question, place, place.identifier)

    async def _record(self, question: Question, place: Place, identifier: Identifier) -> Found:
        answer = await self._local.resolve(Query(identifier, anonymous()))
        asked = identifier if question.kind in MAKERS else None
        if answer is None or answer.outcome not in (Outcome.FOUND, Outcome.NO_VALUES):
            there = answer is not None and place.on_the_way
            return Found(self._nothing(there), asked, answer)
        made = self._made(question, answer)
        if made is None:
            return Found(self._nothing(True), asked, replace(answer, outcome=Outcome.NO_VALUES))
        return Found(Said(answer=(made,)), asked, answer)

    def _made(self, question: Question, answer: Answer) -> dns.rrset.RRset | None:
        if question.kind not in MAKERS:
            return None
        longest = min(self._zone.seconds, STALE_SECONDS) if answer.stale else self._zone.seconds
        return rrset_of(question.name, question.kind, decode(answer.values), longest=longest)

    def _apex(self, kind: RdataType) -> Said:
        zone = self._zone
        held: Mapping[RdataType, dns.rrset.RRset] = {RdataType.SOA: zone.soa, RdataType.NS: zone.ns}
        if kind not in held:
            return self._nothing(True)
        return Said(answer=(held[kind],), additional=tuple(zone.glue))

    def _given(self, rrset: dns.rrset.RRset | None) -> Said:
        return self._nothing(True) if rrset is None else Said(answer=(rrset,))

    def _above_host(self, name: dns.name.Name) -> bool:
        return any(host.is_subdomain(name) for host in self._zone.hosts)

    def _nothing(self, there: bool) -> Said:
        """No such record; and no such name, unless something else is there, or below it."""
        rcode = Rcode.NOERROR if there else Rcode.NXDOMAIN
        return Said(rcode, authority=(self._zone.soa,))
