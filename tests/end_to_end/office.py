"""What an operator does at the node's console, done in the database beside the running node."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
from stdnum.cn import uscc

from registry.access.actor import Actor, Role, console
from registry.access.key import KeyWish
from registry.access.keyring import Keyring
from registry.access.once import OnceRunner
from registry.database import Database
from registry.enterprise.enterprises import Enterprises
from registry.enterprise.subject import Subject
from registry.prefix.prefix import Routing
from registry.prefix.prefixes import Prefixes, PrefixWish
from registry.sealing import SealingKey

SECONDARY = "88.118"


@dataclass(frozen=True)
class Holder:
    """An enterprise with a prefix, and its key."""

    enterprise_id: int
    key: str
    prefix: str


class Office:
    def __init__(self, database: Database, sealing: SealingKey) -> None:
        once = OnceRunner(database, sealing)
        self.database = database
        self.prefixes = Prefixes(database, once, SECONDARY, allow_private=True)
        self._enterprises = Enterprises(database, once)
        self._keyring = Keyring(database, once, lambda: datetime.now(UTC))
        self._codes = itertools.count(1)

    async def operator(self) -> str:
        """A new operator's key."""
        made = await self._keyring.create(console(), KeyWish(role=Role.OPERATOR, label="tests"))
        return made.secret

    async def holder(self, routing: Routing | None = None) -> Holder:
        """A new enterprise with an active prefix, of which the national node was told nothing."""
        holder = await self.applicant(routing)
        await self.approve(holder)
        await self.prefixes.settle_review(console(), holder.prefix, True, "")
        await self.fetch("UPDATE outbox SET settled_at = now() WHERE subject = $1", holder.prefix)
        return holder

    async def applicant(self, routing: Routing | None = None) -> Holder:
        """A new, verified enterprise whose prefix waits for the operator."""
        application = await self._enterprises.apply(console(), self._subject())
        number = application.enterprise.enterprise_id
        await self._enterprises.verify(console(), number, "营业执照原件核对")
        wish = PrefixWish(enterprise_id=number, routing=routing)
        prefix = await self.prefixes.request(Actor("tests", role=Role.OPERATOR), wish)
        return Holder(number, application.key.secret, prefix.prefix)

    async def approve(self, holder: Holder) -> None:
        """From here on a filing is owed to the national node."""
        await self.prefixes.approve(console(), holder.prefix)

    async def fetch(self, statement: str, *parameters: object) -> list[asyncpg.Record]:
        """Look into the database behind the node's back."""
        async with self.database.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *parameters)
            return rows

    def _subject(self) -> Subject:
        body = f"91442000{next(self._codes):09d}"
        return Subject(
            name="中山市示范灯饰有限公司",
            credit_code=body + uscc.calc_check_digit(body),
            legal_person="梁伟明",
            contact_name="陈小姐",
            contact_phone="0760-22345678",
            contact_email="contact@example.com",
            address="广东省中山市古镇镇同益工业园",
            industry="C3872",
        )
