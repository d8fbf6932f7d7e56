"""A witness's answers, status for status as C2SP tlog-witness has them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from metrics.log.checkpoint import Checkpoint
from metrics.log.cosignature import time_of
from metrics.log.desk import Desk
from metrics.log.merkle import EMPTY_ROOT, consistency_proof
from metrics.log.note import Signature, SignedNote, Signer
from metrics.log.submission import SIZE_MEDIA_TYPE, Submission
from tests.metrics.log.conftest import Remembered
from tests.metrics.log.naive import naive_root
from tests.metrics.log.test_merkle import reader

ORIGIN = "log.invalid/statements"
KEY = Ed25519PrivateKey.generate()
SIGNER = Signer.ed25519(ORIGIN, KEY)
ENTRIES = [b"%d" % number for number in range(9)]


@pytest.fixture
def memory() -> Remembered:
    return Remembered()


@pytest.fixture
def desk(memory: Remembered) -> Desk:
    return Desk(
        "witness.invalid",
        Ed25519PrivateKey.generate(),
        lambda origin: [SIGNER.verifier] if origin == ORIGIN else [],
        memory,
        lambda: 1_795_000_000.9,
    )


def submission(
    old: int, size: int, *, signer: Signer = SIGNER, origin: str = ORIGIN, root: bytes | None = None
) -> Submission:
    checkpoint = Checkpoint(origin, size, root or naive_root(ENTRIES[:size]))
    proof = consistency_proof(min(old, size), size, reader(ENTRIES[:size]))
    return Submission(
        old, tuple(proof), SignedNote(checkpoint.text, (signer.sign(checkpoint.text),))
    )


def ask(desk: Desk, sent: Submission) -> tuple[int, str]:
    answer = desk.answer(str(sent).encode())
    return answer.status, answer.text


def test_what_continues_is_cosigned(desk: Desk, memory: Remembered) -> None:
    for old, size in ((0, 3), (3, 3), (3, 4), (4, 9)):
        sent = submission(old, size)
        status, text = ask(desk, sent)
        assert status == 200
        line = Signature.parse(text.removesuffix("\n"))
        assert time_of(desk.verifier, sent.note.text, line) == 1_795_000_000
        assert memory.checkpoints[ORIGIN].size == size


def test_an_empty_log_may_be_shown_and_still_be_begun(desk: Desk) -> None:
    assert ask(desk, submission(0, 0, root=EMPTY_ROOT))[0] == 200
    assert ask(desk, submission(0, 5))[0] == 200


def test_a_stale_size_is_told_the_right_one(desk: Desk) -> None:
    ask(desk, submission(0, 5))
    for old in (0, 4):
        answer = desk.answer(str(submission(old, 9)).encode())
        assert (answer.status, answer.text, answer.media_type) == (409, "5\n", SIZE_MEDIA_TYPE)


def test_another_root_of_the_same_size_conflicts(desk: Desk, memory: Remembered) -> None:
    ask(desk, submission(0, 5))
    assert ask(desk, submission(5, 5, root=b"\7" * 32)) == (409, "5\n")
    assert memory.checkpoints[ORIGIN].root == naive_root(ENTRIES[:5])


def test_a_proof_that_does_not_convince(desk: Desk, memory: Remembered) -> None:
    ask(desk, submission(0, 5))
    assert ask(desk, submission(5, 9, root=b"\7" * 32))[0] == 422
    honest = submission(5, 9)
    assert ask(desk, Submission(5, honest.proof[:-1], honest.note))[0] == 422
    assert memory.checkpoints[ORIGIN].size == 5


def test_who_is_not_known(desk: Desk) -> None:
    other = Signer.ed25519("other.invalid/log", KEY)
    assert ask(desk, submission(0, 1, origin="other.invalid/log", signer=other))[0] == 404
    forged = Signer.ed25519(ORIGIN, Ed25519PrivateKey.generate())
    assert ask(desk, submission(0, 1, signer=forged))[0] == 403


def test_an_old_size_above_the_new_one(desk: Desk) -> None:
    assert ask(desk, submission(6, 5))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"old 1", b"new 0\n\n", b"old 01\n\n", b"old 0\n!\n\nx", b"\xff",
        b"old 0\n" + b"A" * 99_999,
    ],
)  # fmt: skip
def test_what_is_no_submission(desk: Desk, body: bytes) -> None:
    assert desk.answer(body).status == 400


def test_a_submission_is_read_as_it_is_written() -> None:
    sent = submission(3, 9)
    assert Submission.parse(str(sent).encode()) == sent
