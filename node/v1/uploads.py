"""Uploads: a file of registrations by multipart/form-data.

The file goes to disk as it comes, unnamed, and from there into the database; nothing keeps it
whole in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, Annotated

import msgspec
from aiohttp import BodyPartReader
from msgspec import Meta

from node.http import body as bodies
from node.http.body import BROKEN, SILENCE
from node.v1.jobs import ADMISSION, TAG, location
from node.v1.operation import MULTIPART, Call, Operation, Reply
from registry.errors import InvalidInput, TooLarge
from registry.job.job import Job
from registry.table.dialect import InvalidTable
from registry.upload.upload import UploadOptions, examine

MEBIBYTE = 1 << 20
PIECE = 256 * 1024  # bytes written at a time
MAX_OPTIONS = 256 * 1024
MAX_NAME = 255


class UploadForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CSV file in UTF-8 or GB 18030, or an XLSX workbook, with a header; and as JSON how to read
    it, where that is not found out."""

    file: Annotated[str, Meta(extra_json_schema={"contentMediaType": "application/octet-stream"})]
    options: UploadOptions = UploadOptions()


@dataclass(slots=True)
class _Received:
    """What has come of a form."""

    file: IO[bytes]
    name: str | None = None  # of the file, once it has come
    digest: bytes = b""
    options: bytes | None = None


async def uploaded(call: Call) -> Reply:
    """Take a file, look through it and make it a job."""
    prefix = call.path["prefix"]
    await call.wiring.jobs.check(call.actor, prefix)
    sender = call.actor.enterprise_id or call.actor.name
    with call.wiring.reception.place(sender), tempfile.TemporaryFile() as file:
        received = _Received(file)
        try:
            await _receive(call, received)
        except (*BROKEN, ValueError):  # ValueError: not the form that its headers say
            raise InvalidInput(
                "the form breaks off, or is not encoded as its headers say",
                field="body",
                rule="body-broken",
            ) from None
        if received.name is None:
            raise InvalidInput("the form has no file", field="file", rule="file-needed")
        content = received.options or b"{}"
        options = bodies.decode(content, UploadOptions, field="options")
        upload = await asyncio.to_thread(examine, file, options)
        once = call.once and call.once.also_of(received.digest, content)
        job = await call.wiring.jobs.add_upload(
            call.actor, prefix, received.name, upload, file, once
        )
        return Reply(job, headers=location(job))


async def _receive(call: Call, received: _Received) -> None:
    """Read the form. Raises InvalidInput for what does not belong there."""
    reader = await call.request.multipart()
    while (part := await asyncio.wait_for(reader.next(), SILENCE)) is not None:
        if not isinstance(part, BodyPartReader):
            raise InvalidInput("a form within the form", field="body", rule="form-part")
        if part.name == "file" and received.name is None:
            await _receive_file(call, part, received)
        elif part.name == "options" and received.options is None:
            received.options = await _read(part, MAX_OPTIONS)
        else:
            raise InvalidInput(
                "a form has one file and may have options", field="body", rule="form-part"
            )


async def _receive_file(call: Call, part: BodyPartReader, received: _Received) -> None:
    limit = call.wiring.settings.upload_mebibytes * MEBIBYTE
    digest = hashlib.sha256()
    size = 0
    while piece := await asyncio.wait_for(part.read_chunk(PIECE), SILENCE):
        size += len(piece)
        if size > limit:
            raise TooLarge(
                f"a file has at most {limit // MEBIBYTE} MiB", field="file", rule="file-limit"
            )
        digest.update(piece)
        await asyncio.to_thread(received.file.write, piece)
    received.name = _name(part.filename)
    received.digest = digest.digest()


async def _read(part: BodyPartReader, limit: int) -> bytes:
    content = b""
    while piece := await asyncio.wait_for(part.read_chunk(), SILENCE):
        content += piece
        if len(content) > limit:
            raise TooLarge(
                f"options have at most {limit} bytes", field="options", rule="options-limit"
            )
    return content


def _name(given: str | None) -> str:
    """A file's own name, as far as it can be shown."""
    name = PureWindowsPath(PurePosixPath(given or "").name).name
    shown = "".join(character for character in name if character.isprintable())
    return shown[:MAX_NAME] or "file"


OPERATIONS = (
    Operation(
        name="addUpload",
        tag=TAG,
        summary="Register the rows of a file",
        description="CSV in UTF-8 or GB 18030, separated by comma, semicolon or tab, or a sheet of "
        "an XLSX workbook; the first row names the columns. Without `columns`, 标识后缀 or suffix "
        "is the suffix, 标识 or handle the whole identifier, else the first column the suffix; "
        "详情网址 or url becomes the value of type URL at index 1, any other column a value of "
        "that type from index 2000 up. With `columns`, those that are not named become nothing. "
        "Rows that cannot be registered are refused one by one, and the job has every row's "
        "verdict. A file may be sent again: what is there with the same content is unchanged.",
        method="POST",
        path="/v1/prefixes/{prefix:segment}/uploads",
        handler=uploaded,
        body=UploadForm,
        body_media=MULTIPART,
        answer=Job,
        status=202,
        errors=(InvalidTable, *ADMISSION),
        once=True,
    ),
)
