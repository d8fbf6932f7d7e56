"""The bureau's endpoint for daily statistics, as a client sees it: signed, bounded, with a receipt.

PUT <bureau_url>/daily/<day>, a JSON object of `statistics` (a text, which is what is signed) and
`signature` (a signed note over day and digest). The answer is an object of `receipt` and `sha256`.
Sending a day again gives the same receipt.
"""

from __future__ import annotations

from datetime import date

import aiohttp
import msgspec

from award.report.package import reports_name
from award.report.report import sha256
from award.upload.uploading import Uploading, signed_text
from metrics.log.note import SignedNote
from node.log.wiring import CertifiedLog
from node.settings import Settings
from registry.bounded import bounded
from registry.database import Database
from registry.errors import Unavailable

SECONDS = 20.0
MOST = 64 * 1024  # bytes of an answer


class BureauUnavailable(Unavailable):
    kind = "bureau-unavailable"
    title = "The bureau's endpoint does not answer"


class Parcel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent."""

    statistics: str
    signature: str


class Receipt(msgspec.Struct, frozen=True):
    receipt: str
    sha256: str


class BureauClient:
    """Safe to share between tasks."""

    def __init__(self, session: aiohttp.ClientSession, url: str, log: CertifiedLog) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._log = log

    async def deliver(self, day: date, statistics: str) -> str:
        """The receipt. Raises BureauUnavailable for whatever else comes back."""
        text = signed_text(day, statistics)
        signers = self._log.keys.signers(reports_name(self._log.origin))
        note = SignedNote(text, tuple(signer.sign(text) for signer in signers))
        content = msgspec.json.encode(Parcel(statistics, str(note)))
        status, body = await self._put(f"{self._url}/daily/{day}", content)
        if status not in (200, 201):
            raise BureauUnavailable(f"the bureau answers HTTP {status}")
        try:
            found = msgspec.json.decode(body, type=Receipt)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BureauUnavailable("the bureau's receipt cannot be read") from None
        if found.sha256 != sha256(statistics.encode()):
            raise BureauUnavailable("the bureau's receipt is for something else")
        return found.receipt[:200]

    async def _put(self, url: str, content: bytes) -> tuple[int, bytes]:
        try:
            async with self._session.put(
                url,
                data=content,
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                allow_redirects=False,
            ) as response:
                body = await bounded(response.content.iter_any(), MOST)
                if body is None:
                    raise BureauUnavailable(f"the bureau's answer is longer than {MOST} bytes")
                return response.status, body
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BureauUnavailable(f"the bureau does not answer: {type(error).__name__}") from None


def uploading(
    settings: Settings,
    database: Database,
    session: aiohttp.ClientSession,
    log: CertifiedLog | None,
) -> Uploading | None:
    """None where no endpoint is set, or nothing could be signed."""
    if settings.bureau_url is None or log is None:
        return None
    client = BureauClient(session, settings.bureau_url, log)
    return Uploading(database, settings.secondary_prefix, client.deliver)
