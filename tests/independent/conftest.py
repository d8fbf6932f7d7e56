"""The live node with a log, for a receipt that others check."""

from __future__ import annotations

from tests.node.log.conftest import log_folder, logged, sandbox, settings

__all__ = ["log_folder", "logged", "sandbox", "settings"]
