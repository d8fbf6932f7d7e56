"""Examples that the documentation shows. Tests decode every one as the server would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_VALUES: Final = [
    {"index": 1, "type": "URL", "data": "https://www.example.com/pumps/SN-00000001"},
    {"index": 2, "type": "PRODUCT_NAME", "data": "离心泵 Centrifugal pump"},
]

_SUBJECT: Final = {
    "name": "示例精密泵业有限公司",
    "credit_code": "91350100M000100Y43",
    "legal_person": "王小明",
    "contact_name": "李小红",
    "contact_phone": "0591-8888 0000",
    "contact_email": "contact@example.com",
    "address": "福建省福州市示例路 1 号",
    "industry": "C3441",
    "website": "https://www.example.com",
}

_TEMPLATE: Final = {
    "version": "pump-v1",
    "industryCategory": "C",
    "industrySpecific": "34",
    "industryTrade": "344",
    "industrySubclass": "3441",
    "type": 1,
    "description": "离心泵",
    "items": [
        {
            "name": "产品网页",
            "idType": "URL",
            "idIndex": 2000,
            "pattern": "https://www.example.com/pumps/{suffix:url}",
            "searchable": True,
        },
        {
            "name": "额定功率（kW）",
            "idType": "POWER",
            "idIndex": 2001,
            "required": True,
            "metadata": {"type": "number", "minLength": 1, "maxLength": 10},
        },
        {
            "name": "质检报告",
            "idType": "INSPECTION",
            "idIndex": 2002,
            "visibility": "granted",
        },
    ],
}

# By the name of the parameter.
PARAMETERS: Final[Mapping[str, Any]] = {
    "application_id": 1,
    "enterprise_id": 1,
    "handle": "88.118.1/SN-00000001",
    "job_id": 1,
    "key_id": "ABCDEFGH2345",
    "grant_id": 1,
    "gtin": "6901234567892",
    "number": "88.118-2025-001",
    "prefix": "88.118.1",
    "revision": 1,
    "reservation_id": 1,
    "version": "pump-v1",
    "year": 2026,
    "day": "2026-12-31",
}

# By the name of the operation.
BODIES: Final[Mapping[str, Any]] = {
    "applyForEnterprise": _SUBJECT,
    "amendEnterprise": _SUBJECT,
    "verifyEnterprise": {"evidence": "营业执照与法人身份证已核对，案卷 2026-0012"},
    "rejectEnterprise": {"note": "统一社会信用代码与营业执照不符"},
    "suspendEnterprise": {"note": "应企业要求"},
    "issueReport": {
        "year": 2025,
        "kind": "draft",
        "facts": '[node]\nname = "灯饰行业二级节点"\nprefix = "88.118"\n'
        '[company]\nname = "示例科技有限公司"\n',
    },
    "markRelatedParty": {
        "related": True,
        "since": "2026-03-02",
        "reason": "运营方持股 60% 的控股子公司，工商登记 2026-03-02",
    },
    "requestPrefix": {},
    "rejectPrefix": {"note": "与已有前缀重复"},
    "stopPrefix": {"note": "应企业要求"},
    "deletePrefix": {"note": "企业已注销"},
    "routePrefix": {
        "routing": {
            "address": "1.1.1.1",
            "listeners": [
                {"protocol": "TCP", "port": 2641},
                {"protocol": "HTTP", "port": 8000},
            ],
        }
    },
    "setPrefixAdministrators": {
        "administrators": [
            {"handle": "88.118.1/ADMIN", "index": 300, "permissions": "011111110011"}
        ]
    },
    "createKey": {"label": "line 3", "scopes": ["register"]},
    "createApplication": {"username": "mes-line-3", "scopes": ["register"]},
    "reserveCodes": {"pattern": "SN-{yyyy}{mm}-{serial:06d}{check:mod10}", "count": 500},
    "addBlock": {"pattern": "SN-{serial:08d}", "start": 1, "count": 1000, "values": _VALUES[1:]},
    "createTemplate": _TEMPLATE,
    "amendTemplate": {
        "items": [
            {
                "idIndex": 2000,
                "idType": "URL",
                "pattern": "https://www.example.com/p?code={handle:url}",
            }
        ]
    },
    "grantItems": {
        "enterprise_id": 2,
        "template": "pump-v1",
        "expires_at": "2027-12-31T16:00:00Z",
    },
    "addUpload": {
        "file": "标识后缀,详情网址\nSN-00000001,https://www.example.com/pumps/SN-00000001\n",
        "options": {"columns": {"标识后缀": {"role": "suffix"}}},
    },
    "registerIdentifiers": [
        {"handle": "88.118.1/SN-00000001", "values": _VALUES},
        {"handle": "88.118.1/SN-00000002", "values": _VALUES[1:]},
    ],
    "amendIdentifiers": [
        {"handle": "88.118.1/SN-00000001", "values": _VALUES[1:]},
        {"handle": "88.118.1/SN-00000002", "remove": [2]},
    ],
    "withdrawIdentifiers": [{"handle": "88.118.1/SN-00000001"}],
    "putGtin": {"prefix": "88.118.1"},
    "resolveBatch": {"handles": ["88.118.1/SN-00000001", "hdl:88.118.1/SN-00000002"]},
    "importIdentifiers": {
        "handle": "88.118.1/SN-00000009",
        "values": _VALUES,
        "registered_at": "2024-05-06T07:08:09Z",
    },
    "putIdentifier": {"values": _VALUES},
    "changeIdentifier": {
        "values": [{"index": 3, "type": "INSPECTED", "data": "2026-03-02"}],
        "remove": [2],
    },
}
