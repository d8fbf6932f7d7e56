"""Enterprises: pages of them, one, and the application of a new one.

Of the form that the field knows, this node keeps what its own subject data have; certificates of
persons, pictures and deployment sites are passed over and never stored.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from node.snms import chinese, content
from node.snms.content import MAX_PREFIX
from node.snms.envelope import success
from node.snms.misformed import Misformed
from node.snms.page import Place, local, search
from node.snms.token import logged_in
from registry.access.application import MAX_SECRET, MAX_USERNAME
from registry.enterprise.subject import Subject
from registry.roll.admission import Admission, Login
from registry.roll.store import EnterpriseLine

CREDIT_CODE = "1"  # the kind of certificate that is a 统一社会信用代码
MAX_FIELD = 255
MAX_NUMBER = 2**31 - 1


class LoginBody(msgspec.Struct, frozen=True, rename="camel"):
    """The user to make. The password comes as its SHA-256 already."""

    user_name: str | None = None
    password: str | None = None


class BasicBody(msgspec.Struct, frozen=True, rename="camel"):
    org_name: str | None = None
    org_crt_type: int | str | None = None
    org_crt_code: str | None = None
    org_addr: str | None = None
    industry_category: str | None = None
    industry_specific: str | None = None
    website: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    contact_email: str | None = None
    legal_name: str | None = None
    ent_prefix: str | None = None


class ApplicationBody(msgspec.Struct, frozen=True, rename="camel"):
    sys_user: LoginBody | None = None
    ent_basic_info: BasicBody | None = None


class EnterpriseRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    org_name: str
    org_crt_code: str
    website: str | None
    create_date: str
    update_date: str
    org_crt_type: str = CREDIT_CODE
    org_nature: None = None
    org_desc: None = None
    ent_general_id: None = None
    open_ids: tuple[()] = ()


class BasicShown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    org_name: str
    org_crt_code: str
    org_addr: str
    industry_category: str
    industry_specific: str | None
    website: str | None
    contact_name: str
    contact_phone: str
    contact_email: str
    legal_name: str
    ent_prefix: str | None
    org_crt_type: str = CREDIT_CODE
    org_nature: None = None
    org_desc: None = None


class EnterpriseShown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    ent_basic_info: BasicShown
    ent_register_manage_info: None = None
    ent_hosting_and_identify_serve_info: None = None


async def page(request: web.Request) -> web.Response:
    wiring, actor = await logged_in(request)
    place, wanted = Place.of(request), search(request, "orgName")
    total, lines = await wiring.roll.enterprises(actor, wanted, place.number - 1, place.size)
    return success(place.page(total, [_row(line) for line in lines]))


async def show(request: web.Request) -> web.Response:
    """Without a number: one's own enterprise."""
    wiring, actor = await logged_in(request)
    text = content.optional(request, "id", 16)
    number = actor.enterprise_id
    if text is not None:
        if not (text.isascii() and text.isdigit() and int(text) <= MAX_NUMBER):
            raise Misformed(chinese.wrong_type("id"), field="id", rule="type")
        number = int(text)
    line = await wiring.roll.enterprise(actor, content.given(number, "id"))
    return success(_shown(line))


async def apply(request: web.Request) -> web.Response:
    """Enter an enterprise with the prefix it asks for; its number."""
    wiring, actor = await logged_in(request)
    actor.require_operator()
    body = await content.read(request, ApplicationBody)
    basic = content.given(body.ent_basic_info, "entBasicInfo")
    prefix = basic.ent_prefix or None
    admission = Admission(
        _subject(basic),
        content.text(prefix, _within("entPrefix"), MAX_PREFIX) if prefix else None,
        _login(body.sys_user) if body.sys_user else None,
    )
    return success(await wiring.admissions.admit(actor, admission))


def _subject(body: BasicBody) -> Subject:
    """Raises Misformed for what is missing; the rules of subject data are not looked at here."""
    if str(content.given(body.org_crt_type, _within("orgCrtType"))) != CREDIT_CODE:
        raise Misformed(
            chinese.CREDIT_CODE_ONLY, field=_within("orgCrtType"), rule="certificate-type"
        )
    category = content.text(body.industry_category, _within("industryCategory"), 8)
    return Subject(
        name=_needed(body.org_name, "orgName"),
        credit_code=_needed(body.org_crt_code, "orgCrtCode"),
        legal_person=_needed(body.legal_name, "legalName"),
        contact_name=_needed(body.contact_name, "contactName"),
        contact_phone=_needed(body.contact_phone, "contactPhone"),
        contact_email=_needed(body.contact_email, "contactEmail"),
        address=_needed(body.org_addr, "orgAddr"),
        industry=category + (body.industry_specific or ""),
        website=_website(body.website),
    )


def _login(body: LoginBody) -> Login:
    return Login(
        content.text(body.user_name, "sysUser.userName", MAX_USERNAME),
        content.text(body.password, "sysUser.password", MAX_SECRET).lower(),
    )


def _website(text: str | None) -> str | None:
    """Addresses are written without their scheme in this form."""
    if not text:
        return None
    return text if "://" in text else f"http://{text}"


def _needed(value: str | None, name: str) -> str:
    return content.text(value, _within(name), MAX_FIELD)


def _within(name: str) -> str:
    return f"entBasicInfo.{name}"


def _row(line: EnterpriseLine) -> EnterpriseRow:
    return EnterpriseRow(
        id=line.enterprise_id,
        org_name=line.subject.name,
        org_crt_code=line.subject.credit_code,
        website=line.subject.website,
        create_date=local(line.applied_at),
        update_date=local(line.changed_at),
    )


def _shown(line: EnterpriseLine) -> EnterpriseShown:
    subject = line.subject
    return EnterpriseShown(
        id=line.enterprise_id,
        ent_basic_info=BasicShown(
            org_name=subject.name,
            org_crt_code=subject.credit_code,
            org_addr=subject.address,
            industry_category=subject.industry[:1],
            industry_specific=subject.industry[1:3] or None,
            website=subject.website,
            contact_name=subject.contact_name,
            contact_phone=subject.contact_phone,
            contact_email=subject.contact_email,
            legal_name=subject.legal_person,
            ent_prefix=line.prefix,
        ),
    )
