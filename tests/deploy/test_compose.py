"""The compose file fits the program. Nothing here starts it."""

from __future__ import annotations

import json
from typing import Any

import yaml

from node.settings import ENVIRONMENT, Settings, load
from tests.deploy.expressions import DEPLOY

FOLDER = DEPLOY / "compose"
SERVICES: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]


def settings() -> Settings:
    """As the container reads them. What the shell fills in stands as it is."""
    given = SERVICES["node"]["environment"] | {f"{ENVIRONMENT}SECONDARY_PREFIX": "88.118"}
    return load(None, {name: str(value) for name, value in given.items()})


def test_every_process_is_watched() -> None:
    found = settings()
    ports = [found.metrics_port + number for number in range(found.workers + 1)]
    targets = json.loads((FOLDER / "targets" / "biaoshi.json").read_text("utf-8"))
    assert [target["targets"] for target in targets] == [[f"node:{port}"] for port in ports]
    assert targets[0]["labels"]["process"] == "keeper"


def test_the_node_has_time_to_end() -> None:
    assert SERVICES["node"]["stop_grace_period"] == "60s"


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (FOLDER / source).exists()


def test_the_image_has_the_programs_folders() -> None:
    copied = (FOLDER / "Dockerfile").read_text("utf-8")
    for folder in ("registry", "resolver", "metrics", "award", "node"):
        assert f"COPY {folder} {folder}\n" in copied
