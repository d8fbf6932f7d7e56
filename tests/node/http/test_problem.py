"""Problem documents."""

from __future__ import annotations

import json

import pytest

from node.http import problem
from node.http.problem import Problem
from registry import errors
from registry.errors import BiaoshiError


def every_error(kind: type[BiaoshiError] = BiaoshiError) -> list[type[BiaoshiError]]:
    """All that can be told over HTTP: the command line's own errors are not."""
    below = [each for each in kind.__subclasses__() if not each.__module__.startswith("node.cli")]
    return [kind, *(found for each in below for found in every_error(each))]


def make(kind: type[BiaoshiError]) -> BiaoshiError:
    if issubclass(kind, errors.TooManyRequests):
        return kind("why", retry_after=7)
    error = kind.__new__(kind)  # some name their field themselves
    BiaoshiError.__init__(error, "why", field="where", rule="which")
    return error


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_its_document(kind: type[BiaoshiError]) -> None:
    response = problem.respond(make(kind), "the-request")
    assert isinstance(response.body, bytes)
    body = json.loads(response.body)
    assert response.content_type == "application/problem+json"
    assert response.status == body["status"] == problem.status_of(kind)
    assert 400 <= response.status <= 599
    assert body["type"] == f"/docs/problems#{kind.kind}"
    assert (body["title"], body["detail"]) == (kind.title, "why")
    assert body["request_id"] == "the-request"


def test_the_nearest_class_above_decides() -> None:
    class Nearly(errors.IdentifierGone):
        pass

    assert problem.status_of(Nearly) == 410
    assert problem.status_of(errors.IdentifierNotFound("x")) == 404


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.NotAuthenticated("x"), "WWW-Authenticate", 'Bearer realm="biaoshi"'),
        (errors.TooManyRequests("x", retry_after=17), "Retry-After", "17"),
        (errors.Unavailable("x"), "Retry-After", "5"),
        (errors.NationalNodeUnavailable("x"), "Retry-After", "5"),
    ],
)
def test_headers(error: BiaoshiError, header: str, value: str) -> None:
    assert problem.respond(error, "r").headers[header] == value


def test_a_refusal_without_a_place_has_no_empty_members() -> None:
    body = problem.respond(errors.Conflict("x"), "r").body
    assert isinstance(body, bytes)
    assert json.loads(body).keys() == {"type", "title", "status", "detail", "request_id"}


def test_http_problems_of_its_own() -> None:
    body = problem.plain(404, "Not Found", "r").body
    assert isinstance(body, bytes)
    assert json.loads(body) == {
        "type": "about:blank", "title": "Not Found", "status": 404, "request_id": "r",
    }  # fmt: skip


def test_texts_are_sent_as_they_are() -> None:
    body = problem.render(Problem("t", "标题", 400, "“引号”\n\u2028")).body
    assert isinstance(body, bytes)
    assert "标题".encode() in body
    assert json.loads(body)["detail"] == "“引号”\n\u2028"
