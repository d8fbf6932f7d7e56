"""The text of API keys, and what a new key may be asked to be."""

from __future__ import annotations

import contextlib
import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access.key import ALL_SCOPES, KeyText, KeyWish
from registry.errors import NotAuthenticated

GOOD = "bsk_M6ZP2A9EGM3G_3Zpp7qbUXPPP7NHckmzSAAOhYBAewcY5eabqFOFMl-c"


def test_a_minted_key_reads_back() -> None:
    minted = KeyText.mint()
    assert KeyText.parse(minted.text) == minted


def test_a_key_is_as_long_as_it_says() -> None:
    mark, key_id, secret = GOOD.split("_", 2)
    assert (mark, len(key_id), len(secret)) == ("bsk", 12, 43)


def test_no_two_keys_are_alike() -> None:
    minted = [KeyText.mint() for _ in range(500)]
    assert len({key.key_id for key in minted}) == len({key.secret for key in minted}) == 500


def test_the_digest_is_of_the_secret_alone() -> None:
    minted = KeyText.mint()
    assert minted.digest == hashlib.sha256(minted.secret.encode()).digest()


def test_a_secret_may_hold_underscores() -> None:
    text = "bsk_ABCDEFGHJKLM_" + "_-" * 21 + "_"
    assert KeyText.parse(text).secret == "_-" * 21 + "_"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bsk",
        "bsk__",
        "bsk_ABCDEFGHJKLM",
        GOOD[:-1],
        GOOD + "A",
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace("bsk", "BSK"),
        GOOD.lower(),
        "bsk_ABCDEFGHJKL\0_" + "A" * 43,
        "bsk_ABCDEFGHJKLM_" + "A" * 42 + "\0",
        "bsk_ABCDEFGHJKLM_" + "A" * 42 + "é",
        "bsk_ABCDEFGHJKLM_" + "A" * 42 + "\ud800",
        "bsk_" + "A" * 100_000,
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        KeyText.parse(text)
    assert refused.value.rule == "key-form"
    assert not text or text not in str(refused.value)


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    with contextlib.suppress(NotAuthenticated):
        assert KeyText.parse(text).text == text


def test_a_wish_asks_for_every_scope_unless_told() -> None:
    wish = msgspec.json.decode(b'{"role":"enterprise","label":"a"}', type=KeyWish)
    assert wish.scopes == ALL_SCOPES


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**70])
def test_a_wish_for_an_impossible_enterprise_is_refused(number: int) -> None:
    with pytest.raises(msgspec.ValidationError, match="enterprise_id"):
        msgspec.json.decode(
            b'{"role":"enterprise","label":"a","enterprise_id":%d}' % number, type=KeyWish
        )
