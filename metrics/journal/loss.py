"""What a process could not write down, as Prometheus asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector


class Losing(Protocol):
    """A journal: how many answers it had no room for."""

    @property
    def lost(self) -> int: ...


class LossCollector(Collector):
    """Counts from the process's start; each process tells its own."""

    def __init__(self, journal: Losing) -> None:
        self._journal = journal

    def describe(self) -> Iterable[Metric]:
        return ()  # its name is its alone

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily(
            "biaoshi_journal_lost_records",
            "Resolutions that were answered and, for want of disk, not written down: uncounted",
            value=self._journal.lost,
        )
