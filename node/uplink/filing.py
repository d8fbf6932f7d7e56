"""What the national node is filed about a prefix, made from what is stored now."""

from __future__ import annotations

import hashlib
import ipaddress

from node.uplink.messages import (
    CodeSystem,
    EnterpriseSubject,
    HostingState,
    Industry,
    IpType,
    PrefixFiling,
    Protocol,
    RoutingItem,
    ServicePort,
    Verification,
)
from registry.enterprise.enterprise import Enterprise
from registry.enterprise.subject import Subject
from registry.prefix.prefix import Prefix, Routing

METHOD = "operator review"


def filing(prefix: Prefix, enterprise: Enterprise, revision: int) -> PrefixFiling:
    """The filing of a prefix under a revision. Evidence goes up as its digest only."""
    return PrefixFiling(
        prefix=prefix.prefix,
        revision=revision,
        subject=_subject(enterprise.subject),
        verification=_verification(enterprise),
        hosting=HostingState(prefix.hosting),
        routing=_routing(prefix.prefix, prefix.routing) if prefix.routing else (),
    )


def _subject(subject: Subject) -> EnterpriseSubject:
    return EnterpriseSubject(
        name=subject.name,
        credit_code=subject.credit_code,
        legal_person=subject.legal_person,
        contact_name=subject.contact_name,
        contact_phone=subject.contact_phone,
        contact_email=subject.contact_email,
        industry=_industry(subject.industry),
        registered_address=subject.address,
        website=subject.website or "",
    )


def _industry(code: str) -> Industry:
    """A GB/T 4754 code such as C3872 by its levels: C, 38, 387, 3872."""
    digits = code[1:]
    return Industry(
        category=code[:1],
        division=digits[:2] if len(digits) >= 2 else "",
        group=digits[:3] if len(digits) >= 3 else "",
        subclass=digits if len(digits) == 4 else "",
    )


def _verification(enterprise: Enterprise) -> Verification | None:
    if enterprise.evidence is None or enterprise.decided_at is None:
        return None
    return Verification(
        verified=True,
        method=METHOD,
        verified_at=int(enterprise.decided_at.timestamp()),
        verified_by=enterprise.decided_by or "",
        evidence_sha256=(hashlib.sha256(enterprise.evidence.encode()).hexdigest(),),
    )


def _routing(prefix: str, routing: Routing) -> tuple[RoutingItem, ...]:
    ports = tuple(ServicePort(Protocol(one.protocol.value), one.port) for one in routing.listeners)
    version = ipaddress.ip_address(routing.address).version
    return (RoutingItem(CodeSystem.VAA, prefix, IpType(version), routing.address, ports),)
