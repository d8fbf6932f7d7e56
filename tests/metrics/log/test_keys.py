from __future__ import annotations

from pathlib import Path

import pytest

from metrics.log import keys as log_keys
from metrics.log import sm2
from metrics.log.checkpoint import Checkpoint
from metrics.log.fault import LogFault
from metrics.log.keylist import KeyList
from metrics.log.keys import LogKeys, LogKeysUnfit
from metrics.log.merkle import EMPTY_ROOT
from metrics.log.note import ED25519, Signature, SignedNote, VerifierKey, check_signed

CHECKPOINT = Checkpoint("log.invalid/statements", 0, EMPTY_ROOT)


def signed(keys: LogKeys) -> SignedNote:
    signers = keys.signers(CHECKPOINT.origin)
    return SignedNote(CHECKPOINT.text, tuple(one.sign(CHECKPOINT.text) for one in signers))


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    log_keys.create(folder)
    assert sorted(one.name for one in folder.iterdir()) == ["leaf.key", "log-1.pem"]
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o640)
        with pytest.raises(LogKeysUnfit, match="can be read by others"):
            LogKeys.load(folder)
        file.chmod(0o600)
    LogKeys.load(folder)


@pytest.mark.parametrize("content", ["", "00" * 31, "zz" * 32, "é"])
def test_a_leaf_key_has_32_bytes(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "keys"
    log_keys.create(folder)
    (folder / "leaf.key").write_text(content)
    with pytest.raises(LogKeysUnfit):
        LogKeys.load(folder)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(LogKeysUnfit, match="cannot read"):
        LogKeys.load(tmp_path / "none")
    log_keys.create(tmp_path / "keys")
    (tmp_path / "keys/log-1.pem").write_text("no key")
    with pytest.raises(LogKeysUnfit, match="PEM"):
        LogKeys.load(tmp_path / "keys")
    (tmp_path / "keys/log-1.pem").unlink()
    with pytest.raises(LogKeysUnfit, match=r"no log-1\.pem"):
        LogKeys.load(tmp_path / "keys")


def test_two_keys_sign_while_one_takes_the_place_of_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    old = log_keys.create(folder)
    log_keys.rotate(folder)
    both = LogKeys.load(folder)
    note = signed(both)
    assert len(note.signatures) == 2
    check_signed(note, old.verifiers(CHECKPOINT.origin))
    assert [one.name for one in log_keys.retire(folder)] == ["log-1.pem.retired"]
    new = LogKeys.load(folder)
    check_signed(note, new.verifiers(CHECKPOINT.origin))
    with pytest.raises(LogFault):
        check_signed(signed(new), old.verifiers(CHECKPOINT.origin))
    with pytest.raises(LogKeysUnfit, match="only signing key"):
        log_keys.retire(folder)
    assert [one.name for one in log_keys.rotate(folder)] == ["log-3.pem"]


NATIONAL = pytest.mark.skipif(not sm2.available(), reason="there is no gmssl-pyx for this machine")


@NATIONAL
def test_keys_of_both_kinds_change_together(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    log_keys.create(folder, with_sm2=True)
    assert [one.name for one in log_keys.rotate(folder)] == ["log-2.pem", "log-2.sm2"]
    both = LogKeys.load(folder)
    assert len(signed(both).signatures) == 4
    stated = KeyList.parse(KeyList.signed(both.signers(CHECKPOINT.origin)).content)
    stated.check()
    assert [one.name for one in log_keys.retire(folder)] == [
        "log-1.pem.retired", "log-1.sm2.retired",
    ]  # fmt: skip
    assert len(signed(LogKeys.load(folder)).signatures) == 2
    for missing in range(4):
        lines = (*stated.signatures[:missing], *stated.signatures[missing + 1 :])
        with pytest.raises(LogFault):
            KeyList(stated.keys, lines).check()


@NATIONAL
def test_an_sm2_key_is_added_to_a_folder_without(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    log_keys.create(folder)
    assert [one.name for one in log_keys.rotate(folder)] == ["log-2.pem"]
    made = log_keys.rotate(folder, with_sm2=True)
    assert [one.name for one in made] == ["log-3.pem", "log-3.sm2"]
    assert [one.name for one in log_keys.retire(folder)] == ["log-1.pem.retired"]


def test_without_a_library_all_but_sm2_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "keys"
    log_keys.create(folder)
    (folder / "log-1.sm2").write_bytes(bytes(96))
    (folder / "log-1.sm2").chmod(0o600)
    monkeypatch.setattr(sm2, "available", lambda: False)
    keys = LogKeys.load(folder)
    assert len(signed(keys).signatures) == 1
    assert len(keys.verifiers(CHECKPOINT.origin)) == 1


@NATIONAL
def test_a_line_in_national_cryptography(tmp_path: Path) -> None:
    keys = log_keys.create(tmp_path / "keys", with_sm2=True)
    note = signed(keys)
    assert len(note.signatures) == 2
    ed25519, national = keys.verifiers(CHECKPOINT.origin)
    assert (ed25519.kind, national.kind) == (ED25519, 0xFF)
    assert sm2.is_sm2(VerifierKey.parse(str(national)))
    check_signed(note, [ed25519])
    assert sm2.check_sm2(note, national)
    assert not sm2.check_sm2(SignedNote(note.text, note.signatures[:1]), national)
    other = SignedNote(Checkpoint(CHECKPOINT.origin, 1, EMPTY_ROOT).text, note.signatures)
    with pytest.raises(LogFault, match="SM2"):
        sm2.check_sm2(other, national)
    line = note.signatures[1]
    with pytest.raises(LogFault, match="SM2"):
        sm2.check_sm2(
            SignedNote(note.text, (Signature(line.name, line.key_id, b"none"),)), national
        )
