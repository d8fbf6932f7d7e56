"""/{prefix}/{suffix} and GS1 Digital Links, in the form that is asked for; and codes to print.

A browser gets the record's page, a program JSON or a linkset. Whoever names a kind of location
(`type`, with `lang` and `context`), or just `redirect`, is sent there: by 302, since tomorrow it
may be elsewhere. Where no kind is named, a choice of places (10320/loc) goes before plain URLs, as
at other resolvers, and `locatt=id:2` says which of them. A Digital Link leads to the product's own
page, as GS1 wants it, unless a linkset is asked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from aiohttp import web

from metrics.journal.entry import Surface
from node.http.authentication import authenticate
from node.http.edge import REQUEST_ID
from node.http.problem import status_of
from node.http.staleness import staleness
from node.page import sheet
from node.page.accept import FORMS, best_language, best_type, languages
from node.page.code_image import PNG, SVG, Symbology, drawn
from node.page.linkset import CONTENT_TYPE as LINKSET
from node.page.linkset import linkset
from node.page.words import LANGUAGES
from node.v1.operation import JSON
from node.v1.resolution import Sent, check
from node.wiring import WIRING, Wiring
from registry import errors
from registry.access.actor import anonymous
from registry.errors import BiaoshiError, InvalidInput, NotFound
from registry.identifier import Identifier, System, from_url_path, to_url_path
from registry.record.value import Value, decode
from registry.spelling import Recognised, recognise
from resolver.choice import Wanted, all_locations, choice_of
from resolver.location import choose, locations
from resolver.query import Answer, Query

SURFACE = "page"
HTML = "text/html"
MAX_PARAMETER = 100
MAX_ATTRIBUTES = 5
MAX_SCALE = 40
VARY = "Accept, Accept-Language"

Found = tuple[Recognised, Identifier]  # what was written, and what to look up for it
Find = Callable[[Wiring, str], Awaitable[Found]]


class LocationNotFound(NotFound):
    kind = "location-not-found"
    title = "The record leads to no such place"


@dataclass(frozen=True, slots=True)
class Wish:
    """In which form a record is wanted. `form` None is a redirect to a location of the kind."""

    form: str | None
    kind: str
    context: str
    language: str  # of the page
    wanted: tuple[str, ...]  # of what the record leads to, the most welcome first
    digital_link: bool
    any_kind: bool  # no kind of location was named
    attributes: tuple[tuple[str, str], ...]  # of a place among several, by name and value

    @classmethod
    def of(cls, request: web.Request, *, digital_link: bool) -> Wish:
        """Raises InvalidInput."""
        told = {name: _parameter(request, name) for name in ("type", "lang", "context", "linkType")}
        accepted = request.headers.get("Accept-Language", "")
        form = best_type(request.headers.get("Accept", ""), FORMS) or JSON
        if told["linkType"] in ("linkset", "all"):
            form = LINKSET
        attributes = _attributes(request)
        named = told["type"] or told["context"]
        moved = "redirect" in request.query or named or attributes
        if (digital_link and form == HTML) or (told["linkType"] and form != LINKSET):
            moved = True
        kind = told["type"].removeprefix("URL").removeprefix(".")
        if told["linkType"].startswith("gs1:") and told["linkType"] != "gs1:pip":
            kind = told["linkType"].removeprefix("gs1:")
        first = (told["lang"].lower(),) if told["lang"] else ()
        page = _parameter(request, "hl") or best_language(accepted, LANGUAGES)
        return cls(
            None if moved else form,
            kind,
            told["context"],
            page if page in LANGUAGES else LANGUAGES[0],
            (*first, *languages(accepted)),
            digital_link,
            not (named or kind),
            attributes,
        )


def routes() -> list[web.RouteDef]:
    paged = partial(_shown, find=_by_handle, digital_link=False)
    linked = partial(_shown, find=_by_link, digital_link=True)
    named = partial(_shown, find=_by_oid, digital_link=False)
    return [
        web.get(r"/01/{link:[\s\S]+}", linked, name="digitalLink"),
        web.get(r"/qr/{handle:[\s\S]+}", partial(_image, symbology=Symbology.QR), name="qr"),
        web.get(
            r"/datamatrix/{handle:[\s\S]+}",
            partial(_image, symbology=Symbology.DATA_MATRIX),
            name="dataMatrix",
        ),
        web.get(r"/{handle:[0-9][^/]*/[\s\S]+}", paged, name="page"),
        web.get(r"/{oid:[012]\.[0-9.]+}", named, name="oid"),
    ]


async def _shown(request: web.Request, *, find: Find, digital_link: bool) -> web.Response:
    wish = Wish.of(request, digital_link=digital_link)
    raw = request.rel_url.raw_path
    try:
        recognised, identifier = await find(request.app[WIRING], raw)
        answer = await _resolved(request, recognised, identifier)
        check(answer)
        return _answered(request, wish, answer, _path(recognised, identifier))
    except BiaoshiError as error:
        if best_type(request.headers.get("Accept", ""), FORMS) != HTML:
            raise
        return _refused(request, wish, error, raw)


async def _by_handle(_: Wiring, raw: str) -> Found:
    identifier = Identifier.parse(from_url_path(raw[1:]))
    return Recognised(identifier.system, identifier.text, identifier), identifier


async def _by_link(wiring: Wiring, raw: str) -> Found:
    recognised = recognise(f"https://node{raw}")
    return recognised, await wiring.named.meant(recognised)


async def _by_oid(wiring: Wiring, raw: str) -> Found:
    recognised = recognise(f"urn:oid:{from_url_path(raw[1:])}")
    return recognised, await wiring.named.meant(recognised)


def _path(recognised: Recognised, identifier: Identifier) -> str:
    """Where the page is, without the slash before it."""
    if identifier.prefix != recognised.system:
        return to_url_path(identifier)
    return f"01/{recognised.text}" if recognised.system is System.GS1 else recognised.text


async def _resolved(request: web.Request, recognised: Recognised, identifier: Identifier) -> Answer:
    wiring = request.app[WIRING]
    actor = await authenticate(request, wiring)
    query = Query(identifier, anonymous(request[REQUEST_ID]))
    resolve = partial(wiring.named.resolve, recognised, wiring.chain.resolve)
    answer = await wiring.recorder.ask(request, Surface.PAGE, resolve, query, actor)
    if request.method == "GET":
        wiring.instruments.resolutions.labels(SURFACE, answer.source, answer.outcome).inc()
    return answer


def _answered(request: web.Request, wish: Wish, answer: Answer, path: str) -> web.Response:
    headers = {
        "Cache-Control": "private, must-revalidate",
        "Vary": VARY,
        "X-Content-Type-Options": "nosniff",
        **staleness(answer),
    }
    values = decode(answer.values)
    if wish.form is None:
        href = _target(request, wish, values)
        if href is not None:
            return web.Response(status=302, headers=headers | {"Location": href})
        if not wish.digital_link or wish.kind:
            raise LocationNotFound(
                f"{answer.handle} leads to no such place", field="type", rule="location-not-found"
            )
    form = wish.form or HTML
    body = _body(request, form, wish, answer, path, values)
    if form == HTML:
        headers["Content-Security-Policy"] = sheet.policy()
        headers["Content-Type"] = "text/html; charset=utf-8"
    else:
        headers["Content-Type"] = form
    return _unless_known(request, answer, form, wish, body, headers)


def _target(request: web.Request, wish: Wish, values: tuple[Value, ...]) -> str | None:
    choice = choice_of(values) if wish.any_kind else None
    if choice is not None:
        place = choice.of(Wanted(wish.attributes, _country(request)), _chance)
        if place is not None:
            return place.href
    found = choose(locations(values), wish.kind, wish.wanted, wish.context)
    return None if found is None else found.href


def _country(request: web.Request) -> str:
    """The client's, where the settings name a header for it and a trusted proxy sends it."""
    wiring = request.app[WIRING]
    name = wiring.settings.country_header
    told = wiring.clients.told(request, name).lower() if name else ""
    return told if len(told) == 2 and told.isalpha() else ""


