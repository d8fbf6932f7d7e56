"""Who applies, and for which node: the part of the facts that every policy has."""

from __future__ import annotations

from datetime import date

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    prefix: str  # the node's own, such as 88.118
    level: str = "二级节点"
    in_service: date | None = None  # the first day on which it could count anything

    def __post_init__(self) -> None:
        if self.level not in ("二级节点", "顶级节点"):
            raise ValueError("level 应为 二级节点 或 顶级节点")


class Company(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    credit_code: str = ""
    contact: str = ""
