"""What people read: the messages of this surface, in Chinese.

A rule says more than the kind of error it belongs to, so its words go first. Errors that need a
name or a number in their message are made by the functions at the end.
"""

from __future__ import annotations

from http import HTTPStatus

from node.http.body import InvalidJson
from node.snms.misformed import Misformed
from registry import errors
from registry.access.application import (
    ApplicationExists,
    ApplicationNotFound,
    WrongCredentials,
)
from registry.enterprise.subject import MAX_CHARACTERS
from registry.errors import BiaoshiError
from registry.identifier import MAX_IDENTIFIER_BYTES, MAX_PREFIX_BYTES
from registry.template.template import ItemType, TemplateItem

BUSY = "系统繁忙，请稍后再试"
BAD_REQUEST = "请求有误"
EXISTS = "标识已存在"
INDEX_RANGE = "模板属性索引（idIndex）应从2000开始"
ITEM_TYPE = "模板属性数据类型（metadata.type）目前只支持string"
CREDIT_CODE_ONLY = "单位证件类型（orgCrtType）目前只支持1（统一社会信用代码）"
FORMAT = "标识属性格式（data.format）目前只支持string"

HTTP: dict[int, str] = {
    HTTPStatus.BAD_REQUEST: "请求内容不完整",
    HTTPStatus.NOT_FOUND: "接口不存在",
    HTTPStatus.METHOD_NOT_ALLOWED: "该接口不支持此请求方式",
}

# The nearest class above an error decides.
KINDS: dict[type[BiaoshiError], str] = {
    errors.InvalidInput: "请求参数有误",
    errors.InvalidIdentifier: "标识格式不正确",
    errors.InvalidValue: "标识属性值不合法",
    errors.DuplicateIndex: "标识属性索引重复",
    errors.InvalidSubject: "企业信息有误",
    errors.InvalidPattern: "编码规则有误",
    errors.InvalidRouting: "解析服务地址有误",
    errors.InvalidTemplate: "数据模板有误",
    errors.UnknownTemplate: "数据模板不存在",
    errors.InvalidAttribute: "标识属性不符合数据模板",
    errors.TooLarge: "请求内容过大",
    InvalidJson: "请求内容不是合法的JSON",
    errors.NotAuthenticated: "未登录或token已失效，请重新获取token",
    WrongCredentials: "用户名或密码错误",
    errors.NotPermitted: "没有操作权限",
    errors.NotPrefixOwner: "无权操作该前缀下的标识",
    errors.EnterpriseNotVerified: "企业尚未通过实名核验",
    errors.EnterpriseSuspended: "企业已被暂停服务，不能注册或变更标识",
    errors.PrefixNotActive: "前缀未启用，不能注册或变更标识",
    errors.PrefixElsewhere: "前缀未托管在本节点，请在企业自己的解析系统中操作",
    errors.NotFound: "查询的内容不存在",
    errors.IdentifierNotFound: "标识不存在",
    errors.IdentifierGone: "标识已被删除",
    errors.ValueNotFound: "标识属性不存在",
    errors.PrefixNotFound: "前缀不存在",
    errors.EnterpriseNotFound: "企业不存在",
    errors.CodesNotFound: "编码预留记录不存在",
    errors.TemplateNotFound: "数据模板不存在",
    errors.GrantNotFound: "授权不存在",
    errors.KeyNotFound: "密钥不存在",
    ApplicationNotFound: "应用标识身份不存在",
    errors.Conflict: "与已有数据冲突",
    errors.IdentifierExists: EXISTS,
    errors.IdentifierWithdrawn: "标识已被删除，不能重新注册；确需恢复，请加参数revive=true",
    errors.ValueExists: "标识属性已存在",
    errors.RevisionMismatch: "标识正在被他人修改，请重试",
    errors.EnterpriseExists: "该企业已提交过申请",
    errors.PrefixTaken: "前缀已被占用",
    errors.TemplateExists: "该版本的数据模板已存在",
    errors.CodesExhausted: "编码已用完",
    errors.WrongState: "当前状态不允许此操作",
    errors.KeyReused: "请求编号已用于其他请求",
    ApplicationExists: "用户名已存在",
    errors.TooManyRequests: "请求过于频繁，请稍后再试",
    errors.Unavailable: BUSY,
    errors.NationalNodeUnavailable: "国家顶级节点暂时无法访问，请稍后再试",
    errors.NationalNodeRefused: "国家顶级节点拒绝了请求",
    errors.RemoteUnavailable: "标识所在节点暂时无法访问，请稍后再试",
    BiaoshiError: BUSY,
}

