"""What is filed about a prefix, made from what is stored."""

from datetime import UTC, datetime

import msgspec
import pytest

from node.uplink.filing import filing
from node.uplink.messages import (
    CodeSystem,
    HostingState,
    Industry,
    IpType,
    PrefixFiling,
    Protocol,
    ServicePort,
)
from registry.enterprise.enterprise import Enterprise, EnterpriseState
from registry.enterprise.subject import Subject
from registry.prefix import prefix as prefixes
from registry.prefix.prefix import Hosting, Listener, Prefix, PrefixState, Routing

DECIDED = datetime(2026, 11, 20, 8, 30, 0, 999_999, tzinfo=UTC)
SUBJECT = Subject(
    name="中山市示范灯饰有限公司",
    credit_code="91110108589104047H",
    legal_person="梁伟明",
    contact_name="陈小姐",
    contact_phone="0760-22345678",
    contact_email="contact@example.com",
    address="广东省中山市古镇镇",
    industry="C3872",
)
ENTERPRISE = Enterprise(
    enterprise_id=7,
    subject=SUBJECT,
    state=EnterpriseState.VERIFIED,
    note=None,
    evidence="营业执照原件核对 2026-001",
    decided_by="key:OPERATOR",
    decided_at=DECIDED,
    related_party=False,
    applied_at=DECIDED,
)
PREFIX = Prefix(
    prefix="88.118.5",
    enterprise_id=7,
    state=PrefixState.UNDER_REVIEW,
    hosting=Hosting.HOSTED,
    routing=None,
    administrators=[],
    note=None,
    filed=False,
    requested_at=DECIDED,
    reviewed_by="key:OPERATOR",
    reviewed_at=DECIDED,
    activated_at=None,
)


def routed(address: str, *listeners: Listener) -> Prefix:
    return msgspec.structs.replace(
        PREFIX, hosting=Hosting.NOT_HOSTED, routing=Routing(address, listeners)
    )


def of_industry(code: str) -> Industry:
    subject = msgspec.structs.replace(SUBJECT, industry=code)
    message = filing(PREFIX, msgspec.structs.replace(ENTERPRISE, subject=subject), 1)
    assert message.subject is not None
    return message.subject.industry


def test_a_hosted_prefix_names_no_resolver():
    message = filing(PREFIX, ENTERPRISE, 3)
    assert (message.prefix, message.revision) == ("88.118.5", 3)
    assert (message.hosting, message.routing) == (HostingState.HOSTED, ())


def test_the_subject_is_the_enterprises():
    subject = filing(PREFIX, ENTERPRISE, 1).subject
    assert subject is not None
    for name in ("name", "credit_code", "legal_person", "contact_name", "contact_phone"):
        assert getattr(subject, name) == getattr(SUBJECT, name)
    assert subject.registered_address == SUBJECT.address
    assert subject.website == "", "what is unknown is empty"


def test_evidence_goes_up_as_its_digest_only():
    message = filing(PREFIX, ENTERPRISE, 1)
    verification = message.verification
    assert verification is not None
    assert verification.verified
    assert verification.verified_at == int(DECIDED.timestamp()), "whole seconds, not rounded up"
    assert [len(digest) for digest in verification.evidence_sha256] == [64]
    assert "营业执照".encode() not in msgspec.json.encode(message)


@pytest.mark.parametrize("missing", ["evidence", "decided_at"])
def test_who_was_never_verified_is_filed_without_a_verification(missing):
    enterprise = msgspec.structs.replace(ENTERPRISE, **{missing: None})
    assert filing(PREFIX, enterprise, 1).verification is None


@pytest.mark.parametrize(
    ("code", "levels"),
    [
        ("C", ("C", "", "", "")),
        ("C38", ("C", "38", "", "")),
        ("C387", ("C", "38", "387", "")),
        ("C3872", ("C", "38", "387", "3872")),
    ],
)
def test_an_industry_is_filed_by_its_levels(code, levels):
    assert msgspec.structs.astuple(of_industry(code)) == levels


def test_the_enterprises_own_resolver_is_named():
    prefix = routed(
        "203.0.113.9",
        Listener(prefixes.Protocol.HTTP, 8080),
        Listener(prefixes.Protocol.TCP, 2641),
    )
    message = filing(prefix, ENTERPRISE, 1)
    assert message.hosting is HostingState.NOT_HOSTED
    [item] = message.routing
    assert (item.code_system, item.prefix) == (CodeSystem.VAA, "88.118.5")
    assert (item.ip_type, item.ip) == (IpType.IPV4, "203.0.113.9")
    assert item.ports == (ServicePort(Protocol.HTTP, 8080), ServicePort(Protocol.TCP, 2641))


def test_an_ipv6_resolver_is_named_as_such():
    [item] = filing(
        routed("2001:db8::9", Listener(prefixes.Protocol.UDP, 2641)), ENTERPRISE, 1
    ).routing
    assert (item.ip_type, item.ip) == (IpType.IPV6, "2001:db8::9")


def test_every_hosting_state_has_its_number_in_the_field():
    for hosting in Hosting:
        prefix = msgspec.structs.replace(PREFIX, hosting=hosting)
        assert filing(prefix, ENTERPRISE, 1).hosting == hosting.value


def test_a_filing_survives_the_wire():
    message = filing(routed("203.0.113.9", Listener(prefixes.Protocol.HTTP, 80)), ENTERPRISE, 2)
    assert msgspec.json.decode(msgspec.json.encode(message), type=PrefixFiling) == message


def test_the_same_facts_make_the_same_filing():
    assert filing(PREFIX, ENTERPRISE, 1) == filing(PREFIX, ENTERPRISE, 1)
