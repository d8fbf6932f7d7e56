"""The templates one request asks for, each asked for once."""

from __future__ import annotations

from registry.access.actor import Actor
from registry.errors import BiaoshiError
from registry.template.compiled import Compiled
from registry.template.templates import Templates


class RequestedTemplates:
    """Remembers refusals too: a thousand lines of an unknown template cost one look."""

    def __init__(self, templates: Templates, actor: Actor) -> None:
        self._templates = templates
        self._actor = actor
        self._known: dict[tuple[str, str], Compiled | BiaoshiError] = {}

    async def get(self, prefix: str, version: str) -> Compiled:
        """Raises what the template is refused with, as `Templates.prepared` does."""
        known = self._known.get((prefix, version))
        if known is None:
            try:
                known = await self._templates.prepared(self._actor, prefix, version)
            except BiaoshiError as error:
                known = error
            self._known[prefix, version] = known
        if isinstance(known, BiaoshiError):
            raise known
        return known
