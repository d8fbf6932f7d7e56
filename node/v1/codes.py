"""Code allocation."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Number, Page
from registry import errors
from registry.code.allocation import MAX_COUNT, Allocation, CodeWish
from registry.code.store import Code, Reservation

TAG = "Codes"


class CodeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Codes to reserve, such as `SN-{yyyy}{mm}-{serial:06d}{check:mod10}`."""

    pattern: Annotated[str, Meta(min_length=1, max_length=1024)]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)]
    line: Annotated[str, Meta(min_length=1, max_length=100)] = "default"
    on: Annotated[date | None, Meta(description="The day for date parts; default today")] = None


class ReservationList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Number = 0
    limit: Limit = 100


class CodeList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[str, Meta(max_length=255)] = ""
    limit: Limit = 1000


async def reserved(call: Call) -> Reply:
    body = call.body
    wish = CodeWish(body.pattern, body.count, body.line, body.on)
    prefix = call.path["prefix"]
    allocation = await call.wiring.codes.reserve(call.actor, prefix, wish, call.once)
    number = allocation.reservation.reservation_id
    return Reply(allocation, headers={"Location": f"/v1/codes/{number}"})


async def listed(call: Call) -> Reply:
    query = call.query
    items = await call.wiring.codes.reservations(
        call.actor, call.path["prefix"], query.after, query.limit
    )
    full = len(items) == query.limit
    return Reply(Page(items, str(items[-1].reservation_id) if full else None))


async def shown(call: Call) -> Reply:
    return Reply(await call.wiring.codes.get(call.actor, call.number))


async def codes(call: Call) -> Reply:
    query = call.query
    items = await call.wiring.codes.codes(call.actor, call.number, query.after, query.limit)
    full = len(items) == query.limit
    return Reply(Page([code for _, code in items], items[-1][0] if full else None))


OPERATIONS = (
    Operation(
        name="reserveCodes",
        tag=TAG,
        summary="Reserve codes by pattern",
        description="No two reservations of a prefix hold the same code. Fields: serial, random, "
        "yyyy, yy, mm, dd, doy, gggg, gg, ww, check:mod10, check:mod37_36.",
        method="POST",
        path="/v1/prefixes/{prefix:segment}/codes",
        handler=reserved,
        body=CodeRequest,
        answer=Allocation,
        status=201,
        errors=(
            errors.InvalidPattern,
            errors.CodesExhausted,
            errors.PrefixNotFound,
            errors.PrefixNotActive,
            errors.EnterpriseSuspended,
        ),
        once=True,
    ),
    Operation(
        name="listReservations",
        tag=TAG,
        summary="List a prefix's reservations",
        method="GET",
        path="/v1/prefixes/{prefix:segment}/codes",
        handler=listed,
        query=ReservationList,
        answer=Page[Reservation],
        errors=(errors.PrefixNotFound,),
    ),
    Operation(
        name="getReservation",
        tag=TAG,
        summary="Show a reservation",
        method="GET",
        path="/v1/codes/{reservation_id:number}",
        handler=shown,
        answer=Reservation,
        errors=(errors.CodesNotFound,),
    ),
    Operation(
        name="listCodes",
        tag=TAG,
        summary="List a reservation's codes and whether they are registered",
        method="GET",
        path="/v1/codes/{reservation_id:number}/codes",
        handler=codes,
        query=CodeList,
        answer=Page[Code],
        errors=(errors.CodesNotFound,),
    ),
)
