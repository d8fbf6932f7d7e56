"""A policy: a folder with rules, parameters, readings and its own kind of facts.

A folder is found by its name; its `policy.py` has a function `describe` that gives the Policy. So
new rules are a new folder, and nothing outside it changes.
"""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.resources import files
from typing import Any

from award.evidence.certified import CertifiedYear
from award.policy.case import Case
from award.policy.judgement import Judgement
from award.policy.parameter import Parameter, Parameters
from award.policy.reading import Reading, Readings
from registry.errors import InvalidInput

HERE = "award.policy"


class UnknownPolicy(InvalidInput):
    kind = "unknown-policy"
    title = "No such policy"


class NoPolicyYet(InvalidInput):
    kind = "no-policy-yet"
    title = "The policy has no numbers for this day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules as a value. `facts` is the type its facts file is read into, `template` that file's
    annotated pattern; `change` applies one what-if (`investment`, amount) to the facts."""

    name: str
    title: str
    clause: str  # which part of it, as 第四条（五）
    remark: str  # what its sums mean, printed beside them
    valid_until: date
    facts: type[Any]
    template: str
    parameters: Mapping[str, Parameter]
    readings: tuple[Reading, ...]
    judge: Callable[[Case[Any]], Judgement]
    change: Callable[[Any, str, Any, date], Any]
    changes: Mapping[str, str]  # names that `change` knows, with their meaning
    thresholds: Callable[[Parameters, int], Mapping[str, int]]  # of a year's sums, to be exceeded
    digest: str  # SHA-256 over the folder's files: which law a report was made by

    def case(
        self,
        facts: Any,
        year: int,
        years: Mapping[int, CertifiedYear],
        on: date,
        readings: Readings,
    ) -> Case[Any]:
        """Raises NoPolicyYet for a day before all its parameters have values."""
        since = max(one.values[0].since for one in self.parameters.values())
        if on < since:
            raise NoPolicyYet(
                f"{self.name} 的参数自 {since} 起才有，不能按 {on} 评估",
                field="on",
                rule="policy-date",
            )
        return Case(facts, year, years, on, Parameters(self.parameters, on), readings)

    @property
    def known(self) -> dict[str, Reading]:
        return {one.id: one for one in self.readings}


def load(name: str, package: str = HERE) -> Policy:
    """The policy of a folder. Raises UnknownPolicy."""
    if name not in names(package):
        known = "、".join(names(package))
        raise UnknownPolicy(f"没有名为 {name} 的政策，已有：{known}", field="policy")
    described = import_module(f"{package}.{name}.policy").describe()
    assert isinstance(described, Policy)
    return described


def names(package: str = HERE) -> list[str]:
    """All policies of a package, by the names of their folders."""
    found = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(one.name for one in found if one.ispkg)


def text_of(package: str, file: str) -> str:
    """A file of a policy's folder."""
    return files(package).joinpath(file).read_text("utf-8")


def digest_of(package: str) -> str:
    """SHA-256 over names and contents of a policy's files, in the order of their names."""
    whole = hashlib.sha256()
    found = {one.name: one for one in files(package).iterdir() if one.is_file()}
    for name in sorted(found):
        if name.endswith((".py", ".toml")):
            # Line ends and nothing else may differ between a checkout and an installed package.
            content = found[name].read_bytes().replace(b"\r\n", b"\n")
            whole.update(f"{name}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    return whole.hexdigest()