def _chance() -> float:
    return secrets.randbelow(1 << 53) / (1 << 53)


def _body(
    request: web.Request,
    form: str,
    wish: Wish,
    answer: Answer,
    path: str,
    values: tuple[Value, ...],
) -> bytes:
    if form == HTML:
        return sheet.record(answer, path, values, wish.language, wish.wanted)
    if form == LINKSET:
        return linkset(base_of(request), path, all_locations(values))
    return msgspec.json.encode(Sent.of(answer))


def _unless_known(
    request: web.Request,
    answer: Answer,
    form: str,
    wish: Wish,
    body: bytes,
    headers: Mapping[str, str],
) -> web.Response:
    """304 where the reader has this state in this form."""
    if answer.tag is None or answer.merged:
        return web.Response(body=body, headers=headers)
    tag = f"{answer.tag}" if form == JSON else f"{answer.tag}+{form}+{wish.language}"
    headers = {**headers, "ETag": f'"{tag}"'}
    told = {one.strip().removeprefix("W/") for one in _if_none_match(request)}
    if told & {"*", headers["ETag"]}:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers)


def _if_none_match(request: web.Request) -> list[str]:
    return request.headers.get("If-None-Match", "").split(",")


def _refused(request: web.Request, wish: Wish, error: BiaoshiError, raw: str) -> web.Response:
    """A page that says why, for people."""
    kind = "failed"
    if isinstance(error, errors.InvalidIdentifier):
        kind = "invalid"
    elif isinstance(error, errors.IdentifierGone):
        kind = "withdrawn"
    elif isinstance(error, errors.NotFound):
        kind = "absent"
    try:
        handle = from_url_path(raw[1:])
    except errors.InvalidIdentifier:
        handle = raw[1:]
    response = web.Response(
        body=sheet.problem(kind, handle[:300], wish.language),
        status=status_of(error),
        headers={
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": sheet.policy(),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Vary": VARY,
        },
    )
    if isinstance(error, errors.Unavailable):
        response.headers["Retry-After"] = "5"
    return response


