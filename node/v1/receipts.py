"""Receipts: proof that a registration is in the certified log, to be checked offline."""

from __future__ import annotations

from aiohttp import web

from metrics.log import store as logs
from metrics.log.receipt import make_receipt
from node.v1.operation import Call, Operation, Reply
from registry import errors
from registry.access.actor import Role
from registry.errors import IdentifierNotFound, NotFound, PrefixNotFound
from registry.identifier import Identifier
from registry.leaf.leaf import UNCOUNTED
from registry.record.archive import look_up

TAG = "Identifiers"
TEXT = "text/plain"
PENDING = "committed, not yet in the log\n"


class NoReceipt(NotFound):
    kind = "no-receipt"
    title = "There is no receipt for this identifier"


async def receipt(call: Call) -> web.StreamResponse | Reply:
    """A tlog-proof, or (202) word that the log is not that far."""
    log = call.wiring.log
    identifier = Identifier.parse(call.path["handle"])
    call.actor.require_known()
    async with call.wiring.database.connection() as connection:
        found = await look_up(connection, call.wiring.form, identifier)
        if found.holding is None:
            raise PrefixNotFound(
                f"the prefix {identifier.prefix} does not live here", field="handle"
            )
        if call.actor.role is not Role.BUREAU:
            call.actor.require_reader(found.holding.enterprise_id)
        if found.row is None:
            raise IdentifierNotFound(f"there is no {identifier}", field="handle")
        batch = await logs.batch(connection, found.row.batch_id)
        if log is None or batch.method in UNCOUNTED:
            reason = "this node keeps no log" if log is None else "it was imported"
            raise NoReceipt(f"{identifier} has no leaf: {reason}", field="handle")
        made = await make_receipt(connection, log.keys.leaf, batch, found.row.suffix)
    if made is None:
        return web.Response(status=202, text=PENDING, headers={"Retry-After": "2"})
    return web.Response(text=str(made), content_type=TEXT, charset="utf-8")


OPERATIONS = (
    Operation(
        name="getReceipt",
        tag=TAG,
        summary="Get the receipt of a registration",
        description="A tlog-proof (C2SP): that the registration stands in the certified log, under "
        "a checkpoint that witnesses cosigned. `biaoshi verify` checks it offline, and so do other "
        "tools for such proofs. For the prefix's enterprise, operators and the bureau.",
        method="GET",
        path="/v1/receipts/{handle:handle}",
        handler=receipt,
        answer=str,
        answer_media=TEXT,
        also={202: "It is committed, and the log is not that far yet"},
        errors=(errors.InvalidIdentifier, IdentifierNotFound, PrefixNotFound, NoReceipt),
    ),
)
