"""Handle values: typed data with index, ttl and permissions (RFC 3651 §3.1) in the field's JSON.

    {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://…"},
     "permissions": "1110", "ttl": 86400, "timestamp": "2026-11-23T11:40:28Z", "references": []}

`permissions` are four digits: administrators read, administrators write, public read, public
write; left out when they are 1110, as `references` are when there are none.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from registry.errors import DuplicateIndex, InvalidValue, TooLarge
from registry.record.typed_data import STRUCTURED, Reference

MAX_INDEX = 2**31 - 1
MAX_VALUES = 1000
MAX_TYPE_BYTES = 255
MAX_DATA_BYTES = 65_536
MAX_RECORD_BYTES = 262_144  # the longest message of the Handle wire protocol
MAX_REFERENCES = 100
DEFAULT_TTL = 86_400
MAX_TTL = 2**31 - 1
DEFAULT_PERMISSIONS = "1110"
PRIVATE_PERMISSIONS = "1100"
SECRET_TYPE = "HS_SECKEY"  # noqa: S105 - the name of a value type


class DataIn(msgspec.Struct, frozen=True):
    """Data as a client sends it. `value` is a string, or an object for the structured formats."""

    value: Any
    format: str = "string"


class ValueIn(msgspec.Struct, frozen=True):
    """A handle value as a client sends it. The node sets its own timestamp, whatever was sent."""

    index: int
    type: str
    data: DataIn | str
    ttl: int | str = DEFAULT_TTL
    permissions: str | None = None
    references: list[Reference] = []
    timestamp: str | None = None


class Data(msgspec.Struct, frozen=True):
    """Normalised data: base64 for bytes, plain JSON in a fixed order for structured formats."""

    format: str
    value: Any


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """A valid handle value, in the form in which it is stored and served."""

    index: int
    type: str
    data: Data
    permissions: str = DEFAULT_PERMISSIONS
    ttl: int | str | None = None  # seconds, or an absolute time as ISO 8601 text
    timestamp: str = ""
    references: tuple[Reference, ...] = ()

    @property
    def public(self) -> bool:
        """Whether anyone may read it."""
        return self.permissions[2] == "1"

    @property
    def secret(self) -> bool:
        return self.type.upper() == SECRET_TYPE

    def same_content(self, other: Value) -> bool:
        """Equal but for the time it was stored."""
        return self.stamped("") == other.stamped("")

    def stamped(self, timestamp: str) -> Value:
        return msgspec.structs.replace(self, timestamp=timestamp)


_decoder = msgspec.json.Decoder(tuple[Value, ...])
_encoder = msgspec.json.Encoder()


def normalise(values: Iterable[ValueIn], *, now: datetime) -> tuple[Value, ...]:
    """Check values and bring them to the stored form, ascending by index.

    Raises InvalidValue, DuplicateIndex or TooLarge naming the value at fault as
    `values[<position>].<member>`.
    """
    timestamp = timestamp_of(now)
    result: list[Value] = []
    seen: set[int] = set()
    for position, value in enumerate(values):
        if position >= MAX_VALUES:
            raise TooLarge(
                f"a record holds at most {MAX_VALUES} values",
                field="values",
                rule="too-many-values",
            )
        checked = _normalise_one(value, f"values[{position}]", timestamp)
        if checked.index in seen:
            raise DuplicateIndex(
                f"index {checked.index} appears twice",
                field=f"values[{position}].index",
                rule="duplicate-index",
            )
        seen.add(checked.index)
        result.append(checked)
    result.sort(key=lambda value: value.index)
    return tuple(result)


def timestamp_of(moment: datetime) -> str:
    """A time as values carry it, to the second."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


def encode(values: Sequence[Value]) -> str:
    """The JSON text of a list of values: what is stored and served. Raises TooLarge."""
    if len(values) > MAX_VALUES:
        raise TooLarge(
            f"a record holds at most {MAX_VALUES} values", field="values", rule="too-many-values"
        )
    text = _encoder.encode(values)
    if len(text) > MAX_RECORD_BYTES:
        raise TooLarge(
            f"the record's values take {len(text)} bytes of JSON; "
            f"a record holds at most {MAX_RECORD_BYTES}",
            field="values",
            rule="record-too-large",
        )
    return text.decode()


def decode(text: str | bytes | None) -> tuple[Value, ...]:
    """The values of a stored JSON text. Stored text is trusted: it was normalised when written."""
    return _decoder.decode(text) if text else ()


def split(values: Sequence[Value]) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """The values that anyone may read, and the others."""
    public = tuple(value for value in values if value.public)
    private = tuple(value for value in values if not value.public)
    return public, private


def _normalise_one(value: ValueIn, where: str, timestamp: str) -> Value:
    if not 1 <= value.index <= MAX_INDEX:
        raise InvalidValue(
            f"an index is a whole number from 1 to {MAX_INDEX}",
            field=f"{where}.index",
            rule="index-range",
        )
    _check_type(value.type, where)
    return Value(
        index=value.index,
        type=value.type,
        data=_normalise_data(value.data, where),
        permissions=_permissions(value, where),
        ttl=_ttl(value.ttl, where),
        timestamp=timestamp,
        references=_references(value.references, where),
    )


