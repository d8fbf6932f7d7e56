"""A record of the journal: one resolution that was answered, in 72 bytes.

Little-endian. Numbers of the enumerations are stored for years: they are never given another
meaning. The check is the CRC-32 of the 68 bytes before it: a record that was being written when
the process was killed is told by it, and so is what was never written, which is all zero.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from resolver.query import Outcome as Resolved

BODY = struct.Struct("<q16s32sIIBBBB")
RECORD_BYTES = BODY.size + 4
TIME_BYTES = 8
# The same record as its time, the rest of the body, and the check.
REST = struct.Struct("<16s32sIIBBBB")
WHOLE = struct.Struct(f"<{TIME_BYTES}s{REST.size}sI")

RECORD = np.dtype(
    [
        ("time", "<i8"),  # nanoseconds since 1970 in UTC, never decreasing within one writer
        ("identifier", "V16"),  # keyed hash of the canonical form
        ("client", "V16"),  # keyed hash of the key, or of address and user agent
        ("address", "V16"),  # IPv6, or IPv4 as ::ffff:a.b.c.d; zero where there is none
        ("prefix", "<u4"),  # number of the prefix; 0 where it does not live here
        ("party", "<u4"),  # number of the enterprise whose key was used; 0 for none
        ("outcome", "u1"),
        ("surface", "u1"),
        ("kind", "u1"),
        ("flags", "u1"),
        ("check", "<u4"),
    ]
)
Records = NDArray[np.void]  # one-dimensional, of RECORD


class Surface(IntEnum):
    """Where it was asked."""

    V1 = 1
    HANDLE_JSON = 2
    SNMS = 3
    WIRE = 4
    PAGE = 5  # /{prefix}/{suffix} and GS1 Digital Link, in whatever form it was answered
    DNS = 6


class Outcome(IntEnum):
    """What the answer was. Only FOUND is a resolution that may count."""

    FOUND = 1  # the record or its location, also as "not modified"
    NO_VALUES = 2  # the record is there, but nothing of it passes the request's filter
    NOT_FOUND = 3
    WITHDRAWN = 4
    REFUSED = 5
    FAILED = 6

    @classmethod
    def of(cls, resolved: Resolved) -> Outcome:
        return _OF[resolved]


_OF = {
    Resolved.FOUND: Outcome.FOUND,
    Resolved.NO_VALUES: Outcome.NO_VALUES,
    Resolved.NOT_FOUND: Outcome.NOT_FOUND,
    Resolved.WITHDRAWN: Outcome.WITHDRAWN,
    Resolved.HIDDEN: Outcome.REFUSED,
}


class Kind(IntEnum):
    """Who asked, as far as the request itself tells. Whether a key is the prefix's owner's is
    told by `party` when it is counted."""

    EXTERNAL = 1
    OPERATOR = 2  # an operator's key
    CONSOLE = 3  # the node's own command line and portal
    PROBE = 4  # from the networks of health checks and of the national node's probes
    LOAD_TEST = 5
    ROBOT = 6  # without a key, and on the published list


class Flag(IntFlag):
    KEYED = 1  # the client is told by its key
    OWNER = 2  # a handle identity under the prefix that was asked for
    CANARY = 4  # an identifier that exists to be probed
    NOT_MODIFIED = 8
    RECURSIVE = 16  # another node's record


def records_of(raw: bytes | memoryview) -> Records:
    """Records as an array over the same bytes, which must be whole records."""
    return np.frombuffer(raw, dtype=RECORD)


def whole_records(raw: bytes | memoryview) -> int:
    """How many records stand at the beginning before the first that is none."""
    for number in range(len(raw) // RECORD_BYTES):
        start = number * RECORD_BYTES
        check = int.from_bytes(raw[start + BODY.size : start + RECORD_BYTES], "little")
        if crc32(raw[start : start + BODY.size]) != check:
            return number
    return len(raw) // RECORD_BYTES
