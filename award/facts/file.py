"""Reading a facts file: what is wrong is told with its line, its place and the rule."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from award.money import Rate, Yuan
from registry.errors import InvalidInput

F = TypeVar("F")
LIMIT = 1 << 20  # bytes; a file of invoices is far smaller

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\"'.-]+)\s*=")
_AT = re.compile(r"^(?P<said>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_PART = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
_WORDS = (
    (re.compile(r"Object contains unknown field `(\w+)`"), r"没有名为 \1 的项"),
    (re.compile(r"Object missing required field `(\w+)`"), r"缺少必填项 \1"),
    (re.compile(r"Invalid enum value '(.*)'"), r"不能写作“\1”，可选的写法见模板"),
    (re.compile(r"Expected `(.*)`, got `(.*)`"), r"应为 \1，而不是 \2"),
)


class InvalidFacts(InvalidInput):
    """`field` is the place in the file, such as investment[2].vat, and the detail has its line."""

    kind = "invalid-facts"
    title = "The facts file breaks a rule"


def load(file: Path, kind: type[F]) -> F:
    """The facts in a file. Raises InvalidFacts."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidFacts(f"无法读取 {file}：{error.strerror}") from None
    return parse(content, kind, file.name)


def parse(content: bytes, kind: type[F], name: str = "facts") -> F:
    if len(content) > LIMIT:
        raise InvalidFacts(f"{name} 超过 {LIMIT >> 20} MiB", rule="too-large")
    try:
        text = content.decode("utf-8-sig")
        table = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidFacts(f"{name} 第 {line} 行：不是 UTF-8 编码", rule="encoding") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidFacts(f"{name}：TOML 语法有误：{error}", rule="toml") from None
    try:
        return msgspec.convert(table, kind, dec_hook=from_written)
    except msgspec.ValidationError as error:
        raise _explained(str(error), text, name) from None


def from_written(kind: type, written: object) -> Any:
    """Amounts and rates as people write them."""
    if kind is Yuan:
        return Yuan.parse(written)
    if kind is Rate:
        return Rate.parse(written)
    raise NotImplementedError(kind)


def _explained(error: str, text: str, name: str) -> InvalidFacts:
    found = _AT.match(error)
    assert found is not None
    said, path = found["said"], (found["path"] or "").lstrip(".")
    unknown = re.search(r"unknown field `(\w+)`", said)
    place = f"{path}.{unknown[1]}".lstrip(".") if unknown else path
    line = _line_of(place, text)
    where = f"{name} 第 {line} 行" if line else name
    shown = f"（{place}）" if place else ""
    return InvalidFacts(f"{where}{shown}：{_in_chinese(said)}", field=place or None, rule="facts")


def _in_chinese(said: str) -> str:
    for pattern, words in _WORDS:
        if pattern.search(said):
            return pattern.sub(words, said)
    return said


def _line_of(place: str, text: str) -> int | None:
    """The line of a key, or else of the table that should have it, counted from 1."""
    lines = _lines(text)
    parts: list[str] = [name or f"[{number}]" for name, number in _PART.findall(place)]
    while parts:
        if (line := lines.get("".join(_joined(parts)))) is not None:
            return line
        parts.pop()
    return None


def _joined(parts: list[str]) -> list[str]:
    return [part if part.startswith("[") or not at else f".{part}" for at, part in enumerate(parts)]


def _lines(text: str) -> dict[str, int]:
    """The line of every table and key of a TOML text, by its place."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = header[2]
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{key[1]}".lstrip("."), number)
    return found
