"""Putting the certified log of a node together, where its settings ask for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp
from yarl import URL

from metrics.crew import Crew
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
from registry.keeper.fence import Fence

CHECKPOINTS = "/ntn/v1/checkpoints"


@dataclass(frozen=True, slots=True)
class CertifiedLog:
    """What a node with a certified log has of it."""

    keys: LogKeys
    origin: str
    publisher: Publisher
    keeping: LogKeeping
    witnesses: tuple[VerifierKey, ...]  # keys of those who cosign


async def claim_keys(settings: Settings, database: Database) -> LogKeys | None:
    """None where no log is kept. The database is committed to K before anything is registered with
    it. Raises LogKeysUnfit, and LeafKeyDiffers where it is committed to another: leaves of two keys
    could hide that something counts twice."""
    origin = settings.log_origin
    if settings.log_keys_folder is None or origin is None:
        return None
    keys = LogKeys.load(Path(settings.log_keys_folder))
    await database.transaction(lambda tx: claim(tx, keys, origin))
    return keys


def certified_log(
    settings: Settings,
    keys: LogKeys | None,
    database: Database,
    session: aiohttp.ClientSession,
    national: NationalNodeClient | None,
    now: Callable[[], datetime],
    fence: Fence,
    crew: Crew,
) -> CertifiedLog | None:
    """None where no log is kept."""
    origin = settings.log_origin
    if keys is None or origin is None:
        return None
    witnesses = _witnesses(settings, session, national)
    needed = min(settings.log_cosignatures, len(witnesses))
    kept = database.behind(fence)
    publisher = Publisher(kept, keys, origin, witnesses, needed)
    keeping = LogKeeping(
        kept,
        Sequencer(database, keys, origin, now, crew, fence),
        publisher,
        Backfill(kept, keys.leaf.material, now),
        now,
        settings.log_seconds,
    )
    keys_of = tuple(one.key for one in witnesses)
    return CertifiedLog(keys, origin, publisher, keeping, keys_of)


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
