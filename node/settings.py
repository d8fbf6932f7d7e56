"""Settings of a node. This class is the manual: each field's description states meaning and unit.

They come from a TOML file and from the environment (`BIAOSHI_` and the name in capitals), which
goes before the file. Unknown names are refused in both, but for BIAOSHI_URL, BIAOSHI_KEY and
BIAOSHI_DEBUG in the environment, which are the command line's own.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from registry.errors import InvalidIdentifier, InvalidInput
from registry.identifier import Prefix
from resolver.front.zone import Zone

ENVIRONMENT = "BIAOSHI_"
LISTS = frozenset(
    {
        *("trusted_proxies", "own_networks", "canaries", "log_witnesses", "dns_servers"),
        *("dns_listen", "dns_name_servers"),
    }
)
# Not settings of a node: what the command line reads when it speaks to one, or fails.
CLIENT_VARIABLES = frozenset({"BIAOSHI_URL", "BIAOSHI_KEY", "BIAOSHI_DEBUG"})

_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*(/[A-Za-z0-9._~-]+)*")

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]

_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~/-]*)?")


def _about(text: str) -> Any:
    return Meta(description=text)


class InvalidSettings(InvalidInput):
    kind = "invalid-settings"
    title = "The settings break a rule"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of `biaoshi serve`."""

    database_url: Annotated[str, _about("PostgreSQL 15 or later, as postgresql://…")]
    secondary_prefix: Annotated[
        str, _about("The node's own prefix, such as 88.118; fixed when the database is created")
    ]
    sealing_key_file: Annotated[
        str, _about("File with the key that seals secrets; `biaoshi migrate` creates it")
    ]
    case_sensitive: Annotated[
        bool, _about("Whether suffixes differ by case; fixed when the database is created")
    ] = False
    redis_url: Annotated[
        str | None, _about("Redis shared by several hosts, as redis://…; none: kept in process")
    ] = None
    host: Annotated[str, _about("Address to listen on; :: is all of IPv6 and IPv4")] = "127.0.0.1"
    port: Annotated[Port, _about("HTTP port; 0 takes a free one")] = 8000
    handle_port: Annotated[
        Port | None,
        _about("Port of the Handle protocol, TCP and UDP, usually 2641; none: it is not served"),
    ] = None
    handle_address: Annotated[
        str | None,
        _about("This node's public IP address as its site record gives it; none: `host`"),
    ] = None
    handle_udp_administration: Annotated[
        bool, _about("Whether records can be administered by datagrams too")
    ] = False
    workers: Annotated[
        Annotated[int, Meta(ge=0, le=64)],
        _about("Processes that answer, with a keeper beside them; 0: one process does all"),
    ] = 0
    metrics_host: Annotated[
        str, _about("With workers: address on which each process tells its own metrics")
    ] = "127.0.0.1"
    metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65_000)],
        _about("With workers: the keeper's metrics port; theirs follow. 0 takes free ones"),
    ] = 9180
    national_node_url: Annotated[
        str | None, _about("Base URL of the national node; none: filings wait in the outbox")
    ] = None
    national_node_app_id: Annotated[
        str, _about("The application id the national node gave this node")
    ] = ""
    national_node_key_file: Annotated[
        str | None, _about("PEM file with the Ed25519 key that signs requests to it")
    ] = None
    national_node_witness_key: Annotated[
        str | None,
        _about("Verifier key with which the national node cosigns the log; none: it is not asked"),
    ] = None
    log_keys_folder: Annotated[
        str | None,
        _about("Folder with the keys of the certified log (`biaoshi keys create`); none: no log"),
    ] = None
    log_origin: Annotated[
        str | None,
        _about("What the logs' names begin with, such as id.city.example/log; fixed for ever"),
    ] = None
    log_seconds: Annotated[Seconds, _about("Time between two checkpoints of the log")] = 1.0
    log_witnesses: Annotated[
        tuple[str, ...],
        _about("Further witnesses of the log, each as its URL, a blank and its verifier key"),
    ] = ()
    log_cosignatures: Annotated[
        Annotated[int, Meta(ge=0, le=16)],
        _about("Cosignatures that a checkpoint is served with, or as many as there are witnesses"),
    ] = 1
    public_url: Annotated[
        str | None,
        _about("Address at which the public reaches the node, for printed codes; none: as asked"),
    ] = None
    national_node_handle: Annotated[
        str | None,
        _about("IP address and port of the national node's Handle protocol, asked after its URL"),
    ] = None
    national_node_domain: Annotated[
        str | None,
        _about("Domain whose SRV records (_hdl._tcp) name the national node's Handle servers"),
    ] = None
    dns_servers: Annotated[
        tuple[str, ...],
        _about("DNS servers, each an IP address with a port; none: the system's"),
    ] = ()
    oid_zone: Annotated[
        str | None, _about("DNS zone through which OIDs are resolved, such as oid-res.org")
    ] = None
    ons_zone: Annotated[
        str | None,
        _about("DNS zone (GS1 ONS) that is asked about GTINs, behind what is registered here"),
    ] = None
    dns_zone: Annotated[
        str | None,
        _about("DNS zone below which this node answers for its identifiers; none: no DNS front"),
    ] = None
    dns_listen: Annotated[
        tuple[str, ...],
        _about("Where it is asked, UDP and TCP: each an IP address and a port, as 192.0.2.1:53"),
    ] = ()
    dns_name_servers: Annotated[
        tuple[str, ...],
        _about("The zone's name servers; behind each that is in the zone a blank and its address"),
    ] = ()
    dns_contact: Annotated[
        str, _about("Mail address of who keeps the zone; none: hostmaster's at the zone")
    ] = ""
    dns_kept_seconds: Annotated[
        Annotated[int, Meta(ge=0, le=86_400)],
        _about("How long resolvers may keep a record at most, whatever its ttl says"),
    ] = 300
    dns_absent_seconds: Annotated[
        Annotated[int, Meta(ge=0, le=3600)],
        _about("How long resolvers may remember that there is no such record"),
    ] = 30
    dns_answers_per_second: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)],
        _about("Answers by datagrams to one network (/24, /56) and process; the rest must use TCP"),
    ] = 200
    bureau_url: Annotated[
        str | None,
        _about("Where the bureau takes a closed day's statistics; none: they are not sent"),
    ] = None
    prometheus_url: Annotated[
        str | None,
        _about("Prometheus that watches the workers, the award's independent witness; none: none"),
    ] = None
    prometheus_tolerance: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{1,2}(\.[0-9]{1,4})?%$")],
        _about("How far it may differ from the counts before nothing is certified"),
    ] = "2%"
    trusted_proxies: Annotated[
        tuple[str, ...],
        _about("Networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed"),
    ] = ()
    country_header: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9-]{0,63}$")] | None,
        _about("Header in which they tell a client's country, for 10320/loc; none: not looked at"),
    ] = None
    journal_folder: Annotated[
        str | None,
        _about("Folder of the resolution journal on a local disk; none: beside the sealing key"),
    ] = None
    journal_days: Annotated[
        Annotated[int, Meta(ge=180)],
        _about("Days that journals are kept at the longest; the law wants 180"),
    ] = 1826
    own_networks: Annotated[
        tuple[str, ...],
        _about("Networks (CIDR) of health checks and of the national node's probes: not counted"),
    ] = ()
    canaries: Annotated[
        tuple[str, ...], _about("Identifiers that exist to be probed: not counted")
    ] = ()
    credentials_over_http: Annotated[
        bool,
        _about("Take keys and passwords over plain HTTP from any address, not from loopback only"),
    ] = False
    open_applications: Annotated[bool, _about("Whether enterprises may apply without a key")] = True
    applications_per_hour: Annotated[
        Annotated[int, Meta(ge=1)], _about("Applications without a key per client address and hour")
    ] = 20
    failures_per_minute: Annotated[
        Annotated[int, Meta(ge=1)],
        _about("Wrong keys or passwords per client address and minute before it has to wait"),
    ] = 30
    database_connections: Annotated[
        Annotated[int, Meta(ge=2, le=500)], _about("Connections to PostgreSQL per process")
    ] = 16
    statement_seconds: Annotated[Seconds, _about("Longest a database statement may take")] = 30.0
    recursion_seconds: Annotated[
        Seconds, _about("Longest a resolution may take that asks other nodes")
    ] = 5.0
    recursion_stale_seconds: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)],
        _about("How old an answer of another node may be that is told, marked, while it fails"),
    ] = 3600.0
    recursion_referrals: Annotated[
        Annotated[int, Meta(ge=1, le=16)], _about("Referrals followed for one resolution")
    ] = 4
    cache_mebibytes: Annotated[
        Annotated[int, Meta(ge=0, le=65_536)],
        _about("Memory for answers ready to send, per process, in MiB"),
    ] = 128
    recursion_kept_seconds: Annotated[
        Annotated[int, Meta(ge=0, le=3600)],
        _about("How long answers of other nodes are kept at most, seconds; absences 5 at most"),
    ] = 60
    allow_private_addresses: Annotated[
        bool,
        _about("Let resolvers elsewhere have private or loopback addresses; for tests and demos"),
    ] = False
    job_lease_seconds: Annotated[
        Annotated[float, Meta(ge=0.5, le=3600)],
        _about("After this long without a sign of life a process's jobs are taken over"),
    ] = 15.0
    upload_mebibytes: Annotated[
        Annotated[int, Meta(ge=1, le=4096)], _about("Largest file that can be uploaded, in MiB")
    ] = 256
    drain_seconds: Annotated[
        Seconds, _about("Time that requests under way get to end when the node stops")
    ] = 10.0
    log_level: Annotated[
        Annotated[str, Meta(pattern="^(debug|info|warning|error)$")],
        _about("debug, info, warning or error"),
    ] = "info"

    def __post_init__(self) -> None:
        if self.public_url is not None and not _PUBLIC_URL.fullmatch(self.public_url):
            raise ValueError("public_url is http(s)://host, with a port or a path if need be")
        try:
            Prefix.secondary(self.secondary_prefix)
        except InvalidIdentifier as error:
            raise ValueError(f"secondary_prefix: {error.detail}") from None
        if self.national_node_handle is not None:
            _check_station("national_node_handle", self.national_node_handle)
        for server in self.dns_servers:
            _check_station("dns_servers", server)
        for listening in self.dns_listen:
            _check_station("dns_listen", listening, lowest=1 if self.workers else 0)
        self.zone()
        if (self.national_node_url is None) != (self.national_node_key_file is None):
            raise ValueError("national_node_url and national_node_key_file go together")
        if self.workers and self.handle_port == 0:
            raise ValueError("handle_port must be a port that all workers share, not 0")
        if (self.log_keys_folder is None) != (self.log_origin is None):
            raise ValueError("log_keys_folder and log_origin go together")
        if self.log_origin is not None and not _ORIGIN.fullmatch(self.log_origin):
            raise ValueError("log_origin: a host and a path, without scheme, blanks or plus signs")

    def zone(self) -> Zone | None:
        """The DNS zone that is served. Raises ValueError."""
        if (self.dns_zone is None) != (not self.dns_listen):
            raise ValueError("dns_zone and dns_listen go together")
        if self.dns_zone is None:
            return None
        return Zone.of(
            self.dns_zone,
            self.dns_name_servers,
            self.dns_contact,
            seconds=self.dns_kept_seconds,
            absent=self.dns_absent_seconds,
        )


def station_of(text: str, lowest: int = 1) -> tuple[str, int]:
    """Address and port of `192.0.2.1:2641` or `[2001:db8::1]:2641`. Raises ValueError."""
    address, _, port = text.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    ipaddress.ip_address(address)
    if not lowest <= int(port) < 65536:
        raise ValueError("no port")
    return address, int(port)


def _check_station(name: str, text: str, lowest: int = 1) -> None:
    try:
        station_of(text, lowest)
    except ValueError:
        raise ValueError(f"{name}: an IP address and a port, such as 192.0.2.1:2641") from None


def load(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings from a TOML file and the environment. Raises InvalidSettings naming the setting."""
    values: dict[str, Any] = _read(file) if file else {}
    values |= _from_environment(environment)
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSettings(str(error)) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InvalidSettings(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{file}: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Lists are separated by commas."""
    found: dict[str, Any] = {}
    known = {field.name for field in msgspec.structs.fields(Settings)}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT) or variable in CLIENT_VARIABLES:
            continue
        name = variable.removeprefix(ENVIRONMENT).lower()
        if name not in known:
            raise InvalidSettings(f"the environment has {variable}, which is no setting")
        found[name] = _listed(text) if name in LISTS else text
    return found


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
