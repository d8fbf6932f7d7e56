"""Where the node stands as Prometheus asks for it.

The counters come from the database, so they go on where they were whatever is started again. Only
the keeper tells them: of several processes one would have to say which one to believe. Ages are
taken when they are asked for, so they grow while the database can't be read.

Where requests that came late have their day summed up anew, some may change from counted to repeat.
A counter that went back would look like a restart, and `increase()` would count everything again:
so each stands at the most it has been until its sum is beyond that. The sums themselves are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics.log.log import Kind
from metrics.standing.standing import LogStanding, Standing
from registry.record.registration import Method


class StandingCollector(Collector):
    """`thresholds` gives a year's sums that are to be exceeded, by kind."""

    def __init__(
        self,
        clock: Callable[[], float],
        thresholds: Callable[[int], Mapping[str, int]],
    ) -> None:
        self._clock = clock
        self._thresholds = thresholds
        self._standing: Standing | None = None

    def tell(self, standing: Standing | None) -> None:
        self._standing = standing

    def describe(self) -> Iterable[Metric]:
        return ()  # names are this collector's alone

    def collect(self) -> Iterable[Metric]:
        standing = self._standing
        if standing is None:
            return
        yield from _counters(standing)
        yield from self._year(standing)
        yield from self._journal(standing)
        for name, about, value in _LOG:
            yield _by_kind(name, about, standing.logs, value)
        for name, about, moment in _LOG_AGES:
            yield _by_kind(name, about, standing.logs, self._age_of(moment))

    def _year(self, standing: Standing) -> Iterable[Metric]:
        reached = {
            "registrations": standing.sums.created_this_year,
            "resolutions": standing.sums.counted_this_year,
        }
        yield _labelled(
            "biaoshi_year_count", "Reached this year, in Shanghai, by kind", "kind", reached
        )
        yield _labelled(
            "biaoshi_year_threshold_count",
            "What the year's count has to exceed for the award, by kind",
            "kind",
            self._thresholds(standing.year),
        )

    def _journal(self, standing: Standing) -> Iterable[Metric]:
        yield _gauge(
            "biaoshi_standing_age_seconds",
            "Age of what the keeper read of counts, journal and log",
            self._age(standing.at),
        )
        yield _gauge(
            "biaoshi_journal_lag_seconds",
            "Age of the newest resolution that may be uncounted",
            self._age(standing.counted_until),
        )
        yield _gauge(
            "biaoshi_close_overdue_seconds",
            "Time since the end of the first day that is not closed; 0 while it lasts",
            max(self._age(standing.open_day_ends), 0.0),
        )
        yield _gauge(
            "biaoshi_close_alarms_count",
            "Days that cannot be closed because the sums disagree",
            standing.alarms,
        )
        yield _gauge(
            "biaoshi_active_prefixes", "Prefixes that are active", standing.active_prefixes
        )

    def _age(self, moment: datetime) -> float:
        return self._clock() - moment.timestamp()

    def _age_of(
        self, moment: Callable[[LogStanding], datetime | None]
    ) -> Callable[[LogStanding], float]:
        def age(log: LogStanding) -> float:
            since = moment(log)
            return 0.0 if since is None else max(self._age(since), 0.0)

        return age


_LOG: tuple[tuple[str, str, Callable[[LogStanding], float]], ...] = (
    ("biaoshi_log_size_count", "Entries of the certified log, by kind", lambda log: log.size),
    (
        "biaoshi_log_waiting_items",
        "Entries that are owed to the certified log, by kind",
        lambda log: log.waiting,
    ),
    (
        "biaoshi_log_unpublished_items",
        "Entries of the certified log that no published checkpoint covers, by kind",
        lambda log: log.unpublished,
    ),
)
_LOG_AGES: tuple[tuple[str, str, Callable[[LogStanding], datetime | None]], ...] = (
    (
        "biaoshi_log_lag_seconds",
        "Age of the oldest registration that waits for the certified log, by kind",
        lambda log: log.owed_since,
    ),
    (
        "biaoshi_checkpoint_age_seconds",
        "Time since the witnesses' cosignatures were last published, by kind",
        lambda log: log.published_at,
    ),
)


def _counters(standing: Standing) -> Iterable[Metric]:
    sums = standing.sums
    yield _counted(
        "biaoshi_registered_identifiers",
        "Identifiers registered for the first time, by method",
        "method",
        {one.name.lower(): sums.created.get(one, 0) for one in Method if one != Method.IMPORT},
    )
    yield _counter(
        "biaoshi_imported_identifiers",
        "Identifiers brought over from other nodes",
        sums.created.get(Method.IMPORT, 0),
    )
    yield _counter(
        "biaoshi_revived_identifiers", "Withdrawn identifiers registered again", sums.revived
    )
    yield _counter("biaoshi_withdrawn_identifiers", "Identifiers withdrawn", sums.withdrawn)
    yield _counted(
        "biaoshi_journalled_resolutions",
        "Resolutions of the journal by what became of them in counting",
        "reason",
        {reason.label: requests for reason, requests in standing.requests.items()},
    )


def _by_kind(
    name: str,
    about: str,
    logs: Mapping[Kind, LogStanding],
    value: Callable[[LogStanding], float],
) -> Metric:
    return _labelled(
        name, about, "kind", {kind.name.lower(): value(log) for kind, log in logs.items()}
    )


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _counted(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for text, value in values.items():
        family.add_metric([text], value)
    return family


def _labelled(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for text, value in values.items():
        family.add_metric([text], value)
    return family
