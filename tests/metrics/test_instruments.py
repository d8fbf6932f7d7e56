"""The instruments and their text."""

from __future__ import annotations

import platform

from prometheus_client.parser import text_string_to_metric_families

from metrics.instruments import BUCKETS, CONTENT_TYPE, Instruments


def samples(instruments: Instruments) -> dict[str, float]:
    """Samples of the exposition by name and labels."""
    found = {}
    for family in text_string_to_metric_families(instruments.exposition().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_each_program_counts_for_itself() -> None:
    one, other = Instruments("1"), Instruments("1")
    one.requests.labels("v1", "resolve", "2xx").inc()
    name = "biaoshi_requests_total{operation=resolve,outcome=2xx,surface=v1}"
    assert samples(one)[name] == 1
    assert name not in samples(other)


def test_build_info() -> None:
    name = f"biaoshi_build_info{{python={platform.python_version()},version=1.2.3}}"
    assert samples(Instruments("1.2.3"))[name] == 1


def test_counters_end_in_total() -> None:
    instruments = Instruments("1")
    instruments.verdicts.labels("v1", "created").inc(1000)
    instruments.resolutions.labels("v1", "local", "found").inc()
    found = samples(instruments)
    assert found["biaoshi_registration_verdicts_total{outcome=created,surface=v1}"] == 1000
    assert found["biaoshi_resolutions_total{outcome=found,source=local,surface=v1}"] == 1


def test_latency_falls_into_buckets() -> None:
    instruments = Instruments("1")
    for seconds in (0.0004, 0.0005, 0.3, 60):
        instruments.latency.labels("v1", "resolve").observe(seconds)
    found = samples(instruments)
    name = "biaoshi_request_seconds_bucket{{le={},operation=resolve,surface=v1}}"
    assert found[name.format("0.0005")] == 2
    assert found[name.format("0.5")] == 3
    assert found[name.format("10.0")] == 3
    assert found[name.format("+Inf")] == 4
    assert found["biaoshi_request_seconds_count{operation=resolve,surface=v1}"] == 4


def test_buckets_rise() -> None:
    assert list(BUCKETS) == sorted(set(BUCKETS))
    assert BUCKETS[0] < 0.001 < 1 < BUCKETS[-1]


def test_gauges_tell_the_present() -> None:
    instruments = Instruments("1")
    instruments.outbox_items.set(7)
    instruments.outbox_age.set(61.5)
    instruments.national_node_up.set(True)
    found = samples(instruments)
    assert found["biaoshi_outbox_items{}"] == 7
    assert found["biaoshi_outbox_oldest_seconds{}"] == 61.5
    assert found["biaoshi_national_node_up{}"] == 1


def test_the_content_type_is_that_of_the_format() -> None:
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
    assert Instruments("1").exposition().endswith(b"\n")
