"""The dashboards are what the code says, and ask for what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.__main__ import DASHBOARDS as CODE
from deploy.grafana.__main__ import written
from tests.deploy.expressions import DASHBOARDS, NAME, asked, panels, rules
from tests.house.test_metric_names import METRICS

RULES = dict(rules())
KNOWN = {sample.name for metric in METRICS for sample in metric.samples}
KNOWN |= {f"{metric.name}_total" for metric in METRICS if metric.type == "counter"}
KNOWN |= {
    f"{metric.name}{end}"
    for metric in METRICS
    if metric.type == "histogram"
    for end in ("_bucket", "_sum", "_count")
}
KNOWN |= {metric.name for metric in METRICS if metric.type == "gauge"}
KNOWN |= {name for name in RULES if ":" in name}


def test_they_are_written_by_the_code() -> None:
    """Else: `make dashboards`."""
    assert {file.stem for file in DASHBOARDS} == set(CODE)
    for file in DASHBOARDS:
        assert file.read_text("utf-8") == written(CODE[file.stem]())


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_grafanas_own_types_read_them(file: Path) -> None:
    """All of it: what they did not know would be gone when it is written again."""
    plugins.register_default_plugins()
    told = json.loads(file.read_text("utf-8"))
    assert json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(told))) == told


def test_there_are_rules_and_panels() -> None:
    assert len(RULES) >= 20
    assert len(asked("1m")) >= 40


@pytest.mark.parametrize("expression", [*asked("5m").values(), *RULES.values()])
def test_an_expression(expression: str) -> None:
    promql_parser.parse(expression)
    unknown = set(NAME.findall(expression)) - KNOWN - {"biaoshi"}  # that is the job
    assert not unknown, "nothing gives these"


@pytest.mark.parametrize("panel", [panel for _, panel in panels()], ids=lambda one: one["title"])
def test_a_title_is_for_both_languages(panel: dict[str, str]) -> None:
    assert re.fullmatch(r"[\u4e00-\u9fff，]+ [A-Z][A-Za-z0-9 ,-]*|P99，按操作 P99 by operation",
                        panel["title"])  # fmt: skip
    about = panel.get("description", "")
    if about:
        assert re.fullmatch(r".*[\u4e00-\u9fff].*。[A-Z0-9][^\u4e00-\u9fff]*\.", about)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_panels_do_not_lie_on_each_other(file: object) -> None:
    taken: set[tuple[int, int]] = set()
    for board, panel in panels():
        if board != file.stem:
            continue
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
