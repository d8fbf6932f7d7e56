"""Where records can be that have a value like a pattern: in a range of the index, or, where their
template makes the value of the suffix, in a range of suffixes. What such a range leads to is looked
at by itself, so it may be too wide; it is never too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from registry.identifier import fold_case
from registry.lookup.store import KEY, Keys, Searched, Suffixes
from registry.query.question import following
from registry.template.pattern import ValuePattern
from registry.template.template import TEMPLATE_TYPE, TemplateItem


@dataclass(frozen=True, slots=True)
class Wanted:
    """A type in capitals, and the text in lower case with which its value begins."""

    kind: str
    head: str

    @property
    def keys(self) -> Keys:
        low = self.head[:KEY]
        return Keys(self.kind, low, following(low))


def head_of(like: str) -> str:
    """The text with which everything begins that is like a LIKE pattern."""
    head = []
    characters = iter(like)
    for character in characters:
        if character in "%_":
            break
        head.append(next(characters, "") if character == "\\" else character)
    return "".join(head)


def best(
    template: Searched, wanted: Sequence[Wanted], case_sensitive: bool
) -> tuple[Keys, Suffixes | None] | None:
    """Where the records of a template can be that have everything wanted; None where no range says
    it. The longest beginning says most."""
    for one in sorted(wanted, key=lambda one: -len(one.head)):
        if not one.head or one.kind == TEMPLATE_TYPE:
            continue
        item = _giving(template, one.kind)
        if item is None or (item.default is not None and not _begins(item.default, one.head)):
            return one.keys, None
        if item.default is None:
            bound = _suffix_bound(template.prefix, item.pattern or "", one.head, case_sensitive)
            if bound is None:
                return one.keys, None
            if bound:
                span = Suffixes(template.template_id, template.prefix_id, bound, following(bound))
                return one.keys, span
    return None


def _giving(template: Searched, kind: str) -> TemplateItem | None:
    """The item of this kind whose value a record may have from its template."""
    for item in template.items:
        gives = item.enabled and (item.default is not None or item.pattern is not None)
        if item.searchable and gives and item.id_type.upper() == kind:
            return item
    return None


def _begins(text: str, head: str) -> bool:
    """Whether a text may begin so, whatever the database takes for the same letter."""
    return text[: len(head)].casefold() == head.casefold() or not (text + head).isascii()


def _suffix_bound(prefix: str, pattern: str, head: str, case_sensitive: bool) -> str | None:
    """What the suffixes begin with of which the pattern makes a text that begins with `head`: empty
    where it may be any, None where there is none."""
    literals, encoded = _around_suffix(prefix, pattern)
    first = literals[0]
    if not _begins(first[: len(head)], head[: len(first)]):
        return None
    rest = head[len(first) :]
    if not encoded or not rest:
        return ""
    if len(encoded) > 1 and not literals[1]:
        return ""  # the next placeholder begins at once: where the first one ends is not known
    if literals[1]:
        # The suffix may end wherever what follows it can begin.
        rest = rest.partition(literals[1][0].lower())[0]
    text = _decoded(rest) if encoded[0] else rest
    return _comparable(text, case_sensitive)


def _around_suffix(prefix: str, pattern: str) -> tuple[list[str], list[bool]]:
    """The pattern with the prefix filled in: what stands around the places of the suffix, and
    whether it is percent-encoded there."""
    parsed = ValuePattern.parse(pattern, "pattern")
    literals = [parsed.literals[0]]
    encoded = []
    for (name, url), literal in zip(parsed.placeholders, parsed.literals[1:], strict=True):
        before = {"prefix": prefix, "suffix": "", "handle": f"{prefix}/"}[name]
        literals[-1] += quote(before, safe="") if url else before
        if name == "prefix":
            literals[-1] += literal
        else:
            literals.append(literal)
            encoded.append(url)
    return literals, encoded


def _decoded(text: str) -> str:
    """Percent-decoded, without an escape or a character that is cut off at the end."""
    head, _, tail = text.rpartition("%")
    if head + tail != text and len(tail) < 2:
        text = head
    return unquote_to_bytes(text).decode("utf-8", "ignore")


def _comparable(text: str, case_sensitive: bool) -> str:
    """The beginning of the text in the comparison form of suffixes, as far as that is sure: letters
    beyond ASCII may have been written in another case, and all may where case counts. The last
    character may make another one with what follows."""
    for place, character in enumerate(text):
        cased = character.lower() != character.upper()
        if cased and (case_sensitive or not character.isascii()):
            text = text[:place]
            break
    if not text.isascii():
        text = text[:-1]
    return fold_case(text)
