from __future__ import annotations

import os
import signal
import subprocess
import sys

PARENT = """
import os, signal, subprocess, sys
from node.supervision.charge import Report
from node.supervision.pipes import Pipes

pipes = Pipes()
pipes.report(Report())
lasting = subprocess.Popen(["sleep", "600"])
print(lasting.pid, file=sys.stderr, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_death_is_seen_though_what_the_process_started_lives_on() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lasting = int(process.stderr.readline())
        try:
            # To the end of the output, which comes only when nobody holds it open.
            assert process.stdout.read() == b'{"failure":null}\n'
            assert os.path.exists(f"/proc/{lasting}")
        finally:
            os.kill(lasting, signal.SIGKILL)
