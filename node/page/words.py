"""What the page of a record says, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("zh", "en")

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "title": "标识解析",
        "node": "工业互联网标识解析二级节点",
        "values": "标识信息",
        "type": "类型",
        "content": "内容",
        "updated": "更新时间",
        "open": "查看产品网页",
        "source-local": "本节点登记",
        "source-recursive": "由其他节点应答",
        "stale": "数据库暂时不可用，以下为最近一次已知的内容。",
        "code": "二维码",
        "matrix": "Data Matrix 码",
        "formats": "其他格式",
        "other": "English",
        "none": "该标识没有公开信息。",
        "structured": "结构化数据",
        "absent": "查无此标识",
        "absent-text": "没有找到标识 {handle}。请核对后重试，或向产品的生产企业查询。",
        "withdrawn": "标识已注销",
        "withdrawn-text": "标识 {handle} 曾经登记，现已由登记企业注销。",
        "failed": "暂时无法解析",
        "failed-text": "标识 {handle} 现在无法解析，请稍后重试。",
        "invalid": "标识格式不正确",
        "invalid-text": "“{handle}”不是正确的标识。",
    },
    "en": {
        "title": "Identifier",
        "node": "Secondary node of the Industrial Internet identifier system",
        "values": "Record",
        "type": "Type",
        "content": "Content",
        "updated": "Updated",
        "open": "Open the product page",
        "source-local": "Registered at this node",
        "source-recursive": "Answered by another node",
        "stale": "The database is away for the moment; this is what was last known.",
        "code": "QR code",
        "matrix": "Data Matrix code",
        "formats": "Other formats",
        "other": "中文",
        "none": "Nothing of this identifier's record is public.",
        "structured": "structured data",
        "absent": "No such identifier",
        "absent-text": "There is no identifier {handle}. Please check it, or ask the manufacturer.",
        "withdrawn": "Identifier withdrawn",
        "withdrawn-text": "{handle} was registered once and has been withdrawn by its enterprise.",
        "failed": "It cannot be resolved just now",
        "failed-text": "{handle} cannot be resolved just now. Please try again later.",
        "invalid": "Not an identifier",
        "invalid-text": "“{handle}” is not an identifier.",
    },
}
