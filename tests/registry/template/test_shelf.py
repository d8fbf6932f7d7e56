"""The shelf: what is at hand is never older than what was asked for."""

from __future__ import annotations

from typing import Any

from registry.database import Database
from registry.template import store
from registry.template.shelf import Shelf
from registry.template.templates import Templates
from tests.registry.template.conftest import Define, changing

URL = {"idType": "URL", "pattern": "https://e.cn/{suffix}"}


class Counting:
    """A connection that counts what is asked of it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.asked = 0

    async def fetch(self, *arguments: Any) -> Any:
        self.asked += 1
        return await self._connection.fetch(*arguments)


async def test_the_same_generation_is_read_once(
    database: Database, lamps: Any, define: Define
) -> None:
    number = (await define(lamps, URL)).template_id
    shelf = Shelf()
    async with database.connection() as connection:
        counting: Any = Counting(connection)
        first = await shelf.get(counting, number, 1)
        assert await shelf.get(counting, number, 1) is first
        assert counting.asked == 1


async def test_a_later_generation_is_read_anew(
    database: Database, lamps: Any, define: Define, amend: Any
) -> None:
    number = (await define(lamps, URL)).template_id
    shelf = Shelf()
    async with database.connection() as connection:
        await shelf.get(connection, number, 1)
        await amend(lamps, {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn"})
        assert (await shelf.get(connection, number, 2)).generation == 2
        # A row that was read before the change gets what is newer.
        assert (await shelf.get(connection, number, 1)).generation == 2
        assert (await shelf.current(connection, number)).generation == 2


async def test_what_was_read_late_does_not_replace_what_is_newer(
    database: Database, templates: Templates, lamps: Any, define: Define, amend: Any
) -> None:
    number = (await define(lamps, URL)).template_id
    shelf = Shelf()
    async with database.connection() as connection:
        (old,) = await store.by_ids(connection, [number])
        await amend(lamps, {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn"})
        new = await shelf.get(connection, number, 2)
        assert shelf._place(old) is new
        assert await shelf.get(connection, number, 2) is new


async def test_it_holds_so_many(database: Database, lamps: Any, define: Define) -> None:
    numbers = [(await define(lamps, URL, version=f"v{n}")).template_id for n in range(3)]
    shelf = Shelf(size=2)
    async with database.connection() as connection:
        counting: Any = Counting(connection)
        for number in (numbers[0], numbers[1], numbers[0], numbers[2], numbers[0]):
            assert (await shelf.get(counting, number, 1)).template_id == number
        assert counting.asked == 3
        await shelf.get(counting, numbers[1], 1)
        assert counting.asked == 4


async def test_all_generations(
    database: Database, templates: Templates, lamps: Any, define: Define, amend: Any
) -> None:
    number = (await define(lamps, URL)).template_id
    await amend(lamps, {"idIndex": 2000, "idType": "URL", "pattern": "https://f.cn"})
    await templates.amend(lamps.actor, lamps.prefix, "v1", changing(description="灯"))
    await templates.delete(lamps.actor, lamps.prefix, "v1")
    async with database.connection() as connection:
        states = await Shelf().generations(connection, [number])
        assert await Shelf().generations(connection, []) == []
    assert [template.generation for _, template in states] == [1, 2, 3]
    assert [since for since, _ in states] == sorted(since for since, _ in states)
    shown = [template.whole((), "A")[-1].data.value for _, template in states]
    assert shown == ["https://e.cn/A", "https://f.cn", "https://f.cn"]
