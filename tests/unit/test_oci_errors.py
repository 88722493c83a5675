"""Answers of registries that are no success, in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.oci.errors import MissingBlobs, RegistryError, answered

WHAT = "the push of host/app:1"


def told(status: int, body: bytes = b"", headers: dict[str, str] | None = None, putting: bool = False) -> RegistryError:
    return answered(WHAT, "host", status, headers or {}, body, putting=putting)


def errors(*codes: str, detail: object = None, message: str = "said") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message, "detail": detail} for code in codes]}).encode()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 418, 429, 500, 502, 503, 504, 507])
def test_every_status_is_a_sentence(status):
    """With the registry, what was asked, and what it said."""
    found = told(status, errors("X"))
    assert "host" in str(found)
    assert WHAT in str(found)
    assert "said" in str(found)
    assert found.passing == (status in (429, 500, 502, 503, 504))


def test_blobs_that_are_missing_are_listed():
    """Where a manifest was put; whatever the shape of the detail."""
    for detail in ("sha256:1", {"digest": "sha256:1"}, {"Digest": "sha256:1"}):
        found = told(400, errors("MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", detail=detail), putting=True)
        assert isinstance(found, MissingBlobs)
        assert found.digests == ("sha256:1", "sha256:1")
    assert not isinstance(told(404, errors("BLOB_UNKNOWN", detail="sha256:1")), MissingBlobs)


def test_a_page_is_not_quoted():
    """Nobody reads HTML in an error."""
    found = told(503, b"<!DOCTYPE html><h1>Down</h1>", {"Content-Type": "text/html"})
    assert "<" not in str(found)


def test_a_success_that_is_none():
    """A login page, say."""
    assert "does not answer as a registry does (HTTP 200, text/html)" in str(
        told(200, b"", {"Content-Type": "text/html"})
    )


def test_when_to_come_again():
    """Retry-After in seconds; a date says nothing."""
    assert told(429, headers={"Retry-After": "7"}).after == 7.0
    assert told(429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}).after is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "code", "message", "detail", "Err", "digest"]), inner)
    ),
    max_leaves=12,
)


@given(st.integers(200, 599), st.binary(max_size=40) | _JSON.map(lambda tree: json.dumps(tree).encode()), st.booleans())
def test_any_answer_is_a_sentence(status, body, putting):
    """Whatever a registry or a proxy sends."""
    assert WHAT in str(told(status, body, putting=putting))
