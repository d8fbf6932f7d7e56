"""Kinds of options that several commands have."""

from __future__ import annotations

from typing import Any

from cyclopts import Parameter


def flag(meaning: str, **more: Any) -> Parameter:
    """An option that is there or not."""
    return Parameter(negative=(), show_default=False, help=meaning, **more)


def repeated(meaning: str) -> Parameter:
    """An option that may stand several times."""
    return Parameter(negative=(), show_default=False, help=meaning)
