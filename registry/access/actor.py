"""Actors: who asks for something to be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from registry.errors import NotAuthenticated, NotPermitted
from registry.record.typed_data import Reference


class Role(StrEnum):
    ENTERPRISE = "enterprise"
    OPERATOR = "operator"
    BUREAU = "bureau"


class Scope(StrEnum):
    """What an enterprise's key may do besides reading the enterprise's own data."""

    REGISTER = "register"  # identifiers and codes
    MANAGE = "manage"  # subject data, prefixes, keys


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, for the permission checks and the audit trail.

    An actor has a role (by API key), or a handle identity `index:handle` (by the secret key of a
    handle record), or neither (anonymous).
    """

    name: str
    role: Role | None = None
    enterprise_id: int | None = None
    scopes: frozenset[Scope] = frozenset()
    identity: Reference | None = None
    request_id: str = ""

    @property
    def anonymous(self) -> bool:
        return self.role is None and self.identity is None

    @property
    def operator(self) -> bool:
        return self.role is Role.OPERATOR

    def require_operator(self) -> None:
        self.require_known()
        if not self.operator:
            raise NotPermitted("only an operator's key may do this", rule="operator-only")

    def require_auditor(self) -> None:
        """Raise unless this is an operator's key or the bureau's."""
        self.require_known()
        if self.role not in (Role.OPERATOR, Role.BUREAU):
            raise NotPermitted(
                "only an operator's or the bureau's key may do this", rule="auditor-only"
            )

    def require_enterprise(self, enterprise_id: int, scope: Scope) -> None:
        """Raise unless this is a key of that enterprise with the scope, or an operator's."""
        self.require_known()
        if self.operator:
            return
        if self.role is not Role.ENTERPRISE or self.enterprise_id != enterprise_id:
            raise NotPermitted("this belongs to another enterprise", rule="other-enterprise")
        if scope not in self.scopes:
            raise NotPermitted(f"this key lacks the scope `{scope}`", rule=f"scope-{scope}")

    def require_reader(self, enterprise_id: int) -> None:
        """Raise unless this actor may see the enterprise's own data."""
        self.require_known()
        if not self.operator and self.enterprise_id != enterprise_id:
            raise NotPermitted("this belongs to another enterprise", rule="other-enterprise")

    def require_known(self) -> None:
        """Raise unless there were credentials, whatever they allow."""
        if self.anonymous:
            raise NotAuthenticated("this needs a key", rule="key-needed")


def anonymous(request_id: str = "") -> Actor:
    return Actor("anonymous", request_id=request_id)


def console(request_id: str = "console") -> Actor:
    """The operator at the node's own console, who holds its files and its database anyway."""
    return Actor("console", role=Role.OPERATOR, request_id=request_id)
