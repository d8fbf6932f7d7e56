"""What the sandbox is told at its start."""

from __future__ import annotations

from pathlib import Path

import msgspec

from node.uplink.messages import RoutingItem, Verdict


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A secondary node that may talk to us."""

    app_id: str
    public_key: bytes  # Ed25519, 32 bytes
    shr_prefix: str  # its secondary prefix; it files prefixes below this one only
    # Where the node itself answers (table 2), for prefixes hosted there. Filings without routing
    # of their own are refused while this is empty.
    routing: tuple[RoutingItem, ...] = ()
    # What the names of its logs begin with, and the Ed25519 keys that sign them. Without these its
    # checkpoints are not cosigned.
    log_origin: str = ""
    log_keys: tuple[bytes, ...] = ()


class KnownNode(msgspec.Struct, frozen=True):
    """Another node that answers for a prefix and everything below it."""

    prefix: str
    services: tuple[RoutingItem, ...]


class ReviewPolicy(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How filings are reviewed that come from now on."""

    delay_seconds: float = 2.0
    verdict: Verdict = Verdict.APPROVED
    reason: str = ""


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    data_folder: Path  # holds sandbox.sqlite3; made if missing
    applications: tuple[Application, ...]
    host: str = "127.0.0.1"  # for the national node and the foreign one
    port: int = 0  # 0 takes any free port, for all three
    foreign_port: int = 0
    handle_port: int = 0  # of the national node's Handle wire protocol
    management_port: int = 0  # always on 127.0.0.1
    # IP address that referrals name for the foreign node; needed where `host` is a wildcard.
    foreign_ip: str = ""
    known_nodes: tuple[KnownNode, ...] = ()  # besides the foreign node beside us
    review: ReviewPolicy = ReviewPolicy()
