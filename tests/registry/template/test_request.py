"""A request asks for each template once, for those it may not use as well."""

from __future__ import annotations

from typing import Any, cast

import pytest

from registry.access.actor import Actor, anonymous
from registry.errors import UnknownTemplate
from registry.template.compiled import Compiled
from registry.template.request import RequestedTemplates
from registry.template.templates import Templates


class Counting:
    """Stands for the templates: knows `v1` alone, and counts who asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def prepared(self, actor: Actor, prefix: str, version: str) -> Compiled:
        self.asked.append(version)
        if version != "v1":
            raise UnknownTemplate("no such template")
        return cast(Any, object())


async def test_each_is_asked_for_once() -> None:
    counting = Counting()
    requested = RequestedTemplates(cast(Templates, counting), anonymous())
    assert await requested.get("88.118.1", "v1") is await requested.get("88.118.1", "v1")
    for _ in range(2):
        with pytest.raises(UnknownTemplate):
            await requested.get("88.118.1", "v2")
    assert counting.asked == ["v1", "v2"]
