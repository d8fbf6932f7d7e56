"""Defining templates: every rule with its field, and what a change leaves alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from registry.errors import InvalidTemplate
from registry.template.definition import Definition, TemplateChange, TemplateWish, check_version
from registry.template.template import ItemState, Metadata, Visibility
from tests.registry.template.conftest import changing, wish

URL = {"idType": "URL", "pattern": "https://e.cn/{suffix:url}", "searchable": True}
COST = {"idType": "COST", "visibility": "private", "metadata": {"type": "number"}}


def refused(*items: dict[str, Any], present: Definition | None = None) -> tuple[str | None, str]:
    with pytest.raises(InvalidTemplate) as caught:
        (present or Definition()).changed(wish(*items))
    return caught.value.field, str(caught.value.rule)


@pytest.mark.parametrize(
    ("item", "member", "rule"),
    [
        ({"idType": " URL"}, "idType", "idType-text"),
        ({"idType": "U\0L"}, "idType", "idType-text"),
        ({"idType": "U\u202eL"}, "idType", "idType-text"),
        ({"idType": "HS_ADMIN"}, "idType", "idType-reserved"),
        ({"idType": "hs_seckey"}, "idType", "idType-reserved"),
        ({"idType": "Template"}, "idType", "idType-reserved"),
        ({"idType": "A", "name": "名 "}, "name", "name-text"),
        ({"idType": "A", "name": "名\n"}, "name", "name-text"),
        (
            {"idType": "A", "metadata": {"minLength": 5, "maxLength": 4}},
            "metadata.minLength",
            "length-order",
        ),
        (
            {"idType": "A", "visibility": "granted", "searchable": True},
            "searchable",
            "searchable-private",
        ),
        (
            {"idType": "A", "visibility": "private", "searchable": True},
            "searchable",
            "searchable-private",
        ),
        ({"idType": "A", "default": "1", "pattern": "2"}, "pattern", "default-and-pattern"),
        (
            {"idType": "A", "default": "abc", "metadata": {"maxLength": 2}},
            "default",
            "default-length",
        ),
        (
            {"idType": "A", "default": "12,5", "metadata": {"type": "number"}},
            "default",
            "default-type",
        ),
        (
            {"idType": "A", "default": "2026", "metadata": {"type": "date"}},
            "default",
            "default-type",
        ),
        ({"idType": "A", "default": "", "required": True}, "default", "default-required"),
        ({"idType": "A", "default": "a\x01b"}, "default", "default-text"),
        ({"idType": "A", "default": "a\0b"}, "default", "default-type"),
        (
            {"idType": "A", "pattern": "{suffix}", "metadata": {"type": "number"}},
            "pattern",
            "pattern-type",
        ),
        (
            {"idType": "A", "pattern": "{suffix}", "metadata": {"type": "date"}},
            "pattern",
            "pattern-type",
        ),
        ({"idType": "A", "pattern": ""}, "pattern", "pattern-text"),
        ({"idType": "A", "pattern": "a\tb"}, "pattern", "pattern-text"),
        ({"idType": "A", "pattern": "{model}"}, "pattern", "pattern-placeholder"),
        ({"idType": "A", "pattern": "a" * 1025}, "pattern", "pattern-length"),
    ],
)
def test_rules_of_an_item(item: dict[str, Any], member: str, rule: str) -> None:
    assert refused({"idType": "B"}, item) == (f"items[1].{member}", rule)


@pytest.mark.parametrize(
    ("items", "field", "rule"),
    [
        ([{"idType": "A"}, {"idType": "a"}], "items[1].idType", "idType-twice"),
        (
            [{"idType": "A", "name": "名"}, {"idType": "B", "name": "名"}],
            "items[1].name",
            "name-twice",
        ),
        ([{"idType": "A"}, {"idType": "B", "idIndex": 2000}], "items[1].idIndex", "idIndex-twice"),
        ([{"idType": "A"}, {"idType": "A", "idIndex": 2000}], "items[1]", "item-twice"),
    ],
)
def test_what_is_unique(items: list[dict[str, Any]], field: str, rule: str) -> None:
    assert refused(*items) == (field, rule)


def test_a_new_item_must_not_clash_with_one_that_was_there() -> None:
    present = Definition().changed(wish({"idType": "URL", "name": "网址"}))
    for item, member in (
        ({"idIndex": 2000, "idType": "OTHER", "name": "别"}, "idIndex"),
        ({"idIndex": 2001, "idType": "url", "name": "别"}, "idType"),
        ({"idIndex": 2001, "idType": "OTHER", "name": "网址"}, "name"),
        # The first is the wish's, though its index comes later.
        ({"idIndex": 2001, "idType": "OTHER", "name": "网址"}, "name"),
    ):
        assert refused(item, present=present) == (f"items[0].{member}", f"{member}-twice")


def test_a_new_item_needs_a_name() -> None:
    change = changing({"idIndex": 2000, "idType": "A"})
    with pytest.raises(InvalidTemplate) as caught:
        Definition().changed(change)
    assert (caught.value.field, caught.value.rule) == ("items[0].name", "name-needed")


@pytest.mark.parametrize(
    ("members", "field", "rule"),
    [
        ({"description": "a\0"}, "description", "description-text"),
        ({"description": "a\x1b[2J"}, "description", "description-text"),
        ({"industryCategory": "C\n"}, "industryCategory", "industry-text"),
        ({"industryTrade": "\x7f"}, "industryTrade", "industry-text"),
    ],
)
def test_rules_of_a_template(members: dict[str, Any], field: str, rule: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        Definition().changed(wish(**members))
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_a_template_gives_a_record_no_more_than_it_can_hold() -> None:
    long = {"default": "灯" * 4096, "metadata": {"maxLength": 4096}}
    items = [{"idType": f"T{number}", **long} for number in range(6)]
    Definition().changed(wish(*items[:5]))
    assert refused(*items) == ("items", "gives-too-much")
    many = [{"idType": f"P{number}", "pattern": "{handle:url}" * 10} for number in range(9)]
    assert refused(*many) == ("items", "gives-too-much")


def test_how_many_items_there_may_be() -> None:
    items = [{"idType": f"T{number}"} for number in range(200)]
    present = Definition().changed(wish(*items))
    assert len(present.items) == 200
    assert refused({"idType": "X", "idIndex": 3000}, present=present) == (
        "items",
        "too-many-items",
    )


@pytest.mark.parametrize("version", ["v1", "产品 2026", "a.b_c-d", "%2F", "灯" * 128])
def test_versions(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["", " v", "v ", "a/b", "a\0", "a\n", ".", "..", "灯" * 129])
def test_texts_that_are_no_versions(version: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        check_version(version)
    assert (caught.value.field, caught.value.rule) == ("version", "version-text")


def test_a_change_leaves_alone_what_it_does_not_name() -> None:
    present = Definition().changed(wish(URL, COST, description="灯", industryTrade="387"))
    after = present.changed(
        changing({"idIndex": 2001, "idType": "COST", "required": True}, industryCategory="C")
    )
    url, cost = after.items
    assert url == present.items[0]
    assert cost == msgspec.structs.replace(present.items[1], required=True)
    assert (after.description, after.industry_trade, after.industry_category) == ("灯", "387", "C")


def test_a_change_may_take_members_back() -> None:
    present = Definition().changed(wish(URL))
    change = {"idIndex": 2000, "idType": "URL", "pattern": None, "default": "https://e.cn"}
    (item,) = present.changed(changing(change)).items
    assert (item.pattern, item.default) == (None, "https://e.cn")


def test_items_are_disabled_and_never_removed() -> None:
    present = Definition().changed(wish(URL, COST))
    assert present.changed(changing()) == present
    after = present.changed(changing({"idIndex": 2000, "idType": "URL", "state": 0}))
    assert [item.state for item in after.items] == [ItemState.DISABLED, ItemState.ENABLED]


def test_new_items_are_added_in_the_order_of_their_indexes() -> None:
    present = Definition().changed(wish({"idType": "A", "idIndex": 2005}))
    after = present.changed(wish({"idType": "B", "idIndex": 2001}))
    assert [item.id_index for item in after.items] == [2001, 2005]


def test_what_an_item_is_unless_told_otherwise() -> None:
    (item,) = Definition().changed(wish({"idType": "A"})).items
    assert (item.required, item.state, item.visibility) == (
        False,
        ItemState.ENABLED,
        Visibility.PUBLIC,
    )
    assert item.metadata == Metadata()
    assert (item.default, item.pattern, item.searchable) == (None, None, False)


@pytest.mark.parametrize(
    "body",
    [
        {"items": [{"idIndex": 1999, "idType": "A", "name": "a"}]},
        {"items": [{"idIndex": 2**31, "idType": "A", "name": "a"}]},
        {"items": [{"idIndex": 2000, "idType": "", "name": "a"}]},
        {"items": [{"idIndex": 2000, "idType": "A" * 129, "name": "a"}]},
        {"items": [{"idIndex": 2000, "idType": "A", "name": ""}]},
        {"items": [{"idIndex": 2000, "idType": "A", "name": "a", "state": 2}]},
        {"items": [{"idIndex": 2000, "idType": "A", "name": "a", "visibility": "secret"}]},
        {"items": [{"idIndex": 2000, "idType": "A", "name": "a", "colour": 1}]},
        {"items": [{"idIndex": 2000, "idType": "A", "name": "a", "metadata": {"type": "x"}}]},
        {"items": [{"idIndex": 2000, "idType": "A", "name": "a", "metadata": {"maxLength": 0}}]},
        {"items": [{"idIndex": 2000, "idType": "A", "name": "a", "metadata": {"max": 5}}]},
        {"type": 3},
        {"version": "v1", "generation": 5},
    ],
)
def test_bodies_of_another_shape(body: dict[str, Any]) -> None:
    kind = TemplateWish if "version" in body else TemplateChange
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, kind)
