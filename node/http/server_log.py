"""What aiohttp itself has to say of its connections, as one line that tells nothing: its messages
repeat what was sent, keys included, and the client's address."""

from __future__ import annotations

import logging

import structlog

log = structlog.get_logger()


def server_log() -> logging.Logger:
    """A logger of aiohttp's server, apart from the tree of loggers."""
    logger = logging.Logger("node.http.server", logging.WARNING)
    logger.addHandler(_Discreet())
    return logger


class _Discreet(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        log.warning("connection-failed", error=error.__name__ if error else record.levelname)
