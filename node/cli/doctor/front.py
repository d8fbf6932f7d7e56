"""The DNS front: whether it can listen, or whether it is us who answer there already."""

from __future__ import annotations

from collections.abc import Sequence

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
from dns.rdatatype import RdataType

from node.cli.doctor.finding import Finding, failed, well
from node.http.entrance import CannotListen, probe
from node.settings import Settings, station_of
from resolver.front.zone import Zone

PATIENCE = 5.0  # seconds
PRIVILEGED = 1024
LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


async def examine(settings: Settings) -> Sequence[Finding]:
    zone = settings.zone()
    if zone is None:
        return ()
    return [await _listener(zone, *station_of(text, lowest=0)) for text in settings.dns_listen]


async def _listener(zone: Zone, host: str, port: int) -> Finding:
    subject = "域名服务 DNS front"
    where = f"{host} port {port}"
    try:
        with probe(host, port):
            return well(subject, f"{where} is free")
    except CannotListen as error:
        if await _answers(zone, LOCAL.get(host, host), port):
            return well(subject, f"{where}: {zone.origin.to_text()} is served there")
        remedy = "end the other program, or choose another address in dns_listen"
        if port < PRIVILEGED:
            remedy += "; ports below 1024 want the capability CAP_NET_BIND_SERVICE"
        return failed(subject, error.detail, remedy)


async def _answers(zone: Zone, host: str, port: int) -> bool:
    """Whether a server that has authority for the zone answers there, over UDP and TCP."""
    query = dns.message.make_query(zone.origin, RdataType.SOA)
    for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
        try:
            answer = await ask(query, host, timeout=PATIENCE, port=port)
        except (dns.exception.DNSException, OSError, EOFError):
            return False
        if not (answer.flags & dns.flags.AA and answer.answer):
            return False
    return True
