"""What the file holds is there for whoever opens it next, also after a kill."""

import pytest

from node.sandbox.store import NONCE_MEMORY, SandboxStore
from node.uplink.messages import Verdict
from tests.node.sandbox.conftest import FILING, START

ACT = {"now": START, "due_at": START + 10, "verdict": Verdict.APPROVED, "reason": ""}


@pytest.fixture
def store(tmp_path):
    store = SandboxStore(tmp_path)
    yield store
    store.close()


def test_what_was_committed_is_seen_without_a_close(store, tmp_path):
    filed = store.add(FILING, "file", "app-a", **ACT)
    assert store.use_nonce("app-a", "n" * 16, now=START)
    another = SandboxStore(tmp_path)
    assert another.history(FILING.prefix) == [filed]
    assert filed.filing == FILING
    assert not another.use_nonce("app-a", "n" * 16, now=START)
    another.close()


def test_one_act_per_revision_whoever_asks(store):
    store.add(FILING, "file", "app-a", **ACT)
    with pytest.raises(Exception, match="UNIQUE"):
        store.add(FILING, "file", "app-a", **ACT)
    (only,) = store.history(FILING.prefix)
    assert only.superseded_at is None


def test_nonces_are_forgotten_once_their_timestamp_has_lapsed(store):
    assert store.use_nonce("app-a", "n" * 16, now=START)
    assert not store.use_nonce("app-a", "n" * 16, now=START + NONCE_MEMORY)
    assert store.use_nonce("app-a", "n" * 16, now=START + NONCE_MEMORY + 1)
