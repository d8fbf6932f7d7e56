"""An enterprise's subject data (企业主体信息), from which the national node's table 6 is made."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NoReturn

import msgspec
from stdnum.cn import uscc

from registry.errors import InvalidSubject
from registry.identifier import first_unprintable

# Data about persons: never in logs, labels or public answers.
PERSONAL: Final = frozenset({"legal_person", "contact_name", "contact_phone", "contact_email"})

# Longest value, in characters; the national node's tables are of the same order.
MAX_CHARACTERS: Final = {
    "name": 128,
    "credit_code": 18,
    "legal_person": 64,
    "contact_name": 64,
    "contact_phone": 32,
    "contact_email": 254,  # RFC 5321, section 4.5.3.1.3
    "address": 255,
    "industry": 5,
    "website": 255,
}

# GB/T 4754-2017, table 1: the divisions (大类) of each section (门类), first and last.
SECTIONS: Final = {
    "A": (1, 5),  # 农、林、牧、渔业
    "B": (6, 12),  # 采矿业
    "C": (13, 43),  # 制造业
    "D": (44, 46),  # 电力、热力、燃气及水生产和供应业
    "E": (47, 50),  # 建筑业
    "F": (51, 52),  # 批发和零售业
    "G": (53, 60),  # 交通运输、仓储和邮政业
    "H": (61, 62),  # 住宿和餐饮业
    "I": (63, 65),  # 信息传输、软件和信息技术服务业
    "J": (66, 69),  # 金融业
    "K": (70, 70),  # 房地产业
    "L": (71, 72),  # 租赁和商务服务业
    "M": (73, 75),  # 科学研究和技术服务业
    "N": (76, 79),  # 水利、环境和公共设施管理业
    "O": (80, 82),  # 居民服务、修理和其他服务业
    "P": (83, 83),  # 教育
    "Q": (84, 85),  # 卫生和社会工作
    "R": (86, 90),  # 文化、体育和娱乐业
    "S": (91, 96),  # 公共管理、社会保障和社会组织
    "T": (97, 97),  # 国际组织
}

# GB 32100-2015: department and kind, 6 digits of region, organisation code, check character; the
# letters I, O, S, V, Z are not used.
_CREDIT_CODE: Final = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")
_INDUSTRY: Final = re.compile(r"([A-T])(?:([0-9]{2})[0-9]{0,2})?")
_PHONE: Final = re.compile(r"\+?[0-9(][0-9() -]*[0-9]")
_EMAIL: Final = re.compile(
    r"[0-9A-Za-z.!#$%&'*+/=?^_`{|}~-]{1,64}@[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+"
)
_WEBSITE: Final = re.compile(r"(?i:https?)://[^\s/?#@:]+(?::[0-9]{1,5})?(?:[/?#]\S*)?")


class Rule(StrEnum):
    """The rules subject data can break. The values are stable: clients branch on them."""

    REQUIRED = "required"
    TOO_LONG = "too-long"
    EDGE_BLANK = "edge-blank"
    UNPRINTABLE = "unprintable-character"
    CREDIT_CODE = "credit-code-syntax"
    CREDIT_CODE_CHECK = "credit-code-check-digit"
    PHONE = "phone-syntax"
    EMAIL = "email-syntax"
    INDUSTRY = "industry-syntax"
    INDUSTRY_SECTION = "industry-section"
    WEBSITE = "website-syntax"


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an enterprise says of itself when it applies. Only `website` may be left out.

    Checked by `check` where it comes in, not by the constructor: what is stored obeyed the rules of
    its day and must stay readable when they change. `repr` leaves personal data out, so that a
    traceback or a log line that shows a subject shows none.
    """

    name: str  # as on the business licence
    credit_code: str  # 统一社会信用代码, 18 characters
    legal_person: str  # 法定代表人
    contact_name: str
    contact_phone: str
    contact_email: str
    address: str
    industry: str  # GB/T 4754-2017: section letter and none, 2, 3 or 4 digits, as in C3872
    website: str | None = None

    def __repr__(self) -> str:
        return f"Subject(name={self.name!r}, credit_code={self.credit_code!r}, …)"


def check(subject: Subject) -> None:
    """Raises InvalidSubject for the first field, in order, that breaks a rule.

    Whether the code, the name and the person belong together is for the reviewer.
    """
    for field in subject.__struct_fields__:
        value = getattr(subject, field)
        if value is None:
            continue
        _check_text(field, value)
        if field in _CHECKS:
            _CHECKS[field](value)


def _check_text(field: str, value: str) -> None:
    if not value:
        _refuse(field, Rule.REQUIRED, "must be given")
    most = MAX_CHARACTERS[field]
    if len(value) > most:
        _refuse(field, Rule.TOO_LONG, f"has more than {most} characters")
    unprintable = first_unprintable(value)
    if unprintable:
        index, _, kind = unprintable
        _refuse(field, Rule.UNPRINTABLE, f"contains {kind} at character {index + 1}")
    if value[0].isspace() or value[-1].isspace():
        _refuse(field, Rule.EDGE_BLANK, "begins or ends with a blank")


def _check_credit_code(code: str) -> None:
    if not _CREDIT_CODE.fullmatch(code):
        _refuse(
            "credit_code",
            Rule.CREDIT_CODE,
            "is not 18 digits and capital letters (without I, O, S, V, Z), the third to eighth "
            "digits",
        )
    # Not uscc.is_valid: it refuses the letters that GB 32100-2015 has for some departments.
    if uscc.calc_check_digit(code[:17]) != code[17]:
        _refuse("credit_code", Rule.CREDIT_CODE_CHECK, "does not end in its check character")


def _check_industry(code: str) -> None:
    industry = _INDUSTRY.fullmatch(code)
    if not industry:
        _refuse(
            "industry",
            Rule.INDUSTRY,
            "is not a class of GB/T 4754-2017: a letter A to T and none, 2, 3 or 4 digits",
        )
    section, division = industry.groups()
    first, last = SECTIONS[section]
    if division and not first <= int(division) <= last:
        _refuse(
            "industry",
            Rule.INDUSTRY_SECTION,
            f"names division {division}, but section {section} has {first:02d} to {last:02d}",
        )


def _check_phone(phone: str) -> None:
    # 7 digits: a local number; 15: the longest international one (ITU-T E.164); 6 of extension.
    if not _PHONE.fullmatch(phone) or not 7 <= sum(c.isdigit() for c in phone) <= 21:
        _refuse(
            "contact_phone",
            Rule.PHONE,
            "is not a telephone number of 7 digits or more, with +, -, ( ) and blanks between",
        )


def _check_email(address: str) -> None:
    if not _EMAIL.fullmatch(address):
        _refuse("contact_email", Rule.EMAIL, "is not an e-mail address")


def _check_website(url: str) -> None:
    if not _WEBSITE.fullmatch(url):
        _refuse("website", Rule.WEBSITE, "is not an address that begins with http:// or https://")


_CHECKS: Final[dict[str, Callable[[str], None]]] = {
    "credit_code": _check_credit_code,
    "industry": _check_industry,
    "contact_phone": _check_phone,
    "contact_email": _check_email,
    "website": _check_website,
}


def _refuse(field: str, rule: Rule, problem: str) -> NoReturn:
    """`problem` never repeats the value: it may be personal."""
    raise InvalidSubject(f"The field {field} {problem}.", field=field, rule=rule)