RULES: dict[str, str] = {
    # identifiers
    "empty": "标识不能为空",
    "no-slash": "标识格式不正确，应为“前缀/后缀”",
    "too-long": f"标识过长，最多{MAX_IDENTIFIER_BYTES}个字节（一个汉字占3个字节）",
    "prefix-empty": "标识前缀不能为空",
    "prefix-slash": "前缀不能包含斜杠",
    "prefix-too-long": f"前缀过长，最多{MAX_PREFIX_BYTES}个字节",
    "prefix-syntax": "前缀格式不正确",
    "suffix-empty": "标识后缀不能为空",
    "edge-blank": "标识的前缀和后缀首尾不能有空格",
    "nul": "标识包含空字符",
    "control-character": "标识包含控制字符",
    "line-separator": "标识包含换行符",
    "format-character": "标识包含不可见字符",
    "private-use-character": "标识包含无法识别的字符",
    "unassigned-character": "标识包含无法识别的字符",
    "surrogate": "标识包含不完整的字符",
    # their values
    "record-too-large": "标识属性总长度超出限制",
    "too-many-values": "标识属性个数超出限制",
    "data-nul": "标识属性值不能包含空字符",
    "data-surrogate": "标识属性值包含不完整的字符",
    "type-text": "标识属性类型不合法",
    "template-index": "索引1001为预留索引，不能使用",
    "value-read-only": "该标识属性不允许修改",
    # templates
    "template-used": "该数据模板已被标识使用，不能删除，可以禁用其中的属性",
    "version-text": "模板版本不合法：不能包含斜杠，首尾不能有空格",
    "item-twice": "模板属性重复",
    "name-needed": "模板属性缺少中文名称（name）",
    "too-many-items": "模板属性个数超出限制",
    "gives-too-much": "模板属性的默认值过长",
    "idIndex-twice": "模板属性索引（idIndex）重复",
    "idType-twice": "模板属性英文名称（idType）重复",
    "name-twice": "模板属性中文名称（name）重复",
    "length-order": "最小长度（minLength）不能大于最大长度（maxLength）",
    "idType-text": "模板属性英文名称（idType）不合法",
    "idType-reserved": "该英文名称（idType）为系统保留，不能使用",
    "name-text": "模板属性中文名称（name）不合法",
    "industry-text": "行业信息不合法",
    "description-text": "模板描述不合法",
    "default-length": "模板属性的默认值不符合长度限制",
    "default-type": "模板属性的默认值与数据类型不符",
    "default-required": "必填属性的默认值不能为空",
    # who may
    "tls-needed": "请通过HTTPS访问",
    "operator-only": "只有管理员可以执行此操作",
    "enterprise-only": "只有前缀所属企业可以执行此操作",
    "other-enterprise": "无权访问其他企业的数据",
    "scope-register": "该应用没有标识注册权限",
    "scope-manage": "该应用没有管理权限",
    # applications of enterprises
    "prefix-code": "企业前缀格式不正确，应为“本节点前缀.数字”",
    "username-text": "用户名不合法",
    "password-digest": "密码应为SHA-256摘要（64位十六进制）",
    "json-utf8": "请求内容不是UTF-8编码",
    "body-broken": "请求内容不完整",
    "page-size": "每页条数应为1至1000",
    "search-text": "查询条件包含非法字符",
}

_SUBJECT = {
    "name": "单位名称",
    "credit_code": "统一社会信用代码",
    "legal_person": "法定代表人姓名",
    "contact_name": "联系人姓名",
    "contact_phone": "联系人手机",
    "contact_email": "联系人邮箱",
    "address": "单位地址",
    "industry": "所属行业",
    "website": "官方网站",
}
_SUBJECT_RULES = {
    "required": "不能为空",
    "edge-blank": "首尾不能有空格",
    "unprintable-character": "包含不可见字符",
    "credit-code-check-digit": "校验位不正确",
}

_ITEM_TYPES = {
    ItemType.STRING: "文本",
    ItemType.NUMBER: "数字，如12或-0.5",
    ItemType.DATE: "日期，如2026-03-02",
    ItemType.REFERENCE: "标识，格式为“前缀/后缀”",
}


def message(error: BiaoshiError) -> str:
    """What a client shows for an error."""
    if isinstance(error, Misformed):
        return error.detail
    if isinstance(error, errors.InvalidSubject):
        return _subject(error)
    if error.rule in RULES:
        return RULES[error.rule]
    return next(KINDS[above] for above in type(error).__mro__ if above in KINDS)


def missing(name: str) -> str:
    return f"缺少必要的请求参数: {name}"


def wrong_type(name: str) -> str:
    return f"请求参数类型不正确: {name}" if name else "请求参数类型不正确"


def too_long(name: str, most: int) -> str:
    return f"请求参数过长: {name}，最多{most}个字符"


def wrong_choice(name: str) -> str:
    return f"请求参数取值不正确: {name}"


def wrong_number(name: str, most: int) -> str:
    return f"请求参数取值不正确: {name}，应为1至{most}的整数"


def wrong_time(name: str) -> str:
    return f"时间格式不正确: {name}，应为yyyy-MM-dd HH:mm:ss"


def length_range(most: int) -> str:
    return f"长度限制应在{most}以内，且最大长度（maxLength）不小于1"


def unreadable(name: str) -> str:
    return f"请求参数包含非法字符: {name}"


def too_many(most: int) -> str:
    return f"批量操作一次最多{most}条"


def index_unknown(index: int) -> str:
    return f"非法操作，索引{index}在模板中不存在"


def index_reserved(index: int) -> str:
    return f"索引{index}为预留索引，不能使用"


def type_mismatch(item: TemplateItem) -> str:
    return f"非法操作，索引{item.id_index}的类型与模板不一致，应为{item.id_type}"


def item_fault(item: TemplateItem, rule: str | None) -> str:
    """What is wrong with the value of an item."""
    name = f"属性“{item.name}”（索引{item.id_index}）"
    if rule == "required":
        return f"{name}为必填项"
    if rule == "disabled":
        return f"{name}已禁用"
    if rule == "length":
        low, high = item.metadata.min_length, item.metadata.max_length
        return f"{name}的长度应为{low}至{high}个字符"
    return f"{name}的值应为{_ITEM_TYPES[item.metadata.type]}"


def _subject(error: BiaoshiError) -> str:
    name = _SUBJECT.get(error.field or "", "企业信息")
    if error.rule == "too-long":
        return f"{name}过长，最多{MAX_CHARACTERS[error.field or '']}个字符"
    return name + _SUBJECT_RULES.get(error.rule or "", "格式不正确")
