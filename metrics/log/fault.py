"""What is wrong with a text or a file of a log."""

from __future__ import annotations

from registry.errors import InvalidInput


class LogFault(InvalidInput):
    """`rule` names the rule that does not hold; they are listed in `docs/log.md`."""

    kind = "log-fault"
    title = "The certified log breaks a rule"
