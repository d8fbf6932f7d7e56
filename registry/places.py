"""Where an error happened, for logs."""

from __future__ import annotations

import traceback


def places(error: BaseException, depth: int = 12) -> list[str]:
    """The frames it came through, innermost last, at most `depth` of them. Not what its message
    says: that may repeat the input or what is stored, as PostgreSQL's do."""
    frames = traceback.extract_tb(error.__traceback__)[-depth:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
