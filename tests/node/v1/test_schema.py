"""schemathesis: requests made from the OpenAPI document, good ones and bad ones, never get a 5xx
or an answer that the document doesn't describe."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import pytest

from metrics.log import keys as log_keys
from node.settings import Settings
from tests.node.live import Enterprise, Live

# The document describes shapes. Rules of the field go further (check digits, one protocol once),
# so that a request of the right shape may well be refused.
BEYOND_SHAPES = "unsupported_method,positive_data_acceptance"
# It would point a prefix anywhere, and the node would then ask there: nothing leaves this machine.
ROUTES = "routePrefix"
# Its body is NDJSON, which the tool cannot write.
STREAMS = "importIdentifiers"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """With keys to sign reports with, and without the limits on guessing, which are all that wrong
    keys would reach."""
    log_keys.create(tmp_path / "log-keys")
    return msgspec.structs.replace(
        settings,
        failures_per_minute=10**9,
        applications_per_hour=10**9,
        log_keys_folder=str(tmp_path / "log-keys"),
        log_origin="id.city.example/log",
    )


# A list judges each item: refusing one is not refusing the request.
CONFIGURATION = "".join(
    f"""
[[operations]]
include-name = "POST {path}"
checks.negative_data_rejection.enabled = false
"""
    for path in ("/v1/identifiers", "/v1/amendments", "/v1/withdrawals")
)


async def run(live: Live, key: str, folder: Path, *, examples: int, seed: int) -> tuple[int, str]:
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{live.url}/openapi.json",
        "--header", f"Authorization: Bearer {key}",
        "--max-examples", str(examples),
        "--seed", str(seed),
        "--workers", "1",  # threads that parse Python at once can fail in CPython 3.11 itself
        "--generation-database", "none",
        "--suppress-health-check", "all",
        "--exclude-checks", BEYOND_SHAPES,
        "--exclude-operation-id", ROUTES,
        "--exclude-operation-id", STREAMS,
        "--no-color",
    ]  # fmt: skip
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | {"COLUMNS": "160", "PYTHONUTF8": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")


async def test_as_operator(live: Live, owner: Enterprise, tmp_path: Path) -> None:
    code, output = await run(live, live.operator, tmp_path, examples=5, seed=1)
    assert code == 0, output[-20000:]


async def test_as_enterprise(live: Live, owner: Enterprise, tmp_path: Path) -> None:
    code, output = await run(live, owner.key, tmp_path, examples=5, seed=2)
    assert code == 0, output[-20000:]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 7))
async def test_long(live: Live, owner: Enterprise, tmp_path: Path, seed: int) -> None:
    key = live.operator if seed % 2 else owner.key
    code, output = await run(live, key, tmp_path, examples=200, seed=seed)
    assert code == 0, output[-20000:]
