"""The command line as users start it: a process of its own, with nothing but a few variables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 60.0  # that anything here may take
NAMES = ("port", "national-port", "management-port", "foreign-port", "handle-port")
FREE_PORTS = tuple(f"--{name}=0" for name in NAMES)


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **more}


def biaoshi(*arguments: str | Path, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, standing in `home`."""
    return subprocess.run(
        [sys.executable, "-m", "node", *map(str, arguments)],
        cwd=home,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


class Started:
    """A command that goes on until it is told to stop."""

    def __init__(self, *arguments: str | Path, home: Path, **more: str) -> None:
        self._out = home / "standard-output"
        self._err = home / "standard-error"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "node", *map(str, arguments)],
                cwd=home,
                env=environment(home, **more),
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._out.read_text()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    def wait_for(self, text: str) -> Self:
        """Return when it has said that, on either stream."""
        end = time.monotonic() + SECONDS
        while text not in self.output + self.errors:
            assert self.process.poll() is None, f"it ended: {self.output}{self.errors}"
            assert time.monotonic() < end, f"it never said {text!r}: {self.output}{self.errors}"
            time.sleep(0.02)
        return self

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)
