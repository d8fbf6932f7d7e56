from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log import cosignature
from metrics.log.checkpoint import Checkpoint
from metrics.log.fault import LogFault
from metrics.log.merkle import inclusion_proof, leaf_hash
from metrics.log.note import Signature, SignedNote, Signer, VerifierKey, check_signed
from metrics.log.proof import Proof
from tests.metrics.log.naive import naive_root
from tests.metrics.log.test_merkle import reader

# The keys and the note of golang.org/x/mod/sumdb/note's documentation.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"  # noqa: E501
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer.ed25519("example.invalid/log", KEY)
CHECKPOINT = Checkpoint("example.invalid/log", 3, naive_root([b"a", b"b", b"c"]))


def signed(checkpoint: Checkpoint = CHECKPOINT, signer: Signer = SIGNER) -> SignedNote:
    return SignedNote(checkpoint.text, (signer.sign(checkpoint.text),))


def test_the_note_of_go() -> None:
    key = VerifierKey.parse(PETER)
    assert str(key) == PETER
    note = SignedNote.parse(NOTE)
    assert str(note) == NOTE
    assert check_signed(note, [key]) == [key]


def test_unknown_lines_are_ignored_and_wrong_ones_are_not() -> None:
    key = VerifierKey.parse(PETER)
    stranger = Signature("somebody.invalid", b"\0\0\0\1", b"anything")
    note = SignedNote.parse(NOTE).with_signatures([stranger])
    assert check_signed(note, [key]) == [key]
    changed = SignedNote.parse(NOTE.replace("answer", "Answer"))
    with pytest.raises(LogFault, match="does not verify"):
        check_signed(changed, [key])
    with pytest.raises(LogFault, match="no known key"):
        check_signed(note, [SIGNER.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "", "text\n", "text\n\n", "text\n\n— name\n", "text\n\n— na+me AAAAAAAA\n",
        "text\n\n- name AAAAAAAA\n", "text\n\n— name AAAAAA==\n", "text\n\n— name AAAAAAAA",
        "te\txt\n\n— name AAAAAAAA\n", "text\n\n— name AAAAAAA\n", "text\n\n—  AAAAAAAA\n",
        "text\n\n" + "— name AAAAAAAA\n" * 65,
    ],
)  # fmt: skip
def test_what_is_no_note(text: str) -> None:
    with pytest.raises(LogFault):
        SignedNote.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "name", "name+00000000+AQ==", PETER.replace("c74", "c75"), PETER[:-4], "a b+1+AQ=="],
)
def test_what_is_no_verifier_key(text: str) -> None:
    with pytest.raises(LogFault):
        VerifierKey.parse(text)


def test_checkpoints() -> None:
    text = "example.com/log\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert checkpoint.size == 20852163
    assert checkpoint.text == text
    assert Checkpoint.parse(text + "an extension\n").size == 20852163
    for wrong in (
        text[:-1], text.replace("20852163", "020"), text.replace("20852163", "-1"),
        text.replace("I=", "=="), "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nAAAA\n", text + "\n", "",
    ):  # fmt: skip
        with pytest.raises(LogFault):
            Checkpoint.parse(wrong)


def test_cosignatures() -> None:
    witness = Ed25519PrivateKey.generate()
    key = cosignature.verifier_key("witness.invalid", witness)
    line = cosignature.cosign("witness.invalid", witness, CHECKPOINT.text, 1_764_000_000)
    note = signed().with_signatures([line])
    assert cosignature.times(note, (key,)) == {key: 1_764_000_000}
    assert cosignature.times(signed(), (key,)) == {}
    later = Signature(line.name, line.key_id, (1_764_000_001).to_bytes(8, "big") + line.content[8:])
    with pytest.raises(LogFault, match=r"cosignature of witness\.invalid"):
        cosignature.times(signed().with_signatures([later]), (key,))
    assert base64.b64decode(str(key).split("+", 2)[2])[0] == 4


def test_a_proof_stands_for_itself() -> None:
    entries = [b"a", b"b", b"c"]
    hashes = tuple(inclusion_proof(1, 3, reader(entries)))
    proof = Proof(1, hashes, signed(), b'{"identifier": "1/1"}')
    text = str(proof)
    assert text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert Proof.parse(text) == proof
    proof.check(leaf_hash(b"b"))
    with pytest.raises(LogFault, match="leaf 1 is not in"):
        proof.check(leaf_hash(b"a"))
    assert Proof.parse(str(Proof(1, hashes, signed()))).extra == b""
    for wrong in (
        "", text.replace("@v1", "@v2"), text.replace("index 1", "index 01"),
        text.replace("index", "number"), text.replace("extra ", "extra !"), text.split("\n\n")[0],
    ):  # fmt: skip
        with pytest.raises(LogFault):
            Proof.parse(wrong)
