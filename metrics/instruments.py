"""The Prometheus instruments. One set per program, with a registry of its own."""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds. Narrow around what a resolution takes, wide enough for a list of 1,000.
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class _Histogram(Histogram):
    def add(self, counts: Sequence[int], total: float) -> None:
        """Take in observations counted by bucket, each for itself, that sum up to the total."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class Tally:
    """Resolutions answered since the instruments were last read."""

    def __init__(self, requests: Counter, latency: _Histogram, resolutions: Counter) -> None:
        self._requests = requests
        self._latency = latency
        self._resolutions = resolutions
        self._empty()

    def add(self, seconds: float, number: int = 1) -> None:
        """Answers that took so long each."""
        self._counts[bisect_left(BUCKETS, seconds)] += number
        self._total += seconds * number

    def empty(self) -> None:
        """Hand over to the instruments."""
        if number := sum(self._counts):
            self._requests.inc(number)
            self._resolutions.inc(number)
            self._latency.add(self._counts, self._total)
            self._empty()

    def _empty(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._total = 0.0


class Tallies(Collector):
    """Is read before all instruments, and has none of its own."""

    def __init__(self) -> None:
        self._tallies: list[Tally] = []

    def add(self, tally: Tally) -> None:
        self._tallies.append(tally)

    def collect(self) -> Iterator[Metric]:
        for tally in self._tallies:
            tally.empty()
        return iter(())


class Instruments:
    """What the node counts about itself. Labels hold no identifier, address, key or name."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._tallies = Tallies()
        self.registry.register(self._tallies)  # first, so that the others are up to date
        self.requests = Counter(
            "biaoshi_requests",
            "Requests answered, by surface, operation and outcome",
            ("surface", "operation", "outcome"),
            registry=self.registry,
        )
        self.latency = _Histogram(
            "biaoshi_request_seconds",
            "Time from a request's arrival to its answer, by surface and operation",
            ("surface", "operation"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.verdicts = Counter(
            "biaoshi_registration_verdicts",
            "What became of identifiers sent for registration or change, by surface and outcome",
            ("surface", "outcome"),
            registry=self.registry,
        )
        self.resolutions = Counter(
            "biaoshi_resolutions",
            "Resolutions, by surface, source and outcome",
            ("surface", "source", "outcome"),
            registry=self.registry,
        )
        self.outbox_items = Gauge(
            "biaoshi_outbox_items",
            "Items owed to the national node",
            registry=self.registry,
        )
        self.outbox_age = Gauge(
            "biaoshi_outbox_oldest_seconds",
            "Age of the oldest item owed to the national node",
            registry=self.registry,
        )
        self.national_node_up = Gauge(
            "biaoshi_national_node_up",
            "Whether the national node answered the last request sent to it",
            registry=self.registry,
        )
        self.keeper_up = Gauge(
            "biaoshi_keeper_up",
            "Whether this process is the keeper, of which there is one at a time",
            registry=self.registry,
        )
        # Memory, processor time, open files; where the system tells them.
        ProcessCollector(namespace="biaoshi", registry=self.registry)
        build = Info("biaoshi_build", "The running program", registry=self.registry)
        build.info({"version": version, "python": platform.python_version()})

    def count(self, surface: str, created: int, unchanged: int, revived: int, refused: int) -> None:
        """Count what became of many identifiers at once."""
        numbers = {
            "created": created,
            "unchanged": unchanged,
            "revived": revived,
            "refused": refused,
        }
        for outcome, number in numbers.items():
            self.verdicts.labels(surface, outcome).inc(number)

    def tally(self, surface: str, operation: str, resolved_as: str) -> Tally:
        """Counts resolutions that were found here, far cheaper than the instruments do."""
        tally = Tally(
            self.requests.labels(surface, operation, "2xx"),
            self.latency.labels(surface, operation),
            self.resolutions.labels(resolved_as, "local", "found"),
        )
        self._tallies.add(tally)
        return tally

    def exposition(self) -> bytes:
        """The present values in Prometheus's text format."""
        return generate_latest(self.registry)
