"""GTINs: which identifiers the GS1 Digital Links of a product mean."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from node.v1.operation import Call, Operation, Reply
from node.v1.types import Limit, Page
from registry import errors
from registry.gs1.gtin import Gtin, GtinNotFound, GtinTaken, GtinWish

TAG = "GTINs"
_ONE = "/v1/gtins/{gtin:segment}"


class GtinList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prefix: Annotated[str, Meta(min_length=1, max_length=64)]
    after: Annotated[str, Meta(max_length=14, description="Continue behind this GTIN")] = ""
    limit: Limit = 100


async def put(call: Call) -> Reply:
    return Reply(await call.wiring.gtins.put(call.actor, call.path["gtin"], call.body))


async def deleted(call: Call) -> Reply:
    await call.wiring.gtins.delete(call.actor, call.path["gtin"])
    return Reply(status=204)


async def listed(call: Call) -> Reply:
    query = call.query
    items = await call.wiring.gtins.list(call.actor, query.prefix, query.after, query.limit)
    return Reply(Page(items, items[-1].gtin if len(items) == query.limit else None))


OPERATIONS = (
    Operation(
        name="listGtins",
        tag=TAG,
        summary="List a prefix's GTINs",
        method="GET",
        path="/v1/gtins",
        handler=listed,
        query=GtinList,
        answer=Page[Gtin],
        errors=(errors.PrefixNotFound,),
    ),
    Operation(
        name="putGtin",
        tag=TAG,
        summary="Say which identifiers a GTIN's Digital Links mean",
        description="`/01/{gtin}` then leads to the product's identifier and "
        "`/01/{gtin}/21/{serial}` to that of an item. The check digit is checked.",
        method="PUT",
        path=_ONE,
        handler=put,
        body=GtinWish,
        answer=Gtin,
        errors=(
            errors.InvalidIdentifier,
            errors.PrefixNotFound,
            errors.PrefixNotActive,
            errors.PrefixElsewhere,
            errors.EnterpriseSuspended,
            errors.EnterpriseNotVerified,
            GtinTaken,
        ),
    ),
    Operation(
        name="deleteGtin",
        tag=TAG,
        summary="Take a GTIN out of use",
        method="DELETE",
        path=_ONE,
        handler=deleted,
        answer=None,
        status=204,
        errors=(errors.InvalidIdentifier, GtinNotFound),
    ),
)
