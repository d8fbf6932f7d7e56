"""Write the dashboards as Grafana reads them."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.award import award
from deploy.grafana.operation import operation

FOLDER = Path(__file__).with_name("dashboards")
DASHBOARDS = {"operation": operation, "award": award}


def written(dashboard: Dashboard) -> str:
    """The dashboard's JSON. It is the same whenever it is made from the same code."""
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return encoder.encode(dashboard.build()) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, make in DASHBOARDS.items():
        (FOLDER / f"{name}.json").write_text(written(make()), "utf-8")


if __name__ == "__main__":
    main()
