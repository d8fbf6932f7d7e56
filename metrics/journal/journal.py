"""The journal that a process writes: one record for every resolution it answered.

What it guarantees: a record that `note` has written survives the end of the process, whatever ends
it; within a second it is on the disk and in the database, and survives a power cut. Records are
numbered without gaps within a writer, and a writer is one run of one process: after a start there
is a new one. Not for several threads.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import structlog

from metrics.journal.client import Caller
from metrics.journal.entry import REST, Flag, Outcome, Surface
from metrics.journal.segment import SEGMENT_BYTES, Header, Segment

log = structlog.get_logger()


class Stretch(NamedTuple):
    """Records that stand one after the other in a writer's journal."""

    position: int
    records: bytes


# A resolution that was answered, as `note` takes it: the digest of the identifier, who asked, what
# was answered, where, the number of the prefix, and flags. No class: one is made for each answer.
Note: TypeAlias = tuple[bytes, Caller, Outcome, Surface, int, int]


class Keys(NamedTuple):
    """What the journal hashes with. The same on all hosts and for the node's life, so that what is
    seen again is known again."""

    identifiers: bytes
    clients: bytes


def digest_of(key: bytes, canonical: str) -> bytes:
    """The hash that stands for an identifier, given the journal's key of identifiers."""
    return hashlib.blake2b(canonical.encode(), digest_size=16, key=key).digest()


class Journal:
    """One process's journal, in segment files of its own folder."""

    def __init__(
        self,
        folder: Path,
        *,
        node: str,
        writer: int,
        nonce: str = "",
        key: bytes,
        canaries: Collection[str] = (),
        clock: Callable[[], int] = time.time_ns,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """`node` and `nonce` are written into the files, to tell whose they are. `key` is that of
        identifiers; `canaries` are canonical identifiers."""
        self._folder = folder
        self._node = node
        self.writer = writer
        self._nonce = nonce
        self._key = key
        self._canaries = frozenset(self.digest(text) for text in canaries)
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._last = 0
        self._position = 0  # of the present segment's first record
        self._segments: list[Segment] = []  # oldest first, the present one last
        self._spare: Segment | None = None
        self._made = 0
        self._room = True  # as far as is known
        self.lost = 0  # records for which there was no room on the disk
        self._segment: Segment | None = None
        self._turn()

    def digest(self, canonical: str) -> bytes:
        """The hash that stands for an identifier, from its canonical form."""
        return digest_of(self._key, canonical)

    def note(
        self,
        identifier: bytes,
        caller: Caller,
        outcome: Outcome,
        surface: Surface,
        *,
        prefix_id: int = 0,
        flags: int = 0,
    ) -> None:
        """Write down a resolution, after its answer was handed to the transport and never before.

        `identifier` is the `digest` of its canonical form, `caller` comes from Clientele,
        `prefix_id` is 0 where the prefix does not live here, `flags` are of Flag. Takes about a
        microsecond; never raises and never waits.
        """
        flags |= caller.flags | (identifier in self._canaries and Flag.CANARY)
        hashes, kind, party, _ = caller
        rest = REST.pack(identifier, hashes, prefix_id, party, outcome, surface, kind, flags)
        self._write((rest,))

    def note_all(self, notes: Sequence[Note]) -> None:
        """The same of several, which are given one time: half the work for each."""
        pack, canaries = REST.pack, self._canaries
        rests = []
        for identifier, caller, outcome, surface, prefix_id, flags in notes:
            hashes, kind, party, more = caller
            flags |= more | (identifier in canaries and Flag.CANARY)
            rests.append(pack(identifier, hashes, prefix_id, party, outcome, surface, kind, flags))
        self._write(rests)

    def _write(self, rests: Sequence[bytes]) -> None:
        now = self._clock()
        if now < self._last:
            now = self._last
        self._last = now
        segment = self._segment
        if segment is None or segment.capacity - segment.count < len(rests):
            self._write_on(now, rests)
        else:
            segment.append(now, rests)

    def _write_on(self, now: int, rests: Sequence[bytes]) -> None:
        """Write into the next segment what the present one has no room for."""
        while rests:
            segment = self._segment
            if segment is None or segment.count == segment.capacity:
                segment = self._turn()
                if segment is None:
                    self.lost += len(rests)
                    return
            room = segment.capacity - segment.count
            segment.append(now, rests[:room])
            rests = rests[room:]

    @property
    def position(self) -> int:
        """How many records have been written."""
        return self._position + (self._segment.count if self._segment else 0)

    def mark(self) -> tuple[int, int]:
        """The position, and a time, nanoseconds: all records before the position are older, all
        from it on will be as old or younger."""
        self._last = max(self._last, self._clock())
        return self.position, self._last

    def stretch(self, start: int, end: int) -> Stretch:
        """Records from position `start` up to `end` or the end of start's segment, whichever comes
        first. They must not have been forgotten."""
        for segment in self._segments:
            first = segment.header.position
            if first <= start < first + segment.count:
                last = min(end - first, segment.count)
                return Stretch(start, segment.read(start - first, last))
        raise LookupError(f"the journal holds no record {start}")

    def unsynced(self, start: int) -> list[Segment]:
        """The segments that hold records from `start` on."""
        return [one for one in self._segments if one.header.position + one.count > start]

    def prepare(self) -> None:
        """Have a segment ready before it is needed, so that no answer waits for its file."""
        segment = self._segment
        self._room = True
        half_full = segment is None or segment.count * 2 >= segment.capacity
        if half_full and self._spare is None:
            self._spare = self._make()

    def rotate(self) -> None:
        """Go on in a new segment, unless the present one is empty."""
        if self._segment is not None and self._segment.count:
            self._turn()

    def let_go(self, position: int) -> list[Segment]:
        """The segments whose records all stand before a position, but not the present one. From now
        on they are the caller's, who removes them."""
        gone = []
        for segment in self._segments[:-1]:
            if segment.header.position + segment.count > position:
                break
            gone.append(segment)
        del self._segments[: len(gone)]
        return gone

    def close(self) -> None:
        """Close the files. They stay, for whoever ships what is left in them."""
        for segment in self._segments:
            segment.close()
        if self._spare is not None:
            self._spare.remove()
        self._segments, self._spare, self._segment = [], None, None

    def _turn(self) -> Segment | None:
        """Take up the next segment; None where no file can be made."""
        following = self._spare or self._make()
        self._spare = None
        if following is None:
            return None
        self._position = self.position
        following.begin(self._position)
        self._segments.append(following)
        self._segment = following
        return following

    def _make(self) -> Segment | None:
        """A new segment. Where there is no room for one, the next try is for `prepare`."""
        if not self._room:
            return None
        header = Header(
            node=self._node,
            writer=self.writer,
            nonce=self._nonce,
            number=self._made,
            position=0,
        )
        try:
            segment = Segment(
                self._folder / f"{self._made:06d}.journal", header, self._segment_bytes
            )
        except OSError as error:
            log.error("journal-has-no-room", error=type(error).__name__)
            self._room = False
            return None
        self._made += 1
        return segment
