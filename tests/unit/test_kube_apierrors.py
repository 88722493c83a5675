"""What an answer that is no success says, however it was said."""

from __future__ import annotations

import json

import pytest

from ciao.adapters.kube.apierrors import AccessError, ApiError, Broken, Unreachable, api_error, one_line
from ciao.core.errors import TargetError, UserError

STATUS = {
    "kind": "Status",
    "status": "Failure",
    "message": 'pods "p" not found',
    "reason": "NotFound",
    "details": {"name": "p", "kind": "pods"},
    "code": 404,
}


def error(status: int, body: bytes = b"", **headers: str) -> ApiError:
    return api_error(status, {key.replace("_", "-"): value for key, value in headers.items()}, body)


def test_a_status_speaks_for_itself():
    """Reason, message and details are its own; the error's text has them all but the details."""
    found = error(404, json.dumps(STATUS).encode())
    assert (found.status, found.reason, found.message) == (404, "NotFound", 'pods "p" not found')
    assert found.details == {"name": "p", "kind": "pods"} and found.retry_after is None
    assert str(found) == 'HTTP 404 NotFound: pods "p" not found'


@pytest.mark.parametrize(
    ("status", "body", "reason", "message"),
    [
        (404, b"404 page not found\n", "NotFound", "404 page not found"),
        (401, b'{"type": "error", "message": "must authenticate"}', "Unauthorized", "must authenticate"),
        (410, b"", "Expired", ""),
        (413, b"", "RequestEntityTooLarge", ""),
        (
            502,
            b"<html><head><title>502</title></head><body><h1>Bad\n Gateway</h1></body></html>",
            "Unknown",
            "Bad Gateway",
        ),
        (503, b"<html><head><title>Down &amp; out</title></head></html>", "ServiceUnavailable", "Down & out"),
        (500, b"[1, 2]", "InternalError", "[1, 2]"),
        (500, b'{"message": 7, "reason": {}, "details": "x"}', "InternalError", None),
        (500, b"\xff\xfe", "InternalError", "��"),
        (418, b"", "Unknown", ""),
    ],
)
def test_answers_that_are_no_status(status, body, reason, message):
    """From proxies and from paths that nobody serves: a reason by the code, a short line of what was said."""
    found = error(status, body)
    assert found.reason == reason and found.details == {}
    assert message is None or found.message == message


def test_a_long_page_is_cut():
    """One line of at most 200 characters."""
    assert len(error(500, b"word " * 100000).message) == 200
    assert "\n" not in error(500, b"a\n" * 50).message


def test_a_redirect_says_where_to():
    """Without its parameters: they may hold what is nobody's business."""
    found = error(302, b"", location="https://login.example.org/auth?state=s3cr3t")
    assert "https://login.example.org/auth," in found.message and "s3cr3t" not in str(found)


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"Retry_After": "7"}, {}, 7.0),
        ({"retry_after": "0"}, {}, 0.0),
        ({}, {"retryAfterSeconds": 3}, 3.0),
        ({"Retry_After": "2"}, {"retryAfterSeconds": 3}, 2.0),
        ({"Retry_After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, 30.0),
        ({"Retry_After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:29:00 GMT"}, {}, 0.0),
        ({"Retry_After": "Wed, 21 Oct 2026 07:28:30 GMT"}, {}, None),
        ({"Retry_After": "soon"}, {"retryAfterSeconds": "x"}, None),
        ({}, {"retryAfterSeconds": 0}, None),
    ],
)
def test_when_to_ask_again(headers, details, seconds):
    """Of the header, which may be a date by the server's clock, else of the Status."""
    assert error(429, json.dumps({"details": details}).encode(), **headers).retry_after == seconds


def test_where_they_stand_in_the_tree():
    """Who cannot be reached is the target's trouble; who has no access is the user's."""
    assert issubclass(Unreachable, TargetError) and issubclass(Broken, TargetError)
    assert issubclass(AccessError, UserError) and not issubclass(ApiError, TargetError | UserError)


def test_the_words_of_a_page():
    """Scripts and styles are no words."""
    assert one_line(b"<style>a{}</style><p>Hi <b>you</b></p><script>x()</script>") == "Hi you"
