"""Templates at work: attributes become values, and values records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BiaoshiError, DuplicateIndex, InvalidAttribute, InvalidValue
from registry.record.value import DEFAULT_TTL, DataIn, Value, ValueIn, normalise
from registry.template.compiled import Compiled
from tests.registry.template.conftest import compiled

URL = {"idType": "URL", "pattern": "https://e.cn/{suffix:url}"}
COLOUR = {"idType": "COLOUR", "default": "白", "metadata": {"maxLength": 4}}
POWER = {"idType": "POWER", "required": True, "metadata": {"type": "number"}}
COST = {"idType": "COST", "visibility": "private"}
REPORT = {"idType": "REPORT", "visibility": "granted"}
OLD = {"idType": "OLD", "state": 0, "default": "x"}
LAMP = compiled(URL, COLOUR, POWER, COST, REPORT, OLD)
REGISTERED = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


def raw(index: int, type_: str, text: str, **members: Any) -> Value:
    (value,) = normalise([ValueIn(index, type_, DataIn(text), **members)], now=REGISTERED)
    return value


def texts(values: Any) -> dict[int, Any]:
    return {value.index: value.data.value for value in values}


def refused(work: Any) -> tuple[str | None, str | None]:
    with pytest.raises(BiaoshiError) as caught:
        work()
    return caught.value.field, caught.value.rule


class TestAttributes:
    def test_become_values_in_the_order_of_their_indexes(self) -> None:
        values = LAMP.values_of({"COST": "3", "POWER": 12.5, "COLOUR": "黑"})
        assert texts(values) == {2001: "黑", 2002: "12.5", 2003: "3"}
        assert [value.index for value in values] == [2001, 2002, 2003]
        assert {value.ttl for value in values} == {DEFAULT_TTL}
        assert {value.timestamp for value in values} == {""}
        assert [value.permissions for value in values] == ["1110", "1110", "1100"]

    def test_carry_a_time_where_one_is_given(self) -> None:
        (value,) = LAMP.values_of({"POWER": 1}, "2026-03-02T00:00:00Z")
        assert value.timestamp == "2026-03-02T00:00:00Z"

    @pytest.mark.parametrize(
        ("attributes", "field", "rule"),
        [
            ({}, "attributes.POWER", "required"),
            ({"POWER": 1, "power": 1}, "attributes.power", "unknown"),
            ({"POWER": 1, "": 1}, "attributes.", "unknown"),
            ({"POWER": 1, "\ud800": 1}, "attributes.?", "unknown"),
            ({"POWER": 1, "A" * 1000: 1}, "attributes." + "A" * 128, "unknown"),
            ({"POWER": 1, "OLD": "x"}, "attributes.OLD", "disabled"),
            ({"POWER": "strong"}, "attributes.POWER", "type"),
            ({"POWER": None}, "attributes.POWER", "type"),
            ({"POWER": 1, "COLOUR": 5}, "attributes.COLOUR", "type"),
            ({"POWER": 1, "COLOUR": "黑白相间的"}, "attributes.COLOUR", "length"),
        ],
    )
    def test_break_rules(self, attributes: dict[str, Any], field: str, rule: str) -> None:
        with pytest.raises(InvalidAttribute) as caught:
            LAMP.values_of(attributes)
        assert (caught.value.field, caught.value.rule) == (field, rule)

    def test_beside_values_by_index(self) -> None:
        beside = (raw(1, "URL", "https://other"), raw(2002, "POWER", "7"))
        values = LAMP.values_of({"COLOUR": "黑"}, beside=beside)
        assert texts(values) == {1: "https://other", 2001: "黑", 2002: "7"}

    def test_and_values_may_not_say_the_same_thing(self) -> None:
        def both() -> None:
            LAMP.values_of({"POWER": 7}, beside=[raw(2002, "POWER", "7")])

        with pytest.raises(DuplicateIndex):
            both()
        assert refused(both) == ("attributes.POWER", "duplicate-index")

    def test_that_are_required_may_come_from_the_template(self) -> None:
        template = compiled({"idType": "COLOUR", "default": "白", "required": True})
        assert template.values_of({}) == ()

    def test_that_are_required_but_disabled_are_not(self) -> None:
        assert compiled({"idType": "A", "required": True, "state": 0}).values_of({}) == ()


class TestValuesByIndex:
    @pytest.mark.parametrize(
        ("value", "field", "rule"),
        [
            (raw(2001, "COLOUR", "黑白相间的"), "attributes.COLOUR", "length"),
            (raw(2001, "POWER", "黑"), "attributes.POWER", "unknown"),
            (raw(2001, "colour", "黑"), "attributes.colour", "unknown"),
            (raw(2100, "NEW", "黑"), "attributes.NEW", "unknown"),
            (raw(2005, "OLD", "y"), "attributes.OLD", "disabled"),
            (raw(2002, "POWER", "y"), "attributes.POWER", "type"),
            (raw(1001, "TEMPLATE", "v1"), "values", "template-index"),
            (raw(1001, "ANYTHING", "v2"), "values", "template-index"),
        ],
    )
    def test_break_rules(self, value: Value, field: str, rule: str) -> None:
        assert refused(lambda: LAMP.check_values([value])) == (field, rule)

    def test_of_items_are_strings(self) -> None:
        (value,) = normalise([ValueIn(2001, "COLOUR", DataIn("YQ==", "base64"))], now=REGISTERED)
        assert refused(lambda: LAMP.check_values([value])) == ("attributes.COLOUR", "type")

    def test_that_are_no_items_stay_as_they_are(self) -> None:
        free = (raw(1, "URL", "x", permissions="1100"), raw(1999, "ANY", "灯"))
        assert LAMP.check_values(free) == free

    def test_take_the_permissions_of_their_items(self) -> None:
        private = raw(2003, "COST", "5", permissions="1111")
        public = raw(2001, "COLOUR", "黑", permissions="1000")
        kinds = [value.permissions for value in LAMP.check_values([private, public])]
        assert kinds == ["1100", "1110"]


class TestWhole:
    def test_what_the_template_gives(self) -> None:
        whole = LAMP.whole((), "灯/1", REGISTERED)
        assert texts(whole) == {1001: "v1", 2000: "https://e.cn/%E7%81%AF%2F1", 2001: "白"}
        assert {value.timestamp for value in whole} == {"2026-03-02T08:30:00Z"}
        assert whole[0].type == "TEMPLATE"

    def test_its_own_values_come_first(self) -> None:
        own = (raw(1, "URL", "u"), raw(2001, "COLOUR", "黑"), raw(2005, "OLD", "kept"))
        whole = LAMP.whole(own, "A", REGISTERED)
        assert texts(whole) == {
            1: "u", 1001: "v1", 2000: "https://e.cn/A", 2001: "黑", 2005: "kept",
        }  # fmt: skip
        assert [value.index for value in whole] == sorted(value.index for value in whole)

    def test_values_without_a_time_are_as_old_as_the_registration(self) -> None:
        own = LAMP.values_of({"POWER": 1})
        power = {value.index: value for value in LAMP.whole(own, "A", REGISTERED)}[2002]
        assert power.timestamp == "2026-03-02T08:30:00Z"

    def test_who_may_read_is_the_templates_word_of_today(self) -> None:
        opened = compiled(URL, COLOUR, POWER, COST | {"visibility": "public"})
        closed = compiled(URL, COLOUR, POWER | {"visibility": "granted"}, COST)
        own = LAMP.values_of({"POWER": 1, "COST": "3"})
        assert [v.public for v in opened.dressed(own)] == [True, True]
        assert [v.public for v in closed.dressed(own)] == [False, False]
        assert closed.granted == {2002}


class TestOwn:
    def test_is_what_differs(self) -> None:
        values = LAMP.values_of({"COLOUR": "白", "POWER": 1, "URL": "https://e.cn/A"})
        assert texts(LAMP.own(values, "A")) == {2002: "1"}
        assert texts(LAMP.own(values, "B")) == {2000: "https://e.cn/A", 2002: "1"}

    def test_a_value_that_differs_in_more_than_its_data(self) -> None:
        assert LAMP.own([raw(2001, "COLOUR", "白")], "A") == ()
        assert len(LAMP.own([raw(2001, "COLOUR", "白", ttl=60)], "A")) == 1

    def test_what_a_disabled_item_would_have_given_is_kept(self) -> None:
        assert len(LAMP.own([raw(2005, "OLD", "x")], "A")) == 1

    def test_the_index_of_the_template_is_never_stored(self) -> None:
        with pytest.raises(InvalidValue):
            LAMP.own([raw(1001, "TEMPLATE", "v1")], "A")

    @given(
        st.dictionaries(
            st.sampled_from(["URL", "COLOUR", "COST", "REPORT"]),
            st.sampled_from(["白", "黑", "https://e.cn/A", "https://e.cn/B", ""]).filter(
                lambda text: len(text) <= 4 or text.startswith("https")
            ),
        ),
        st.sampled_from(["A", "B", "a/b"]),
    )
    def test_storing_less_shows_the_same(self, attributes: dict[str, Any], suffix: str) -> None:
        attributes = {"POWER": 1} | attributes
        if len(attributes.get("COLOUR", "")) > 4:
            del attributes["COLOUR"]
        values = LAMP.values_of(attributes)
        own = LAMP.own(values, suffix)
        assert LAMP.whole(own, suffix, REGISTERED) == LAMP.whole(values, suffix, REGISTERED)
        assert LAMP.own(own, suffix) == own
        gave = {2000, 2001} - {value.index for value in own}
        assert all(index in texts(LAMP.whole(own, suffix)) for index in gave)


class TestRemoving:
    @pytest.mark.parametrize(
        ("removed", "own", "field", "rule"),
        [
            ({1001}, set(), "values", "template-index"),
            ({2002}, {2002}, "attributes.POWER", "required"),
            ({2001}, set(), "attributes.COLOUR", "template"),
            ({2000, 1}, {1}, "attributes.URL", "template"),
        ],
    )
    def test_what_a_record_cannot_be_without(
        self, removed: set[int], own: set[int], field: str, rule: str
    ) -> None:
        assert refused(lambda: LAMP.check_removable(removed, own)) == (field, rule)

    def test_what_it_can(self) -> None:
        LAMP.check_removable({1, 2001, 2003}, {1, 2001, 2002, 2003})


def test_a_later_generation_of_the_same() -> None:
    assert isinstance(compiled(URL, generation=7), Compiled)
    assert compiled(URL, generation=7).generation == 7
