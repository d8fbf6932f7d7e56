"""Lists: the handles of a prefix (opcode 105), the prefixes that live here (300 to 302)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from node.wire.call import Call, Challenged, Refused, Result, misread
from node.wire.parts import Parts
from registry.errors import PrefixNotFound
from registry.identifier import Identifier, Prefix
from registry.record.catalogue import PAGE_LIMIT
from resolver.local import PREFIX_RECORDS
from resolver.wire.body import Handles, Text
from resolver.wire.code import ResponseCode
from resolver.wire.octets import Malformed

MESSAGE_HANDLES = 50


async def handles(parts: Parts, call: Call) -> AsyncIterator[Result]:
    """All handles, fifty a message. They are read a page at a time while they are sent."""
    prefix = await _homed(parts, call)
    _identified(call)
    page = 0
    pending: list[str] = []
    while True:
        total, found = await parts.wiring.catalogue.numbered_page(
            call.actor, prefix.canonical, page, PAGE_LIMIT
        )
        page += 1
        pending += found
        while len(pending) > MESSAGE_HANDLES:
            yield _some(pending[:MESSAGE_HANDLES], more=True)
            del pending[:MESSAGE_HANDLES]
        if page * PAGE_LIMIT >= total or not found:
            yield _some(pending, more=False)
            return


async def homed(parts: Parts, call: Call) -> Result:
    """The prefixes here on which the client has rights."""
    _text(call)
    _identified(call)
    prefixes = await parts.wiring.catalogue.administered(call.actor)
    return Result(Handles(tuple(f"{PREFIX_RECORDS}/{prefix}" for prefix in prefixes)).build())


async def home(parts: Parts, call: Call) -> Result:
    """Take the records of a prefix in again that its enterprise has served itself. A prefix is
    allocated over the other interfaces, where it is reviewed."""
    prefix = _prefix(_text(call))
    if await _holding_of(parts, prefix) is None:
        raise PrefixNotFound(f"the prefix {prefix} was not allocated here", field="handle")
    _identified(call)
    await parts.wiring.prefixes.route(call.actor, prefix.canonical, None)
    return Result()


async def unhome(parts: Parts, call: Call) -> Result:
    """Where the records would move to, this protocol has no words for."""
    await _homed(parts, call)
    _identified(call)
    raise Refused(
        ResponseCode.OPERATION_NOT_SUPPORTED,
        "say over HTTP which resolver the prefix moves to",
    )


def _some(some: Sequence[str], *, more: bool) -> Result:
    return Result(Handles(tuple(some)).build(), more=more)


async def _homed(parts: Parts, call: Call) -> Prefix:
    """The prefix that is named, which lives here. Raises PrefixNotFound."""
    prefix = _prefix(_text(call))
    if not await _holding_of(parts, prefix):
        raise PrefixNotFound(f"the prefix {prefix} does not live here", field="handle")
    return prefix


async def _holding_of(parts: Parts, prefix: Prefix) -> bool | None:
    """Whether the records live here; None where the prefix was not even allocated here."""
    found = await parts.wiring.catalogue.find(Identifier(prefix.text, "-"))
    return None if found.holding is None else found.holding.hosted


def _prefix(text: str) -> Prefix:
    """`0.NA/x` or `x`."""
    above, slash, prefix = text.partition("/")
    return Prefix.parse(prefix if slash and above.upper() == PREFIX_RECORDS else text)


def _text(call: Call) -> str:
    try:
        return Text.parse(call.message.body).text
    except Malformed as error:
        raise misread(error) from None


def _identified(call: Call) -> None:
    if call.actor.anonymous:
        raise Challenged
