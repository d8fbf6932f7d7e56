"""Which keys may sign: those that were stated, in lists that the keys before vouch for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from metrics.log.fault import LogFault
from metrics.log.keylist import KeyList
from metrics.log.note import ED25519, VerifierKey, check_signed
from metrics.log.statement import LOG_KEYS
from metrics.log.tile import ENTRIES, Tile, unpack
from metrics.log.verification.finding import Finding
from metrics.log.verification.folder import Head, log_folders
from metrics.log.verification.heads import Trust
from metrics.log.verification.said import Said, of, read

FIRST_ENTRIES = 64  # bundles of a statements log that are looked through for keys: some 40 years


def signing(
    name: str, said: Sequence[Said], trusted: Sequence[VerifierKey], head: Head | None
) -> Iterator[Finding]:
    """Of one statements log. `head` is its latest checkpoint, None where it has a successor. Whose
    keys can be trusted is another question: see `follow` and `unvouched`."""
    stated: set[tuple[int, bytes]] = set()
    last: KeyList | None = None
    for one in of(said, LOG_KEYS):
        try:
            found = KeyList.parse(one.statement.content)
            found.check()
        except LogFault as fault:
            yield Finding(name, "log-keys", fault.detail, one.index)
            continue
        stated |= _raw(found.keys)
        last = found
    for kind, key in dict.fromkeys((key.kind, key.key) for key in trusted):
        if stated and (kind, key) not in stated:
            yield Finding(name, "undeclared-key", "a signing key was never stated")
    if last is not None and head is not None:
        origin = head.checkpoint.origin
        keys = [VerifierKey(origin, key.kind, key.key) for key in last.keys]
        try:
            check_signed(head.note, [key for key in keys if key.kind == ED25519])
        except LogFault:
            detail = "none of the keys that sign by now has signed the latest checkpoint"
            yield Finding(name, "retired-key", detail, None, str(head.path))


def follow(trust: Trust, export: Path) -> Trust:
    """With the keys that those one was given vouch for, for every log of an export whose name
    begins as that of a key does. What an export says is not believed: only what is signed is."""
    known: dict[str, set[tuple[int, bytes]]] = {}
    for key in trust.logs:
        known.setdefault(_node(key), set()).add((key.kind, key.key))
    for found in _lists(export):
        for keys in known.values():
            if _raw(found.keys) & keys:
                keys |= _raw(found.keys)
    names = [folder.name for folder in log_folders(export)]
    followed = [
        VerifierKey(f"{node}/{name}", kind, key)
        for node, keys in known.items() for name in names for kind, key in sorted(keys)
    ]  # fmt: skip
    return trust.with_keys([key for key in followed if key not in trust.logs])


def unvouched(name: str, entries: Sequence[bytes]) -> Iterator[str]:
    """Remarks on lists in which no key of the list before is left, as when all were lost."""
    before: set[tuple[int, bytes]] = set()
    for one in of(read(name, entries)[0], LOG_KEYS):
        with suppress(LogFault):
            keys = _raw(KeyList.parse(one.statement.content).keys)
            if before and not before & keys:
                yield (
                    f"{name} 第 {one.index} 条更换了全部签名密钥，没有旧密钥为新密钥背书。"
                    "All signing keys were changed at once: nobody vouches for the new ones."
                )
            before = keys


def _node(key: VerifierKey) -> str:
    """The origin of the node whose log a key signs."""
    return key.name.rpartition("/")[0]


def _lists(export: Path) -> Iterator[KeyList]:
    """Lists of keys in an export's statements that are signed by all of them, as far as they can be
    read. Others are findings where the log is verified."""
    for folder in log_folders(export):
        if not folder.name.startswith("statements"):
            continue
        for index in range(min(folder.bundles, FIRST_ENTRIES)):
            try:
                entries = unpack(folder.widest(Tile(ENTRIES, index)))
            except LogFault:
                break
            for one in of(read(folder.name, entries)[0], LOG_KEYS):
                with suppress(LogFault):
                    found = KeyList.parse(one.statement.content)
                    found.check()
                    yield found


def _raw(keys: Sequence[VerifierKey]) -> set[tuple[int, bytes]]:
    """Without the names, which are each log's own."""
    return {(key.kind, key.key) for key in keys}
