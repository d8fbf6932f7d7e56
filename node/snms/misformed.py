"""Requests that break the API's own rules, told in the words that its clients show to people."""

from __future__ import annotations

from registry.errors import InvalidInput


class Misformed(InvalidInput):
    """`detail` is Chinese: nobody but clients of this surface ever reads it."""

    kind = "snms-request"
    title = "The request breaks a rule of the SNMS API"
