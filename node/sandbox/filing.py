"""The rules of prefix filing: what is accepted, and where a prefix stands at a given time.

A review is not a task that runs: an act is stored with the verdict and the time at which it
falls, and everything else is read off the history and the clock. So a restart changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from stdnum.cn import uscc

from node.sandbox.store import Filed
from node.uplink.messages import (
    PrefixFiling,
    PrefixState,
    PrefixStatus,
    ReviewVerdict,
    Verdict,
)
from registry.errors import InvalidInput, InvalidRouting, InvalidSubject, NotPermitted

MAX_PREFIX = 64  # bytes
MAX_ROUTING = 16  # items
_BELOW = re.compile(r"\.[0-9]+", re.ASCII)


def check(filing: PrefixFiling, shr_prefix: str, *, node_has_routing: bool, now: float) -> None:
    """Raise for the first rule the filing breaks, naming the item."""
    check_own(filing.prefix, shr_prefix)
    _check_subject(filing)
    _check_verification(filing, now)
    _check_routing(filing, node_has_routing)


def check_own(prefix: str, shr_prefix: str) -> None:
    """A node acts on enterprise prefixes under its own secondary prefix only."""
    own, below = prefix[: len(shr_prefix)], prefix[len(shr_prefix) :]
    if own != shr_prefix or not below.startswith("."):
        raise NotPermitted(
            f"{prefix} is not under the secondary prefix {shr_prefix}",
            field="prefix",
            rule="own-secondary-prefix",
        )
    if len(prefix) > MAX_PREFIX or not _BELOW.fullmatch(below):
        raise InvalidInput(
            f"An enterprise prefix is {shr_prefix}. and digits, {MAX_PREFIX} bytes at most",
            field="prefix",
            rule="syntax",
        )


def _check_subject(filing: PrefixFiling) -> None:
    subject = filing.subject
    if subject is None:
        raise InvalidSubject("The subject data are missing", field="subject", rule="required")
    if not subject.name.strip():
        raise InvalidSubject("The name is empty", field="subject.name", rule="required")
    if not uscc.is_valid(subject.credit_code):
        raise InvalidSubject(
            "Not a valid unified social credit code (统一社会信用代码)",
            field="subject.creditCode",
            rule="GB 32100-2015",
        )


def _check_verification(filing: PrefixFiling, now: float) -> None:
    verification = filing.verification
    if verification is None:
        raise InvalidSubject(
            "The verification result is missing", field="verification", rule="required"
        )
    if not verification.verified:
        raise InvalidSubject(
            "The enterprise's identity is not verified (实名核验)",
            field="verification.verified",
            rule="verified",
        )
    if verification.verified_at > now + 300:
        raise InvalidSubject(
            "The verification lies in the future", field="verification.verifiedAt", rule="past"
        )


def _check_routing(filing: PrefixFiling, node_has_routing: bool) -> None:
    if not filing.routing and not node_has_routing:
        raise InvalidRouting(
            "Neither the prefix nor the filing node has a resolution address",
            field="routing",
            rule="required",
        )
    if len(filing.routing) > MAX_ROUTING:
        raise InvalidRouting(
            f"At most {MAX_ROUTING} resolution addresses", field="routing", rule="count"
        )
    if any(item.prefix != filing.prefix for item in filing.routing):
        raise InvalidRouting(
            "A resolution address is of another prefix", field="routing.prefix", rule="same"
        )


def status(history: Sequence[Filed], now: float) -> PrefixStatus:
    """Where the latest act stands. The history is not empty."""
    latest = history[-1]
    return PrefixStatus(
        prefix=latest.prefix,
        revision=latest.revision,
        state=_state(latest, now),
        filing_id=f"{'F' if latest.act == 'file' else 'D'}{latest.number:08d}",
        filed_at=int(latest.filed_at),
        review=_review(latest) if now >= latest.due_at else None,
    )


def in_force(history: Sequence[Filed], now: float) -> PrefixFiling | None:
    """The filing that resolution follows: the last approved one, unless deleted since.

    While a change or a deletion is under review, and after a change was rejected, the earlier
    approval holds.
    """
    for act in reversed(history):
        if act.superseded_at is None and now >= act.due_at and act.verdict is Verdict.APPROVED:
            return act.filing if act.act == "file" else None
    return None


def _state(act: Filed, now: float) -> PrefixState:
    if act.act == "delete":
        return PrefixState.STOPPED if now >= act.due_at else PrefixState.TO_BE_DELETED
    if now >= act.due_at:
        approved = act.verdict is Verdict.APPROVED
        return PrefixState.ACTIVE if approved else PrefixState.REJECTED
    # The first half of the delay stands for the queue.
    waiting = now < (act.filed_at + act.due_at) / 2
    return PrefixState.WAITING if waiting else PrefixState.UNDER_REVIEW


def _review(act: Filed) -> ReviewVerdict:
    return ReviewVerdict(verdict=act.verdict, decided_at=int(act.due_at), reason=act.reason)
