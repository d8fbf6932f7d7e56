"""Check characters that a code pattern may end in."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from stdnum import ean
from stdnum.iso7064 import mod_37_36

from registry.identifier import fold_case

_DIGITS: Final = frozenset("0123456789")
_ALPHANUMERICS: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class CheckDigit(StrEnum):
    """What is computed, over the characters of a code that stand before it.

    MOD10: the GS1 check digit, over the ASCII digits alone. It misses a swap of digits that differ
    by 5, and every mistake in a letter.
    MOD37_36: ISO 7064 MOD 37,36, over ASCII digits and letters; a digit or a letter. It finds every
    single error and every swap of neighbours.
    """

    MOD10 = "mod10"
    MOD37_36 = "mod37_36"

    @property
    def characters(self) -> frozenset[str]:
        """What this check covers, and also what it may come out as."""
        return _DIGITS if self is CheckDigit.MOD10 else _ALPHANUMERICS

    def covered(self, text: str) -> str:
        """The characters of `text` that count, letters in upper case; the rest is skipped."""
        characters = self.characters
        return "".join(c for c in fold_case(text) if c in characters)

    @property
    def of_covered(self) -> Callable[[str], str]:
        """The function from covered characters to the check character."""
        if self is CheckDigit.MOD10:
            return ean.calc_check_digit
        return mod_37_36.calc_check_digit

    def of(self, text: str) -> str:
        """The check character of `text`."""
        return self.of_covered(self.covered(text))
