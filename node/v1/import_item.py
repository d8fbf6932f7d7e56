"""Identifiers as an import names them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from node.v1.item import Item
from registry.identifier import Identifier


class ImportItem(Item, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identifier with its content, and the time of its first registration."""

    registered_at: datetime


class ImportLine(NamedTuple):
    """An item that was read. Its time is in UTC."""

    number: int
    identifier: Identifier
    item: ImportItem
    registered_at: datetime
