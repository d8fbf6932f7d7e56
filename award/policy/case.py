"""A case: everything a policy's clauses may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from award.evidence.certified import CertifiedYear
from award.policy.parameter import Parameters
from award.policy.reading import Readings

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Case(Generic[F]):
    """One assessment under one set of readings. `F` is the policy's own type of facts."""

    facts: F
    year: int  # whose counts are claimed
    years: Mapping[int, CertifiedYear]  # what has been certified, by year
    on: date  # the day on which the question is asked
    parameters: Parameters
    readings: Readings

    @property
    def counted(self) -> CertifiedYear | None:
        return self.years.get(self.year)
