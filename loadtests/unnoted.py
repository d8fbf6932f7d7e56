"""A node whose resolutions nobody writes down: what the journal costs is the difference.

python -m loadtests.unnoted serve
"""

from __future__ import annotations

import sys

from metrics.journal.journal import Journal
from node.cli import main


def _nothing(*_: object, **__: object) -> None:
    return None


if __name__ == "__main__":
    Journal.note = _nothing  # type: ignore[method-assign]
    Journal.note_all = _nothing  # type: ignore[method-assign]
    Journal.digest = lambda *_: bytes(16)  # type: ignore[method-assign]
    sys.exit(main())
