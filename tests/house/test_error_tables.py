"""Every kind of domain error has an answer on every surface, and stands in the drawn tree."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable

import pytest

import award
import metrics
import node
import registry
import resolver
from node.handle_json.code import REFUSALS, refusal_of
from node.http import problem
from node.snms import chinese, envelope
from node.snms.misformed import Misformed
from registry import errors
from registry.errors import BiaoshiError

_LINE = re.compile(r"^(?P<above>[│ ]*)[├└]── (?P<name>\w+)", re.MULTILINE)


def kinds(above: type[BiaoshiError] = BiaoshiError) -> Iterable[type[BiaoshiError]]:
    """All kinds below, of this program."""
    for kind in above.__subclasses__():
        yield kind
        yield from kinds(kind)


def import_everything() -> None:
    """So that every kind is known, but for the command line's own: they are never served."""
    for package in (registry, resolver, metrics, award, node):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(("node.cli", "node.__main__")):
                importlib.import_module(found.name)


import_everything()
KINDS = sorted(
    {kind for kind in kinds() if not kind.__module__.startswith(("tests.", "node.cli"))},
    key=lambda kind: kind.__qualname__,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_problem_status(kind: type[BiaoshiError]) -> None:
    assert decided_by(kind, problem.STATUS) is not BiaoshiError
    assert 400 <= problem.status_of(kind) < 600


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_response_code(kind: type[BiaoshiError]) -> None:
    assert decided_by(kind, REFUSALS) is not BiaoshiError
    assert 400 <= refusal_of(kind).status < 600


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_an_snms_status_and_chinese_words(kind: type[BiaoshiError]) -> None:
    assert decided_by(kind, envelope.STATUS) is not BiaoshiError
    assert envelope.status_of(kind) in set(envelope.Status) - {envelope.Status.SUCCESS}
    assert kind is Misformed or decided_by(kind, chinese.KINDS) is not BiaoshiError


def test_the_root_has_an_answer_too() -> None:
    assert problem.status_of(BiaoshiError("?")) == 500
    assert refusal_of(BiaoshiError("?")).status == 500
    assert envelope.status_of(BiaoshiError("?")) is envelope.Status.INTERNAL


def test_the_drawn_tree_is_the_tree() -> None:
    defined = {
        kind.__name__: kind.__base__.__name__
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__ and kind is not BiaoshiError
        if kind.__base__ is not None
    }
    assert drawn(errors.__doc__ or "") == defined


def drawn(text: str) -> dict[str, str]:
    """Each class of the tree in a docstring, with the class it hangs on."""
    above = {0: "BiaoshiError"}
    tree = {}
    for line in _LINE.finditer(text):
        depth = len(line["above"]) // 4
        tree[line["name"]] = above[depth]
        above[depth + 1] = line["name"]
    return tree


def decided_by(
    kind: type[BiaoshiError], table: dict[type[BiaoshiError], object]
) -> type[BiaoshiError]:
    """The entry that decides about a kind: its nearest class that has one."""
    return next(above for above in kind.__mro__ if above in table)
