"""The sandbox's memory: one SQLite file, so that a restarted demo keeps its prefixes.

Every method is one transaction, committed when it returns. Calls are synchronous and short, and
come from one event loop, so two never interleave. A killed process loses nothing that was
answered; a power cut may lose the last moments (WAL with synchronous=NORMAL), which a mock may,
but for checkpoints that it cosigned.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from metrics.log.checkpoint import Checkpoint
from node.uplink.messages import PrefixFiling, Verdict

FILE_NAME = "sandbox.sqlite3"
NONCE_MEMORY = 900.0  # seconds; past twice the skew a replay is refused by its timestamp anyway

Act = Literal["file", "delete"]


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """One act on a prefix and the verdict that falls, or fell, when its review ends."""

    number: int
    prefix: str
    revision: int
    act: Act
    app_id: str
    filing: PrefixFiling
    filed_at: float
    due_at: float
    verdict: Verdict
    reason: str
    superseded_at: float | None = None


class SandboxStore:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE_NAME)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._migrate()

    def close(self) -> None:
        self._db.close()

    def history(self, prefix: str) -> list[Filed]:
        """Every act on the prefix, oldest first."""
        rows = self._db.execute(
            "SELECT number, prefix, revision, act, app_id, body, filed_at, due_at, verdict, reason,"
            " superseded_at FROM filing WHERE prefix = ? ORDER BY number",
            (prefix,),
        )
        return [_filed(row) for row in rows]

    def add(
        self,
        filing: PrefixFiling,
        act: Act,
        app_id: str,
        *,
        now: float,
        due_at: float,
        verdict: Verdict,
        reason: str,
    ) -> Filed:
        """Add an act; one still under review on the same prefix is superseded by it."""
        with self._db:
            self._db.execute(
                "UPDATE filing SET superseded_at = ? WHERE prefix = ? AND due_at > ?"
                " AND superseded_at IS NULL",
                (now, filing.prefix, now),
            )
            (row,) = self._db.execute(
                "INSERT INTO filing (prefix, revision, act, app_id, body, filed_at, due_at,"
                " verdict, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number, prefix,"
                " revision, act, app_id, body, filed_at, due_at, verdict, reason, superseded_at",
                (
                    filing.prefix,
                    filing.revision,
                    act,
                    app_id,
                    msgspec.json.encode(filing),
                    now,
                    due_at,
                    verdict.value,
                    reason,
                ),
            ).fetchall()
        return _filed(row)

    def decide(self, number: int, verdict: Verdict, reason: str, *, now: float) -> None:
        """End the review of one filing now."""
        with self._db:
            self._db.execute(
                "UPDATE filing SET verdict = ?, reason = ?, due_at = ? WHERE number = ?",
                (verdict.value, reason, now, number),
            )

    def use_nonce(self, app_id: str, nonce: str, *, now: float) -> bool:
        """False if the application has used this nonce before."""
        with self._db:
            self._db.execute("DELETE FROM nonce WHERE used_at < ?", (now - NONCE_MEMORY,))
            used = self._db.execute(
                "INSERT INTO nonce (app_id, nonce, used_at) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (app_id, nonce, now),
            )
        return used.rowcount == 1

    def seen(self, origin: str) -> tuple[int, bytes] | None:
        """Size and root of the last checkpoint of a log that was cosigned."""
        row: tuple[int, bytes] | None = self._db.execute(
            "SELECT size, root FROM checkpoint WHERE origin = ?", (origin,)
        ).fetchone()
        return row

    def remember(self, checkpoint: Checkpoint, note: str) -> None:
        """Written through to the disk: a witness that forgets is none."""
        self._db.execute("PRAGMA synchronous = FULL")
        with self._db:
            self._db.execute(
                "INSERT INTO checkpoint (origin, size, root, note) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root,"
                " note = excluded.note",
                (checkpoint.origin, checkpoint.size, checkpoint.root, note),
            )
        self._db.execute("PRAGMA synchronous = NORMAL")

    def keep_statistics(self, node: str, day: str, digest: str, content: str) -> str | None:
        """The receipt for a day's statistics, the same each time; None where others were kept."""
        with self._db:
            self._db.execute(
                "INSERT INTO statistics (node, day, sha256, receipt, content)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (node, day, digest, f"{node}/{day}/{digest[:16]}", content),
            )
        known, receipt = self._db.execute(
            "SELECT sha256, receipt FROM statistics WHERE node = ? AND day = ?", (node, day)
        ).fetchone()
        return str(receipt) if known == digest else None

    def _migrate(self) -> None:
        """Run the numbered schema files this file has not seen; user_version is the last one."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        folder = files("node.sandbox")
        scripts = sorted(
            entry.name for entry in folder.iterdir() if entry.name.startswith("schema_")
        )
        for number, name in enumerate(scripts, start=1):
            if number > version:
                text = (folder / name).read_text()
                self._db.executescript(f"BEGIN; {text} PRAGMA user_version = {number}; COMMIT;")


def _filed(
    row: tuple[int, str, int, Act, str, bytes, float, float, str, str, float | None],
) -> Filed:
    number, prefix, revision, act, app_id, body, filed_at, due_at, verdict, reason, superseded = row
    return Filed(
        number=number,
        prefix=prefix,
        revision=revision,
        act=act,
        app_id=app_id,
        filing=msgspec.json.decode(body, type=PrefixFiling),
        filed_at=filed_at,
        due_at=due_at,
        verdict=Verdict(verdict),
        reason=reason,
        superseded_at=superseded,
    )
