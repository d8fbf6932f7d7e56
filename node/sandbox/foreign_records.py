"""The products of the sandbox's foreign node: invented enterprises, realistic records."""

from __future__ import annotations

import msgspec

PREFIX = "86.1000.1"
EXAMPLE = f"{PREFIX}/DEMO-0001"

_TTL = 86400  # seconds
_WRITTEN = "2024-03-15T02:00:00Z"


class Value(msgspec.Struct, frozen=True):
    """One public Handle value."""

    index: int
    type: str
    value: str

    def as_json(self) -> dict[str, object]:
        return {
            "index": self.index,
            "type": self.type,
            "data": {"format": "string", "value": self.value},
            "ttl": _TTL,
            "timestamp": _WRITTEN,
        }


def _product(url: str, **items: str) -> tuple[Value, ...]:
    """URL at 1, template version at 1001 and the template's items from 2000, as SNMS numbers."""
    listed = enumerate(items.items(), start=2000)
    return (
        Value(1, "URL", url),
        Value(1001, "TEMPLATE", "product_v1"),
        *(Value(index, name, value) for index, (name, value) in listed),
    )


RECORDS: dict[str, tuple[Value, ...]] = {
    EXAMPLE: _product(
        "https://product.example.com/demo-0001",
        productName="永磁同步伺服电机",
        productType="电机制造",
        brand="示范牌",
        model="SM-80-0R75",
        manufacturer="示范市精密电机有限公司",
        productionDate="2024-03-08",
        batch="20240308A",
        serialNumber="DEMO-0001",
    ),
    f"{PREFIX}/DEMO-0002": _product(
        "https://product.example.com/demo-0002",
        productName="深沟球轴承",
        productType="轴承制造",
        brand="示范牌",
        model="6204-2RS",
        manufacturer="示范市轴承制造有限公司",
        productionDate="2024-02-27",
        batch="Z240227",
        inspection="合格",
    ),
    f"{PREFIX}/LOT/2024/07": _product(
        "https://product.example.com/lot/2024/07",
        productName="磷酸铁锂电芯（批次）",
        productType="锂离子电池制造",
        brand="样板能源",
        model="LFP-3.2V-100Ah",
        manufacturer="样板新能源科技有限公司",
        productionDate="2024-03-01",
        quantity="12000",
    ),
    f"{PREFIX}/灯具-0004": _product(
        "https://product.example.com/lamp-0004",
        productName="LED吸顶灯",
        productType="照明灯具制造",
        brand="古镇样灯",
        model="XD-36W",
        manufacturer="样板照明电器有限公司",
        productionDate="2024-01-19",
        certificate="CCC 2024000000000000",
    ),
    f"{PREFIX}/A+B 100%#1": _product(
        "https://product.example.com/kit-1",
        productName="双组分结构胶套装",
        productType="专项化学用品制造",
        brand="示范牌",
        model="A+B",
        manufacturer="示范市新材料有限公司",
        productionDate="2024-03-11",
        expiryDate="2025-03-10",
    ),
}
