"""The package of a report: one zip whose bytes hang on its content alone.

report.json     the report, canonical
report.pdf      the same to read
report.sig      a signed note over the digests of both
facts.toml      the facts as they were given
keys.txt        verifier keys of the node and its witnesses; compare them with those you know
log/…           checkpoints the counts stand under, as they were signed and cosigned, with what of
                the logs a report rests on and its proofs (`award.proof.files`)
核验说明.txt     how to check all this
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from award.evidence.certified import CertifiedYear
from award.proof.files import checkpoint_path
from award.report.report import Issue, Report, sha256, signed_text
from metrics.log.note import SignedNote, Signer, VerifierKey
from registry.errors import InvalidInput

JSON, PDF, SIGNATURE = "report.json", "report.pdf", "report.sig"
FACTS, KEYS, MANUAL = "facts.toml", "keys.txt", "核验说明.txt"
REPORTS = "/reports"  # after the origin: the name that a node's keys sign reports under
NEEDED = (JSON, PDF, SIGNATURE, FACTS, KEYS)
EPOCH = (1980, 1, 1, 0, 0, 0)
MOST_FILES, MOST_BYTES = 10_000, 64 << 20
APART = (JSON, PDF, SIGNATURE)  # what report.json cannot have the digests of

HOW = """本报告包的核验
==============

在一台装有 biaoshi、不连网的机器上执行：

    biaoshi verify {file}

核对的内容：签名与见证签名、包内每个文件、报告与申报事实的一致、计数的勾稽关系、
逐日结账声明与计数逐日相符、抽样的登记叶子与历史检查点的证明、独立交叉核对、
全部金额的重新计算、所适用的规则版本。任何一项不符，命令以非零状态结束并指出该项。

上亿片叶子放不进报告包。要逐片扫描登记日志（每片叶子、每个哈希、有无重复计数），
请另取日志的导出文件夹，一并核对：

    biaoshi verify {file} --log 日志文件夹

keys.txt 中的公钥出自报告包自身。请与另行取得的公钥比对，
或用 --log-key 与 --witness-key 指明您所信任的公钥。
"""


class InvalidPackage(InvalidInput):
    kind = "invalid-report-package"
    title = "Not the package of a report"


def reports_name(origin: str) -> str:
    """The name under which a node's keys sign reports."""
    return origin + REPORTS


def sign(report: Report, pdf: bytes, signers: Iterable[Signer]) -> SignedNote:
    text = signed_text(report, pdf)
    return SignedNote(text, tuple(signer.sign(text) for signer in signers))


def attached(
    issue: Issue,
    facts: str,
    years: Iterable[CertifiedYear],
    keys: Iterable[VerifierKey],
    proofs: Mapping[str, bytes],
) -> dict[str, bytes]:
    """Everything beside report, PDF and signature; report.json has its digests."""
    logs = [log for year in years for log in (year.log, year.statements) if log]
    return {
        FACTS: facts.encode(),
        KEYS: "".join(f"{key}\n" for key in dict.fromkeys(keys)).encode(),
        MANUAL: HOW.format(file=file_name(issue)).encode(),
        **{checkpoint_path(log): log.note.encode() for log in logs},
        **proofs,
    }


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file that report.json can have it of."""
    return {name: sha256(files[name]) for name in sorted(files) if name not in APART}


def pack(
    report: Report, pdf: bytes, signers: Iterable[Signer], beside: Mapping[str, bytes]
) -> bytes:
    """The zip. `beside` are the files whose digests the report has."""
    signature = str(sign(report, pdf, signers)).encode()
    return zipped({**beside, JSON: report.content, PDF: pdf, SIGNATURE: signature})


def file_name(issue: Issue) -> str:
    return f"report-{issue.number}-r{issue.revision}.zip"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Names in order, no times, one way of compressing: the same files give the same bytes."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], compresslevel=9)
    return out.getvalue()


def is_package(path: Path) -> bool:
    """Whether a file or folder looks like one, good or not."""
    if path.is_dir():
        return (path / JSON).is_file()
    return path.suffix == ".zip" and path.is_file()


def unpack(path: Path) -> dict[str, bytes]:
    """The files of a package, zipped or as a folder. Raises InvalidPackage."""
    try:
        found = _folder(path) if path.is_dir() else read(path.read_bytes())
    except OSError as error:
        raise InvalidPackage(f"无法读取 {path}：{error.strerror}") from None
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise InvalidPackage(f"{path} 不是报告包，缺少 {'、'.join(missing)}", rule="missing-file")
    return found


def read(content: bytes) -> dict[str, bytes]:
    """The files of a zip. Raises InvalidPackage."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES or sum(one.file_size for one in entries) > MOST_BYTES:
                raise InvalidPackage("报告包过大", rule="too-large")
            return {one.filename: archive.read(one) for one in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidPackage(f"不是完好的 zip 文件：{error}", rule="zip") from None


def _folder(path: Path) -> dict[str, bytes]:
    files = [file for file in path.rglob("*") if file.is_file()][: MOST_FILES + 1]
    if len(files) > MOST_FILES or sum(file.stat().st_size for file in files) > MOST_BYTES:
        raise InvalidPackage("报告包过大", rule="too-large")
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}
