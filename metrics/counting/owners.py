"""Who owns the prefixes, as an array that records can be looked up in."""

from __future__ import annotations

import numpy as np

from metrics.counting import store
from metrics.counting.reason import Owners
from metrics.journal.entry import Records
from registry.database import Connection


class OwnerTable:
    """A prefix is never given to another enterprise, so what is known stays."""

    def __init__(self) -> None:
        self._owners: Owners = np.zeros(1, np.uint32)

    @property
    def known(self) -> Owners:
        return self._owners

    async def covering(self, connection: Connection, records: Records) -> Owners:
        """The owners, those of the records' prefixes among them."""
        wanted = np.unique(records["prefix"])
        wanted = wanted[wanted != 0]
        if len(wanted) and (wanted[-1] >= len(self._owners) or (self._owners[wanted] == 0).any()):
            await self._load(connection)
        return self._owners

    async def _load(self, connection: Connection) -> None:
        found = await store.owners(connection)
        size = max((prefix_id for prefix_id, _ in found), default=0) + 1
        owners = np.zeros(size, np.uint32)
        for prefix_id, enterprise_id in found:
            owners[prefix_id] = enterprise_id
        self._owners = owners
