"""Where the node stands, put together for Prometheus: the counts, and what the law asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache

from award.policy.parameter import Parameters
from award.policy.policy import load
from metrics.instruments import Instruments
from metrics.standing.collector import StandingCollector
from metrics.standing.keeping import StandingKeeping
from registry.database import Database

POLICY = "zhongshan_2025"  # the thresholds that Prometheus and the dashboards show


def standing_keeping(
    database: Database, now: Callable[[], datetime], instruments: Instruments
) -> StandingKeeping:
    """Reads where the node stands and tells Prometheus, wherever the keeper is."""
    collector = StandingCollector(time.time, lru_cache(maxsize=2)(_thresholds))
    instruments.registry.register(collector)
    return StandingKeeping(database, now, collector.tell)


def _thresholds(year: int) -> Mapping[str, int]:
    policy = load(POLICY)
    on = min(date(year, 12, 31), policy.valid_until)
    return policy.thresholds(Parameters(policy.parameters, on), year)
