"""The keys of the logs, as files outside the database that only their owner may read.

    leaf.key      K, 64 hexadecimal digits: one for the life of the node
    log-1.pem     Ed25519, signs checkpoints; after a rotation there is a log-2.pem
    log-1.sm2     SM2, signs them once more where the machine has a library for it

Every signing key in the folder signs, so that while one takes the place of another both do. What
the folder holds is recorded in the statements log when the sequencer starts.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log import sm2
from metrics.log.leaf import KEY_BYTES, LeafKey
from metrics.log.note import Signer, VerifierKey
from registry.errors import Unavailable

LEAF_KEY = "leaf.key"
RETIRED = ".retired"
_SIGNING = re.compile(r"log-([0-9]{1,4})\.(pem|sm2)")


class LogKeysUnfit(Unavailable):
    kind = "log-keys-unfit"
    title = "The keys of the certified log cannot be used"


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The keys in use, the newest signing key first."""

    leaf: LeafKey
    ed25519: tuple[Ed25519PrivateKey, ...]
    sm2: tuple[sm2.PrivateKey, ...] = ()

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The Ed25519 keys that sign, raw: what a witness must know."""
        return tuple(key.public_key().public_bytes_raw() for key in self.ed25519)

    def signers(self, origin: str) -> tuple[Signer, ...]:
        """Who signs the checkpoints of one log. Its name is the log's origin. Where there is no
        library for SM2 its keys don't, which the doctor and the statement of the keys tell."""
        national = self.sm2 if sm2.available() else ()
        return (
            *(Signer.ed25519(origin, key) for key in self.ed25519),
            *(key.signer(origin) for key in national),
        )

    def verifiers(self, origin: str) -> list[VerifierKey]:
        """What others check that log's checkpoints with."""
        return [signer.verifier for signer in self.signers(origin)]

    @classmethod
    def load(cls, folder: Path) -> LogKeys:
        """Raises LogKeysUnfit."""
        leaf = LeafKey(_leaf_key(folder / LEAF_KEY))
        signing = [_ed25519(file) for file in _signing_files(folder, "pem")]
        if not signing:
            raise LogKeysUnfit(f"{folder} holds no log-1.pem: run `biaoshi keys create`")
        national = [sm2.PrivateKey(_read(file)) for file in _signing_files(folder, "sm2")]
        return cls(leaf, tuple(signing), tuple(national))


def create(folder: Path, *, with_sm2: bool = False) -> LogKeys:
    """Make all keys in a folder that holds none. Raises LogKeysUnfit."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LogKeysUnfit(f"cannot make {folder}: {error.strerror}") from None
    if any(folder.iterdir()):
        raise LogKeysUnfit(f"{folder} is not empty: keys are never written over")
    _write(folder / LEAF_KEY, f"{secrets.token_bytes(KEY_BYTES).hex()}\n".encode())
    _add_signing_key(folder / "log-1.pem")
    if with_sm2:
        _write(folder / "log-1.sm2", sm2.PrivateKey.generate().content)
    return LogKeys.load(folder)


def rotate(folder: Path, *, with_sm2: bool = False) -> list[Path]:
    """Make a further signing key, and one of SM2 where there is one already or it is asked for;
    they sign beside the others from the next start. Raises LogKeysUnfit and SM2Unavailable."""
    national = None
    if with_sm2 or _signing_files(folder, "sm2"):
        national = sm2.PrivateKey.generate().content
    stem = f"log-{_next_number(folder)}"
    made = [_add_signing_key(folder / f"{stem}.pem")]
    if national is not None:
        _write(folder / f"{stem}.sm2", national)
        made.append(folder / f"{stem}.sm2")
    return made


def retire(folder: Path) -> list[Path]:
    """Put the oldest of several signing keys of each kind aside: they sign no more from the next
    start. Raises LogKeysUnfit."""
    several = [files for kind in ("pem", "sm2") if len(files := _signing_files(folder, kind)) > 1]
    if not several:
        raise LogKeysUnfit("the only signing key cannot be retired: rotate first")
    return [files[-1].rename(files[-1].with_name(files[-1].name + RETIRED)) for files in several]


def _next_number(folder: Path) -> int:
    numbers = [int(match[1]) for match in map(_SIGNING.match, _names(folder)) if match]
    return max(numbers, default=0) + 1


def _add_signing_key(file: Path) -> Path:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(file, pem)
    return file


def _signing_files(folder: Path, kind: str) -> list[Path]:
    """The newest first."""
    found = [match for match in map(_SIGNING.fullmatch, _names(folder)) if match]
    wanted = [match for match in found if match[2] == kind]
    return [folder / match[0] for match in sorted(wanted, key=lambda m: -int(m[1]))]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise LogKeysUnfit(f"cannot read {folder}: {error.strerror}") from None


def leaf_key_in(file: Path) -> LeafKey:
    """K alone, as an auditor has it. Raises LogKeysUnfit."""
    return LeafKey(_leaf_key(file))


def _leaf_key(file: Path) -> bytes:
    try:
        key = bytes.fromhex(_read(file).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise LogKeysUnfit(f"{file} does not hold {KEY_BYTES} bytes in hexadecimal")
    return key


def _ed25519(file: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError):
        raise LogKeysUnfit(f"{file} is not an unencrypted PEM file with a key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise LogKeysUnfit(f"{file} holds a key that is not Ed25519")
    return key


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_mode & 0o077:
            raise LogKeysUnfit(f"{file} can be read by others: run `chmod 600 {file}`")
        return file.read_bytes()
    except OSError as error:
        raise LogKeysUnfit(f"cannot read {file}: {error.strerror}") from None


def _write(file: Path, content: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise LogKeysUnfit(f"cannot create {file}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
