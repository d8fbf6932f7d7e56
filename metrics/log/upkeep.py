"""Whether the certified log is kept, as Prometheus asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Upkeep(Protocol):
    """What keeps the log. None where this process is not the one that does."""

    @property
    def kept(self) -> bool | None: ...


class UpkeepCollector(Collector):
    """Only the keeper's process tells it."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep

    def describe(self) -> Iterable[Metric]:
        return ()  # its name is its alone

    def collect(self) -> Iterable[Metric]:
        if (kept := self._upkeep.kept) is not None:
            yield GaugeMetricFamily(
                "biaoshi_log_up",
                "Whether the certified log is kept: 0 while the keeper must not, or cannot",
                value=kept,
            )
