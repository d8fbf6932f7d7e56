"""Putting the certified log of a node together, where its settings ask for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp
from yarl import URL

from metrics.log.backfill.backfill import Backfill
from metrics.log.fault import LogFault
from metrics.log.keeping import LogKeeping
from metrics.log.keys import LogKeys
from metrics.log.note import VerifierKey
from metrics.log.publisher import Publisher
from metrics.log.sequencer import Sequencer, claim
from node.log.witness import HttpWitness
from node.settings import InvalidSettings, Settings
from node.uplink.client import NationalNodeClient
from registry.database import Database

CHECKPOINTS = "/ntn/v1/checkpoints"


@dataclass(frozen=True, slots=True)
class CertifiedLog:
    """What a node with a certified log has of it."""

    keys: LogKeys
    origin: str
    keeping: LogKeeping


def load_keys(settings: Settings) -> LogKeys | None:
    """None where no log is kept. Raises LogKeysUnfit."""
    if settings.log_keys_folder is None:
        return None
    return LogKeys.load(Path(settings.log_keys_folder))


async def commit_to_keys(
    settings: Settings, keys: LogKeys | None, database: Database, now: Callable[[], datetime]
) -> None:
    """Commit the database to K before anything is registered with it. Raises LeafKeyDiffers where
    it is committed to another: leaves of two keys could hide that something counts twice."""
    origin = settings.log_origin
    if keys is None or origin is None:
        return
    await database.transaction(lambda tx: claim(tx, keys, origin, now()))


def certified_log(
    settings: Settings,
    keys: LogKeys | None,
    database: Database,
    session: aiohttp.ClientSession,
    national: NationalNodeClient | None,
    now: Callable[[], datetime],
) -> CertifiedLog | None:
    """None where no log is kept."""
    origin = settings.log_origin
    if keys is None or origin is None:
        return None
    witnesses = _witnesses(settings, session, national)
    needed = min(settings.log_cosignatures, len(witnesses))
    keeping = LogKeeping(
        database,
        Sequencer(database, keys, origin, now),
        Publisher(database, keys, origin, witnesses, needed),
        Backfill(database, keys.leaf.material, now),
        now,
        settings.log_seconds,
    )
    return CertifiedLog(keys, origin, keeping)


def _witnesses(
    settings: Settings, session: aiohttp.ClientSession, national: NationalNodeClient | None
) -> list[HttpWitness]:
    """The national node first, then those that the settings name."""
    made = []
    if national is not None and settings.national_node_witness_key is not None:
        key = _key(settings.national_node_witness_key, "national_node_witness_key")
        made.append(
            HttpWitness(session, national.address(CHECKPOINTS), key, national.signed_headers)
        )
    for text in settings.log_witnesses:
        url, _, spelled = text.partition(" ")
        key = _key(spelled, "log_witnesses")
        made.append(HttpWitness(session, URL(url.rstrip("/") + "/add-checkpoint"), key))
    return made


def _key(text: str, setting: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text.strip())
    except LogFault as fault:
        raise InvalidSettings(f"{setting}: {fault.detail}") from None