async def _image(request: web.Request, *, symbology: Symbology) -> web.Response:
    """A code with the address under which the identifier is found. Whether it is registered makes
    no difference: labels are printed before."""
    raw = request.rel_url.raw_path.split("/", 2)[2]
    identifier = Identifier.parse(from_url_path(raw))
    png = _parameter(request, "format") == "png"
    scale = _scale(_parameter(request, "scale"))
    body = drawn(symbology, f"{base_of(request)}/{to_url_path(identifier)}", png=png, scale=scale)
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body, content_type=PNG if png else SVG, headers=headers)


def base_of(request: web.Request) -> str:
    """The address under which the public reaches this node, without a slash at its end."""
    public = request.app[WIRING].settings.public_url
    return (public or str(request.url.origin())).rstrip("/")


def _scale(text: str) -> int:
    if not text:
        return 4
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_SCALE:
        return int(text)
    raise InvalidInput(f"a scale is 1 to {MAX_SCALE}", field="scale", rule="parameter")


def _attributes(request: web.Request) -> tuple[tuple[str, str], ...]:
    """Of `locatt=name:value`, which may come several times. Raises InvalidInput."""
    told = request.query.getall("locatt", [])
    pairs = [text.partition(":") for text in told if len(text) <= MAX_PARAMETER]
    if len(pairs) < len(told) or len(told) > MAX_ATTRIBUTES or not all(c for _, c, _ in pairs):
        raise InvalidInput(
            f"locatt is name:value, at most {MAX_PARAMETER} characters and {MAX_ATTRIBUTES} times",
            field="locatt",
            rule="parameter",
        )
    return tuple((name.strip().lower(), value) for name, _, value in pairs)


def _parameter(request: web.Request, name: str) -> str:
    text = request.query.get(name, "")
    if len(text) > MAX_PARAMETER:
        raise InvalidInput(
            f"{name} has at most {MAX_PARAMETER} characters", field=name, rule="parameter"
        )
    return text
