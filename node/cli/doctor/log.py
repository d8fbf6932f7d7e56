"""The certified log's keys and witnesses."""

from __future__ import annotations

from pathlib import Path

from metrics.log import sm2
from metrics.log.keys import LogKeys
from node.cli.doctor.finding import Finding, failed, warning, well
from node.settings import Settings
from registry.errors import BiaoshiError


def examine(settings: Settings) -> list[Finding]:
    subject = "认证日志 certified log"
    if settings.log_keys_folder is None:
        remedy = "`biaoshi keys create`, then set log_keys_folder and log_origin"
        return [warning(subject, "not configured: no registration can be proved", remedy)]
    try:
        keys = LogKeys.load(Path(settings.log_keys_folder))
    except BiaoshiError as error:
        return [failed(subject, error.detail, "without its keys the node does not start")]
    witnesses = len(settings.log_witnesses) + (settings.national_node_witness_key is not None)
    signing = len(keys.signers(settings.log_origin or ""))
    said = f"{settings.log_origin}, {signing} signing keys, {witnesses} witnesses"
    if keys.sm2 and not sm2.available():
        remedy = "gmssl-pyx has builds for x86-64 alone: sign on such a machine, or without SM2"
        return [warning(subject, f"{said}; the SM2 keys don't sign: no library for them", remedy)]
    if not witnesses:
        remedy = "set national_node_witness_key or log_witnesses"
        return [warning(subject, f"{said}: nobody outside vouches for it", remedy)]
    return [well(subject, said)]
