"""Runs enterprise users against a node of its own, bounded in number and time.

make users [ARGS="--users 50 --seconds 60"]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtests.bench import node

MOST_USERS, MOST_SECONDS = 1000, 600


def main() -> int:
    parser = argparse.ArgumentParser(prog="make users", description=__doc__)
    parser.add_argument("--users", type=int, default=50, help=f"at most {MOST_USERS}")
    parser.add_argument("--seconds", type=int, default=60, help=f"at most {MOST_SECONDS}")
    options = parser.parse_args()
    users, seconds = min(options.users, MOST_USERS), min(options.seconds, MOST_SECONDS)
    folder = Path(tempfile.mkdtemp(prefix="biaoshi-users-"))
    folder.chmod(0o711)  # as root the server has an account of its own, which must get in
    try:
        with node(folder) as bench:
            return subprocess.run(
                [
                    *(sys.executable, "-m", "locust", "-f", "loadtests/enterprise.py"),
                    *("--headless", "--only-summary", "--host", bench.url),
                    *("--users", str(users), "--spawn-rate", str(max(users // 5, 1))),
                    *("--run-time", f"{seconds}s", "--stop-timeout", "10"),
                    *("--exit-code-on-error", "1"),
                ],
                env=os.environ
                | {"BIAOSHI_BENCH_PREFIX": bench.prefix, "BIAOSHI_BENCH_KEY": bench.key},
                check=False,
            ).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
