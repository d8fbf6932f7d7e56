"""Clauses: functions whose docstring quotes the law, and whose findings print the same words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TypeVar

from award.policy.finding import Finding, Outcome

C = TypeVar("C")
_QUOTED = re.compile(r"\s*(?P<article>[^：]+)：(?P<quote>.+?)(?:\n\s*\n|$)", re.DOTALL)


def clause(name: str, title: str) -> Callable[[Callable[[C], Outcome]], Callable[[C], Finding]]:
    """Make a clause's outcome a finding under its article and words.

    The docstring's first paragraph reads `article：quotation`; what follows is our own remark.
    """

    def decorate(function: Callable[[C], Outcome]) -> Callable[[C], Finding]:
        article, quote = quoted(function)

        def find(case: C) -> Finding:
            found = function(case)
            return Finding(name, article, title, quote, found.verdict, found.reason, found.evidence)

        find.__doc__ = function.__doc__
        find.__name__ = function.__name__
        return find

    return decorate


def quoted(function: Callable[..., object]) -> tuple[str, str]:
    """The article and the words that a docstring quotes."""
    found = _QUOTED.match(inspect.getdoc(function) or "")
    if not found:
        raise TypeError(f"{function.__name__} does not quote its clause as `article：words`")
    words = "".join(line.strip() for line in found["quote"].splitlines())
    return found["article"].strip(), words
