"""The one table from kinds of domain errors to response codes of the Handle system.

Source: RFC 3652 §2.2.2.3; the HTTP statuses are those that servers in use answer with.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from registry import errors
from registry.errors import BiaoshiError
from resolver.wire.code import ResponseCode


class Refusal(NamedTuple):
    status: HTTPStatus
    code: ResponseCode


# The nearest class above an error decides. HANDLE_NOT_FOUND is for handles alone: clients take it
# for proof that there is none.
REFUSALS: dict[type[BiaoshiError], Refusal] = {
    errors.InvalidInput: Refusal(HTTPStatus.BAD_REQUEST, ResponseCode.PROTOCOL_ERROR),
    errors.InvalidIdentifier: Refusal(HTTPStatus.BAD_REQUEST, ResponseCode.INVALID_HANDLE),
    errors.InvalidValue: Refusal(HTTPStatus.BAD_REQUEST, ResponseCode.INVALID_VALUE),
    errors.InvalidAttribute: Refusal(HTTPStatus.BAD_REQUEST, ResponseCode.INVALID_VALUE),
    errors.DuplicateIndex: Refusal(HTTPStatus.CONFLICT, ResponseCode.VALUE_ALREADY_EXISTS),
    errors.TooLarge: Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ResponseCode.PROTOCOL_ERROR),
    errors.NotAuthenticated: Refusal(HTTPStatus.UNAUTHORIZED, ResponseCode.AUTHENTICATION_NEEDED),
    errors.NotPermitted: Refusal(HTTPStatus.FORBIDDEN, ResponseCode.INSUFFICIENT_PERMISSIONS),
    errors.NotPrefixOwner: Refusal(HTTPStatus.FORBIDDEN, ResponseCode.INVALID_ADMIN),
    errors.PrefixElsewhere: Refusal(HTTPStatus.BAD_REQUEST, ResponseCode.SERVER_NOT_RESP),
    errors.NotFound: Refusal(HTTPStatus.NOT_FOUND, ResponseCode.PROTOCOL_ERROR),
    errors.IdentifierNotFound: Refusal(HTTPStatus.NOT_FOUND, ResponseCode.HANDLE_NOT_FOUND),
    errors.ValueNotFound: Refusal(HTTPStatus.BAD_REQUEST, ResponseCode.VALUES_NOT_FOUND),
    errors.PrefixNotFound: Refusal(HTTPStatus.BAD_REQUEST, ResponseCode.SERVER_NOT_RESP),
    errors.Conflict: Refusal(HTTPStatus.CONFLICT, ResponseCode.ERROR),
    errors.IdentifierExists: Refusal(HTTPStatus.CONFLICT, ResponseCode.HANDLE_ALREADY_EXISTS),
    errors.IdentifierWithdrawn: Refusal(HTTPStatus.CONFLICT, ResponseCode.HANDLE_ALREADY_EXISTS),
    errors.ValueExists: Refusal(HTTPStatus.CONFLICT, ResponseCode.VALUE_ALREADY_EXISTS),
    errors.RevisionMismatch: Refusal(HTTPStatus.PRECONDITION_FAILED, ResponseCode.ERROR),
    errors.TooManyRequests: Refusal(HTTPStatus.TOO_MANY_REQUESTS, ResponseCode.SERVER_TOO_BUSY),
    errors.Unavailable: Refusal(HTTPStatus.SERVICE_UNAVAILABLE, ResponseCode.SERVER_TOO_BUSY),
    errors.RemoteUnavailable: Refusal(HTTPStatus.BAD_GATEWAY, ResponseCode.ERROR),
    errors.NationalNodeUnavailable: Refusal(HTTPStatus.BAD_GATEWAY, ResponseCode.ERROR),
    errors.NationalNodeRefused: Refusal(HTTPStatus.BAD_GATEWAY, ResponseCode.ERROR),
    BiaoshiError: Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, ResponseCode.ERROR),
}


def refusal_of(error: BiaoshiError | type[BiaoshiError]) -> Refusal:
    kind = error if isinstance(error, type) else type(error)
    return next(REFUSALS[above] for above in kind.__mro__ if above in REFUSALS)
