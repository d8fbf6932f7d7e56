"""How a refusal looks from outside."""

from __future__ import annotations

from tests.node.live import Reply


def refused(reply: Reply, status: int, kind: str, rule: str | None = None) -> None:
    """Assert that this is a problem document of that kind, and which rule was broken."""
    assert (reply.status, reply.body["status"]) == (status, status), reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body["type"] == f"/docs/problems#{kind}", reply.body
    assert reply.body["title"]
    assert reply.body["request_id"] == reply.headers["X-Request-Id"]
    if rule is not None:
        assert reply.body["rule"] == rule, reply.body


def plain(reply: Reply, status: int) -> None:
    """Assert that this is a problem that is HTTP's own and tells nothing else."""
    assert (reply.status, reply.body["status"]) == (status, status), reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.body["type"] == "about:blank"
    assert set(reply.body) <= {"type", "title", "status", "request_id", "responseCode"}
