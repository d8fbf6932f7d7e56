"""Enterprises and the states of their identity.

applied ── verify ──> verified <── resume ── suspended
   └───── reject ──> rejected   ── suspend ──>┘
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from registry.enterprise.subject import Subject
from registry.errors import EnterpriseNotVerified, EnterpriseSuspended


class EnterpriseState(StrEnum):
    APPLIED = "applied"
    VERIFIED = "verified"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


class Enterprise(msgspec.Struct, frozen=True, kw_only=True):
    """An enterprise as its own keys and operators see it."""

    enterprise_id: int
    subject: Subject
    state: EnterpriseState
    note: str | None
    evidence: str | None
    decided_by: str | None
    decided_at: datetime | None
    related_party: bool
    applied_at: datetime


def require_active(state: EnterpriseState) -> None:
    """Raise unless an enterprise in this state may get new prefixes, codes, identifiers."""
    if state is EnterpriseState.SUSPENDED:
        raise EnterpriseSuspended(
            "the enterprise is suspended: nothing new can be registered, resolution goes on",
            rule="enterprise-suspended",
        )
    if state is not EnterpriseState.VERIFIED:
        raise EnterpriseNotVerified(
            f"the enterprise's identity is not verified (it is `{state}`)",
            rule="enterprise-not-verified",
        )
