"""Metrics are named as Prometheus asks, and their labels can't grow without end."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from prometheus_client.metrics_core import Metric

from metrics.counting.reason import Reason
from metrics.instruments import Instruments
from metrics.journal.loss import LossCollector
from metrics.log.log import Kind
from metrics.log.upkeep import UpkeepCollector
from metrics.standing.collector import StandingCollector
from metrics.standing.standing import LogStanding, Standing, Sums

# Each has few values, all of them chosen by this program and none by a client.
LABELS = {
    "surface", "operation", "outcome", "source", "version", "python", "le", "protocol", "link",
    "method", "kind", "state", "reason",
}  # fmt: skip
UNITS = ("seconds", "bytes", "ratio", "info", "total")
# Gauges of a number of things, or of a state, which have no unit.
COUNTS = re.compile(r".*(_items|_up|_count|_connections|_prefixes|_jobs|_fds)")
FOREIGN_UNITS = re.compile(r"_(ms|millis|milliseconds|minutes|hours|days|kb|mb|percent)(_|$)")


def told() -> Instruments:
    """All instruments, with something to tell."""
    instruments = Instruments("test")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    standing = StandingCollector(now.timestamp, lambda _: {"registrations": 1, "resolutions": 1})
    standing.tell(
        Standing(
            at=now,
            year=2026,
            sums=Sums(),
            requests=dict.fromkeys(Reason, 1),
            counted_until=now,
            open_day_ends=now,
            alarms=0,
            active_prefixes=1,
            logs=dict.fromkeys(Kind, LogStanding()),
        )
    )
    instruments.registry.register(standing)
    instruments.registry.register(LossCollector(SimpleNamespace(lost=0)))
    instruments.registry.register(UpkeepCollector(SimpleNamespace(kept=True)))
    return instruments


METRICS = list(told().registry.collect())


def named(metric: Metric) -> str:
    return metric.name


def test_there_are_some() -> None:
    assert len(METRICS) >= 20
    assert len({metric.name for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_a_name(metric: Metric) -> None:
    assert re.fullmatch(r"biaoshi_[a-z][a-z0-9]*(_[a-z0-9]+)*", metric.name)
    assert not FOREIGN_UNITS.search(metric.name), "units are Prometheus's base units"
    assert "_total" not in metric.name  # the library adds it to counters
    if metric.type == "histogram":
        assert metric.name.endswith(UNITS)
    if metric.type == "gauge":
        assert metric.name.endswith(UNITS) or COUNTS.fullmatch(metric.name), metric.name


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_a_description(metric: Metric) -> None:
    assert metric.documentation[:1].isupper()
    if not metric.name.startswith("biaoshi_process_"):  # those are the library's
        assert not metric.documentation.endswith(".")
    assert 10 < len(metric.documentation) < 160


@pytest.mark.parametrize("metric", METRICS, ids=named)
def test_labels(metric: Metric) -> None:
    instrument = Instruments("test").registry._names_to_collectors.get(metric.name)
    names = set(getattr(instrument, "_labelnames", ()))
    names |= {label for sample in metric.samples for label in sample.labels}
    assert names <= LABELS, f"{names - LABELS} of {metric.name}: can it grow without end?"
