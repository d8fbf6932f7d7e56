"""Prefixes: one, and pages of them."""

from __future__ import annotations

import msgspec
from aiohttp import web

from node.snms import content
from node.snms.content import MAX_PREFIX
from node.snms.envelope import success
from node.snms.page import Place, local, search
from node.snms.token import logged_in
from registry.prefix.prefix import Hosting, PrefixState
from registry.roll.store import PrefixLine


class PrefixShown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A prefix and whose it is. The published description calls the web site `entWebSite` in its
    table and `entSite` in its example, so it stands under both."""

    prefix: str
    create_date: str
    status: PrefixState
    ent_name_cn: str
    ent_web_site: str | None
    ent_site: str | None
    ent_industry: str
    ent_addr_cn: str
    ent_desc: None = None
    ghr_name: None = None


class PrefixRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    ent_prefix: str
    ent_id: int
    ent_name: str
    state: PrefixState
    proxy_state: Hosting
    create_date: str
    update_date: str


async def show(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    line = await wiring.roll.prefix(actor, content.parameter(request, "prefix", MAX_PREFIX))
    return success(_shown(line))


async def page(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    place, wanted = Place.of(request), search(request, "entName", "entPrefix")
    total, lines = await wiring.roll.prefixes(actor, wanted, place.number - 1, place.size)
    return success(place.page(total, [_row(line) for line in lines]))


def _shown(line: PrefixLine) -> PrefixShown:
    return PrefixShown(
        prefix=line.prefix,
        create_date=local(line.requested_at),
        status=line.state,
        ent_name_cn=line.subject.name,
        ent_web_site=line.subject.website,
        ent_site=line.subject.website,
        ent_industry=line.subject.industry[:1],
        ent_addr_cn=line.subject.address,
    )


def _row(line: PrefixLine) -> PrefixRow:
    return PrefixRow(
        id=line.prefix_id,
        ent_prefix=line.prefix,
        ent_id=line.enterprise_id,
        ent_name=line.subject.name,
        state=line.state,
        proxy_state=line.hosting,
        create_date=local(line.requested_at),
        update_date=local(line.changed_at),
    )