def _check_type(type_: str, where: str) -> None:
    if not type_ or not type_.isprintable() or len(type_.encode()) > MAX_TYPE_BYTES:
        raise InvalidValue(
            f"a type is 1 to {MAX_TYPE_BYTES} bytes of printable text",
            field=f"{where}.type",
            rule="type-text",
        )


def _permissions(value: ValueIn, where: str) -> str:
    secret = value.type.upper() == SECRET_TYPE
    permissions = value.permissions
    if permissions is None:
        return PRIVATE_PERMISSIONS if secret else DEFAULT_PERMISSIONS
    if len(permissions) != 4 or set(permissions) - {"0", "1"}:
        raise InvalidValue(
            "permissions are four digits 0 or 1: admin read and write, public read and write",
            field=f"{where}.permissions",
            rule="permissions-text",
        )
    if secret and "1" in permissions[2:]:
        raise InvalidValue(
            "a secret key can't be readable or writable by the public: leave permissions out",
            field=f"{where}.permissions",
            rule="secret-public",
        )
    return permissions


def _ttl(ttl: int | str, where: str) -> int | str:
    """Seconds, or an absolute time given as ISO 8601 text."""
    if isinstance(ttl, int):
        if 0 <= ttl <= MAX_TTL:
            return ttl
        raise InvalidValue(
            f"a relative ttl is 0 to {MAX_TTL} seconds", field=f"{where}.ttl", rule="ttl-range"
        )
    try:
        moment = datetime.fromisoformat(ttl)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        moment = moment.astimezone(UTC)
        if not 0 <= moment.timestamp() < 2**32:  # what the Handle wire protocol can tell
            raise ValueError("out of range")
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        raise InvalidValue(
            "an absolute ttl is a time from 1970 to 2106 with its zone, such as "
            "2027-01-01T00:00:00Z",
            field=f"{where}.ttl",
            rule="ttl-time",
        ) from None


def _references(references: Sequence[Reference], where: str) -> tuple[Reference, ...]:
    """The references, checked: those read off the wire have seen no JSON schema."""
    if not references:
        return ()
    if len(references) > MAX_REFERENCES:
        raise TooLarge(
            f"a value holds at most {MAX_REFERENCES} references",
            field=f"{where}.references",
            rule="too-many-references",
        )
    try:
        plain = msgspec.to_builtins(references)
        return msgspec.convert(plain, tuple[Reference, ...])
    except msgspec.ValidationError as error:
        raise InvalidValue(
            f"not a reference: {error}", field=f"{where}.references", rule="reference"
        ) from None


def _normalise_data(data: DataIn | str, where: str) -> Data:
    if isinstance(data, str):
        data = DataIn(value=data)
    place = f"{where}.data.value"
    if data.format in STRUCTURED:
        value = _structured(data, place)
    elif not isinstance(data.value, str):
        raise InvalidValue("this format holds a string", field=place, rule="data-string")
    elif data.format == "string":
        value = _text(data.value, place)
    elif data.format in ("base64", "hex"):
        return Data("base64", _bytes(data.format, data.value, place))
    else:
        raise InvalidValue(
            "a format is one of string, base64, hex, admin, vlist, site, key",
            field=f"{where}.data.format",
            rule="data-format",
        )
    return Data(data.format, value)


def _text(value: str, place: str) -> str:
    if "\0" in value:
        raise InvalidValue(
            "a string holds no NUL; send bytes as base64", field=place, rule="data-nul"
        )
    try:
        _check_data_size(len(value.encode()), place)
    except UnicodeEncodeError:
        raise InvalidValue(
            "a string holds no half of a surrogate pair", field=place, rule="data-surrogate"
        ) from None
    return value


def _bytes(format_: str, value: str, place: str) -> str:
    try:
        raw = bytes.fromhex(value) if format_ == "hex" else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise InvalidValue(f"this is not {format_}", field=place, rule=f"data-{format_}") from None
    _check_data_size(len(raw), place)
    return base64.b64encode(raw).decode()


def _structured(data: DataIn, place: str) -> Any:
    """Bring a structured value to plain JSON with its members in a fixed order."""
    kind = STRUCTURED[data.format]
    try:
        typed = msgspec.convert(data.value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidValue(
            f"not {data.format} data: {error}", field=place, rule=f"data-{data.format}"
        ) from None
    plain = msgspec.to_builtins(typed)
    _check_data_size(len(_encoder.encode(plain)), place)
    return plain


def _check_data_size(size: int, place: str) -> None:
    if size > MAX_DATA_BYTES:
        raise TooLarge(
            f"a value holds at most {MAX_DATA_BYTES} bytes", field=place, rule="data-too-large"
        )
