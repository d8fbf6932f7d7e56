"""Every expression that the dashboards and rules ask Prometheus."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
NAME = re.compile(r"\bbiaoshi[a-z0-9_:]*")


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel with something to ask, by the name of its dashboard."""
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text("utf-8"))["panels"]:
            if panel["type"] != "row":
                yield file.stem, panel


def asked(interval: str) -> dict[str, str]:
    """The expressions of all panels by where they stand, for Grafana's own interval this one."""
    return {
        f"{board}: {panel['title']}: {target['refId']}": target["expr"].replace(
            "$__rate_interval", interval
        )
        for board, panel in panels()
        for target in panel["targets"]
    }


def rules() -> Iterator[tuple[str, str]]:
    """Every rule's name and expression. The files are read as what they are: our own YAML."""
    for file in RULES:
        text = file.read_text("utf-8")
        for found in re.finditer(
            r"- (?:record|alert): (\S+)\n +expr: (?:\|\n((?: {10,}.*\n)+)|(.+)\n)", text
        ):
            yield found[1], found[2] or found[3]
