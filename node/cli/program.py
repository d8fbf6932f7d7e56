"""The program: all commands, and what each way of ending means for the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from cyclopts import App, CycloptsError

from node.cli import (
    INTERRUPTED,
    change,
    close,
    dns,
    enterprise,
    export,
    importing,
    job,
    journal,
    key,
    keys,
    metrics,
    migrate,
    prefix,
    recount,
    register,
    resolve,
    run,
    sandbox,
    serve,
    settings,
    version,
)
from node.cli.award import command as award
from node.cli.doctor import command as doctor
from node.cli.log import command as log
from node.cli.log import verify
from node.cli.terminal import complain, stand_any_encoding
from node.serve import log_as_json
from node.version import VERSION
from registry.errors import BiaoshiError

FAILED, MISUSED = 1, 2
DEBUG = "BIAOSHI_DEBUG"
HELP = """A secondary node of the Industrial Internet identifier system.
工业互联网标识解析二级节点。

`biaoshi run` tries everything on this machine; `biaoshi serve` is for real servers."""


def program() -> App:
    """The command line."""
    app = App(
        name="biaoshi",
        help=HELP,
        version=VERSION,
        help_format="markdown",
        result_action="return_value",
    )
    for group in (
        run,
        serve,
        migrate,
        doctor,
        sandbox,
        settings,
        metrics,
        recount,
        journal,
        close,
        register,
        change,
        job,
        export,
        importing,
        resolve,
        dns,
        enterprise,
        prefix,
        key,
        keys,
        log,
        verify,
        award,
        version,
    ):
        group.add_to(app)
    return app


def execute(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ
) -> int:
    """Run one command; its exit status. Failures are one line, tracebacks for BIAOSHI_DEBUG."""
    stand_any_encoding()
    log_as_json("error")  # until a command that serves says otherwise
    try:
        result = program()(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except CycloptsError as error:
        complain(f"{error} Try `biaoshi --help`.")
        return MISUSED
    except Exception as error:
        if environment.get(DEBUG):
            raise
        complain(_sentence(error))
        return FAILED
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED


def _sentence(error: Exception) -> str:
    if isinstance(error, BiaoshiError):
        return error.detail
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {error} ({DEBUG}=1 shows where)"
