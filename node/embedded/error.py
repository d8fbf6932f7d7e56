"""The one way an embedded server fails: a line that says what stood in the way."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import Unavailable


class EmbeddedPostgresError(Unavailable):
    """PostgreSQL could not be brought up or down. `detail` is one line for the operator."""

    kind = "embedded-postgres"
    title = "The embedded PostgreSQL did not start"


@contextmanager
def telling(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses while working in `folder` into one plain line."""
    try:
        yield
    except OSError as refusal:
        where = refusal.filename or folder
        if refusal.errno in (errno.ENOSPC, errno.EDQUOT):
            detail = f"no space left for the database in {where}"
        elif refusal.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            detail = f"the data folder is not writable: {where} ({refusal.strerror})"
        else:
            detail = f"the database could not be set up in {where}: {refusal.strerror or refusal}"
        raise EmbeddedPostgresError(detail) from refusal
