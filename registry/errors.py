"""Domain errors. Edges translate them: `node/http/problem.py` to RFC 9457, `node/handle_json` to
response codes. Errors that one module alone raises stand in that module.

BiaoshiError
├── InvalidInput            the request can never succeed as it stands
│   ├── InvalidIdentifier
│   ├── InvalidValue
│   ├── DuplicateIndex
│   ├── InvalidSubject      enterprise subject data
│   ├── InvalidPattern      code allocation pattern
│   ├── InvalidRouting      address of an enterprise's own resolver
│   ├── InvalidTemplate     a data template's definition
│   ├── UnknownTemplate
│   ├── InvalidAttribute    a value breaks its template's rules
│   └── TooLarge
├── NotAuthenticated        no credential, or one that does not hold
├── NotPermitted            a good credential without the right
│   ├── NotPrefixOwner
│   ├── EnterpriseNotVerified
│   ├── EnterpriseSuspended
│   ├── PrefixNotActive
│   └── PrefixElsewhere     homed on the enterprise's own resolver
├── NotFound
│   ├── IdentifierNotFound
│   ├── IdentifierGone      it was withdrawn
│   ├── ValueNotFound
│   ├── PrefixNotFound      not homed on this node
│   ├── EnterpriseNotFound
│   ├── CodesNotFound
│   ├── TemplateNotFound
│   ├── GrantNotFound
│   └── KeyNotFound
├── Conflict
│   ├── IdentifierExists
│   ├── IdentifierWithdrawn
│   ├── ValueExists
│   ├── RevisionMismatch
│   ├── EnterpriseExists
│   ├── PrefixTaken
│   ├── TemplateExists
│   ├── CodesExhausted      a pattern has no free codes left
│   ├── WrongState          the step does not follow from the present state
│   └── KeyReused           an Idempotency-Key came back with another request
├── TooManyRequests
└── Unavailable
    ├── NationalNodeUnavailable
    ├── NationalNodeRefused
    └── RemoteUnavailable
"""

from __future__ import annotations

from typing import ClassVar


class BiaoshiError(Exception):
    """A refusal with its reason. `field` names the input at fault, `rule` the rule it broke."""

    kind: ClassVar[str] = "error"
    title: ClassVar[str] = "The request failed"

    def __init__(self, detail: str, *, field: str | None = None, rule: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.rule = rule


class InvalidInput(BiaoshiError):
    kind = "invalid-input"
    title = "The input breaks a rule"


class InvalidIdentifier(InvalidInput):
    kind = "invalid-identifier"
    title = "Not a valid identifier"


class InvalidValue(InvalidInput):
    kind = "invalid-value"
    title = "Not a valid handle value"


class DuplicateIndex(InvalidInput):
    kind = "duplicate-index"
    title = "Two values have the same index"


class InvalidSubject(InvalidInput):
    kind = "invalid-subject"
    title = "The enterprise's subject data break a rule"


class InvalidPattern(InvalidInput):
    kind = "invalid-pattern"
    title = "Not a valid code pattern"


class InvalidRouting(InvalidInput):
    kind = "invalid-routing"
    title = "Not a usable resolver address"


class InvalidTemplate(InvalidInput):
    kind = "invalid-template"
    title = "Not a valid data template"


class UnknownTemplate(InvalidInput):
    kind = "unknown-template"
    title = "No such data template"


class InvalidAttribute(InvalidInput):
    """`field` is `attributes.<idType>`; `rule` is required, length, type, unknown, disabled or,
    for a value that a record has from its template and cannot be without, template."""

    kind = "invalid-attribute"
    title = "An attribute breaks the data template's rules"


class TooLarge(InvalidInput):
    kind = "too-large"
    title = "Larger than the limit"


class NotAuthenticated(BiaoshiError):
    kind = "not-authenticated"
    title = "A valid key is needed"


class NotPermitted(BiaoshiError):
    kind = "not-permitted"
    title = "This key may not do that"


class NotPrefixOwner(NotPermitted):
    kind = "not-prefix-owner"
    title = "The prefix belongs to another enterprise"


class EnterpriseNotVerified(NotPermitted):
    kind = "enterprise-not-verified"
    title = "The enterprise's identity is not verified"


class EnterpriseSuspended(NotPermitted):
    kind = "enterprise-suspended"
    title = "The enterprise is suspended"


class PrefixNotActive(NotPermitted):
    kind = "prefix-not-active"
    title = "The prefix is not active"


class PrefixElsewhere(NotPermitted):
    kind = "prefix-elsewhere"
    title = "The prefix is served by the enterprise's own resolver"


class NotFound(BiaoshiError):
    kind = "not-found"
    title = "Not found"


class IdentifierNotFound(NotFound):
    kind = "identifier-not-found"
    title = "No such identifier"


class IdentifierGone(NotFound):
    kind = "identifier-gone"
    title = "The identifier was withdrawn"


class ValueNotFound(NotFound):
    kind = "value-not-found"
    title = "No such value"


class PrefixNotFound(NotFound):
    kind = "prefix-not-found"
    title = "The prefix does not live here"


class EnterpriseNotFound(NotFound):
    kind = "enterprise-not-found"
    title = "No such enterprise"


class CodesNotFound(NotFound):
    kind = "codes-not-found"
    title = "No such code reservation"


class TemplateNotFound(NotFound):
    kind = "template-not-found"
    title = "No such data template"


class GrantNotFound(NotFound):
    kind = "grant-not-found"
    title = "No such grant"


class KeyNotFound(NotFound):
    kind = "key-not-found"
    title = "No such key"


class Conflict(BiaoshiError):
    kind = "conflict"
    title = "The request contradicts what is stored"


class IdentifierExists(Conflict):
    kind = "identifier-exists"
    title = "The identifier exists with other content"


class IdentifierWithdrawn(Conflict):
    kind = "identifier-withdrawn"
    title = "The identifier was withdrawn"


class ValueExists(Conflict):
    kind = "value-exists"
    title = "A value with this index exists"


class RevisionMismatch(Conflict):
    kind = "revision-mismatch"
    title = "The record has changed since it was read"


class EnterpriseExists(Conflict):
    kind = "enterprise-exists"
    title = "The enterprise has already applied"


class PrefixTaken(Conflict):
    kind = "prefix-taken"
    title = "The prefix is taken"


class TemplateExists(Conflict):
    kind = "template-exists"
    title = "The prefix has a template of this version"


class CodesExhausted(Conflict):
    kind = "codes-exhausted"
    title = "The pattern has no free codes left"


class WrongState(Conflict):
    kind = "wrong-state"
    title = "Not possible in the present state"


class KeyReused(Conflict):
    kind = "idempotency-key-reused"
    title = "The Idempotency-Key was used for another request"


class TooManyRequests(BiaoshiError):
    kind = "too-many-requests"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after  # seconds


class Unavailable(BiaoshiError):
    kind = "unavailable"
    title = "A needed service is not available"


class NationalNodeUnavailable(Unavailable):
    kind = "national-node-unavailable"
    title = "The national node does not answer"


class NationalNodeRefused(Unavailable):
    kind = "national-node-refused"
    title = "The national node refused the request"


class RemoteUnavailable(Unavailable):
    kind = "remote-unavailable"
    title = "The identifier's own node does not answer"
