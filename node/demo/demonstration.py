"""demo.json: where the demonstration is reached and with which keys, for people and scripts."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from registry.errors import Unavailable

FILE_NAME = "demo.json"


class DemonstrationUnreadable(Unavailable):
    kind = "demonstration-unreadable"
    title = "demo.json cannot be read"


class Demonstration(msgspec.Struct, frozen=True, kw_only=True):
    """What demo.json holds. An empty text is not known yet."""

    base_url: str
    prefix: str = ""
    example: str = ""  # an identifier registered here
    enterprise_id: int = 0
    enterprise_key: str = ""
    operator_key: str = ""
    bureau_key: str = ""
    handle_admin: str = ""  # user of Basic authentication, as index:handle
    handle_admin_secret: str = ""
    national_node_url: str = ""
    management_url: str = ""  # of the sandbox national node
    foreign_url: str = ""
    foreign_example: str = ""  # an identifier of another node

    def save(self, folder: Path) -> None:
        """Write the file whole or not at all, for its owner alone: it holds keys."""
        fresh = folder / f"{FILE_NAME}.new"
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(folder / FILE_NAME)

    @classmethod
    def load(cls, folder: Path) -> Demonstration | None:
        """None where there is no demonstration in the folder."""
        file = folder / FILE_NAME
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DemonstrationUnreadable(f"cannot read {file}: {error.strerror}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DemonstrationUnreadable(
                f"{file} is damaged ({error}): delete it and start `biaoshi run` again"
            ) from None
