"""The node's sealing key: what it seals, what it refuses to open, how it is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.sealing import KEY_BYTES, SealingKey, SealingKeyUnfit

KEY = SealingKey(bytes(range(KEY_BYTES)))


@given(st.binary(max_size=200), st.text(max_size=40))
def test_what_is_sealed_opens_again(text: bytes, context: str) -> None:
    assert KEY.unseal(KEY.seal(text, context), context) == text


def test_the_same_text_never_seals_to_the_same_bytes() -> None:
    assert len({KEY.seal(b"secret", "a") for _ in range(100)}) == 100


def test_sealed_bytes_do_not_show_the_text() -> None:
    assert b"secret" not in KEY.seal(b"my secret text", "a")


def test_sealed_text_does_not_open_elsewhere() -> None:
    with pytest.raises(SealingKeyUnfit, match="record/2"):
        KEY.unseal(KEY.seal(b"secret", "record/1"), "record/2")


def test_sealed_text_does_not_open_with_another_key() -> None:
    with pytest.raises(SealingKeyUnfit):
        SealingKey.generate().unseal(KEY.seal(b"secret", "a"), "a")


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    sealed = bytearray(KEY.seal(b"secret", "a"))
    sealed[at] ^= 1
    with pytest.raises(SealingKeyUnfit):
        KEY.unseal(bytes(sealed), "a")


@pytest.mark.parametrize("length", [0, 1, 7, 12, 27])
def test_what_is_too_short_to_be_sealed_is_refused(length: int) -> None:
    with pytest.raises(SealingKeyUnfit):
        KEY.unseal(KEY.seal(b"", "a")[:length], "a")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(SealingKeyUnfit, match="32 bytes"):
        SealingKey(bytes(length))


def test_a_saved_key_is_for_its_owner_alone_and_loads_again(tmp_path: Path) -> None:
    file = tmp_path / "key"
    before = os.umask(0)
    try:
        KEY.save(file)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert SealingKey.load(file).unseal(KEY.seal(b"secret", "a"), "a") == b"secret"


def test_a_key_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "key"
    KEY.save(file)
    with pytest.raises(SealingKeyUnfit, match="cannot create"):
        SealingKey.generate().save(file)
    assert SealingKey.load(file).key_id == KEY.key_id


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    KEY.save(file)
    file.chmod(0o640)
    with pytest.raises(SealingKeyUnfit, match="chmod 600"):
        SealingKey.load(file)


@pytest.mark.parametrize("content", [b"", b"zz" * 32, b"00" * 31, b"\xff\xfe", b"0" * 63])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(SealingKeyUnfit):
        SealingKey.load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SealingKeyUnfit, match="nowhere"):
        SealingKey.load(tmp_path / "nowhere")


def test_the_key_id_names_the_key_without_telling_it() -> None:
    same = SealingKey(bytes(range(KEY_BYTES)))
    assert same.key_id == KEY.key_id != SealingKey.generate().key_id
    assert KEY.key_id not in bytes(range(KEY_BYTES)).hex()
    assert bytes(range(KEY_BYTES)).hex() not in repr(KEY)
