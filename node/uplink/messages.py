"""What travels between this node and the national one, as JSON with camelCase names.

The data items are those of the docking guide's annex 1; the paths and the envelope are ours,
since the real command wire is not public. Times are unix seconds.
"""

from __future__ import annotations

import ipaddress
from enum import Enum, IntEnum
from typing import Annotated

import msgspec

Revision = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Envelope(msgspec.Struct, frozen=True):
    """Every answer. `data` stays undecoded until the status says what it is."""

    status: int  # an EnvelopeStatus; kept as a number, so that an unknown one can be reported
    message: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class EnvelopeStatus(IntEnum):
    SUCCESS = 1
    NOT_AUTHENTICATED = -1
    REFUSED = -2  # business refusal, the reason is in the message
    NOT_PERMITTED = -3
    INTERNAL_ERROR = -4


class RefusalReason(msgspec.Struct, frozen=True):
    """`data` of a refusal: the item at fault and the rule it broke, where there is one."""

    field: str | None = None
    rule: str | None = None


class PrefixState(IntEnum):
    """States of a prefix, numbered as the field's own API numbers them."""

    STOPPED = 0
    ACTIVE = 1
    TO_BE_DELETED = 2
    REJECTED = 3
    WAITING = 4
    UNDER_REVIEW = 5


class HostingState(IntEnum):
    """Whether the secondary node answers for the enterprise (托管)."""

    NOT_HOSTED = 1
    REQUESTED = 2
    REJECTED = 3
    HOSTED = 4


class CodeSystem(Enum):
    HANDLE = "Handle"
    OID = "OID"
    DID_BID = "DID:BID"
    VAA = "VAA"
    ECODE = "Ecode"
    GS1 = "GS1"


class Protocol(Enum):
    TCP = "TCP"
    UDP = "UDP"
    HTTP = "HTTP"


class IpType(IntEnum):
    IPV4 = 4
    IPV6 = 6


class ServicePort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    protocol: Protocol
    port: int

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise ValueError("a port is a number from 1 to 65535")


class RoutingItem(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One resolution service (table 2 for a secondary node, table 7 for an enterprise)."""

    code_system: CodeSystem
    prefix: str
    ip_type: IpType
    ip: str
    ports: tuple[ServicePort, ...]

    def __post_init__(self) -> None:
        if ipaddress.ip_address(self.ip).version != self.ip_type:
            raise ValueError("the IP address is not of the IP type stated")
        if not self.ports:
            raise ValueError("a service needs at least one protocol and port")


class Industry(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Class in GB/T 4754-2017: section letter, then codes of 2, 3 and 4 digits."""

    category: str
    division: str = ""
    group: str = ""
    subclass: str = ""


class EnterpriseSubject(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Table 6: the enterprise behind a prefix. The public part of its 42 items."""

    name: str
    credit_code: str  # 统一社会信用代码, GB 32100-2015
    legal_person: str
    contact_name: str
    contact_phone: str
    contact_email: str
    industry: Industry
    registered_address: str
    name_english: str = ""
    enterprise_type: str = ""
    province: str = ""
    city: str = ""
    county: str = ""
    website: str = ""


class Verification(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Result of checking who the enterprise is (实名核验), the secondary node's duty."""

    verified: bool
    method: str
    verified_at: int
    verified_by: str
    evidence_sha256: tuple[str, ...] = ()


class PrefixFiling(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An enterprise prefix as filed. (prefix, revision) is the idempotency handle.

    The same filing under the same revision is the same act, however often it arrives, and is
    answered with where the prefix stands now; a change takes a greater revision.
    Empty `routing` means hosted on the filing node, whose own addresses then answer.
    """

    prefix: str
    revision: Revision
    subject: EnterpriseSubject | None
    verification: Verification | None
    hosting: HostingState
    routing: tuple[RoutingItem, ...] = ()


class Verdict(Enum):
    APPROVED = "approved"
    REJECTED = "rejected"


class ReviewVerdict(msgspec.Struct, frozen=True, rename="camel"):
    verdict: Verdict
    decided_at: int
    reason: str = ""


class PrefixStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Where a prefix stands at the national node."""

    prefix: str
    revision: int  # of the latest filing
    state: PrefixState
    filing_id: str  # given once per (prefix, revision); a repeated filing shows the same
    filed_at: int
    review: ReviewVerdict | None = None  # None until the review has ended


class Referral(msgspec.Struct, frozen=True, rename="camel"):
    """Which service answers for an identifier, like a 302/303.

    Either `services` names it, or `next` is the base URL of another national-level service
    that knows; the asker bounds loops and depth.
    """

    identifier: str
    prefix: str  # the part of the identifier that decided
    services: tuple[RoutingItem, ...] = ()
    next: str | None = None

    def __post_init__(self) -> None:
        if bool(self.services) == (self.next is not None):
            raise ValueError("a referral names either services or the next node")
