"""When a request is sent again, when credentials are renewed, and what a request is counted as."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kube.apierrors import ApiError, Unreachable
from ciao.adapters.kube.apipaths import counted_as, is_collection
from ciao.adapters.kube.expiry import due, epoch
from ciao.adapters.kube.login import INF
from ciao.adapters.kube.patience import Patience

PATIENCE = Patience(attempts=4, first=0.1, growth=3.0, whole=10.0)


def answer(status: int, retry_after: float | None = None) -> ApiError:
    return ApiError(status, "", "", {}, retry_after)


def lost(sent: bool = False, passing: bool = True) -> Unreachable:
    return Unreachable("", sent=sent, passing=passing)


@pytest.mark.parametrize(
    ("error", "safe", "unsafe"),
    [
        (answer(429), True, False),
        (answer(429, 1.0), True, True),
        (answer(429, 60.0), False, False),
        (answer(500), True, False),
        (answer(502), True, False),
        (answer(503, 1.0), True, False),
        (answer(504), True, False),
        (answer(501), False, False),
        (answer(403), False, False),
        (answer(404), False, False),
        (answer(409), False, False),
        (answer(410), False, False),
        (lost(), True, True),
        (lost(sent=True), True, False),
        (lost(passing=False), False, False),
        (lost(sent=True, passing=False), False, False),
    ],
)
def test_what_is_sent_again(error, safe, unsafe):
    """A request that changes nothing, after what may pass; another one only when the server certainly did nothing."""
    assert (PATIENCE.pause(1, 0.0, error, True, 0.5) is not None) is safe
    assert (PATIENCE.pause(1, 0.0, error, False, 0.5) is not None) is unsafe


def test_pauses_grow_and_differ():
    """Between half and the whole of a time that grows threefold; Retry-After is the least."""
    pauses = [[PATIENCE.pause(made, 0.0, lost(), True, chance) for chance in (0.0, 1.0)] for made in (1, 2, 3)]
    assert pauses == [[pytest.approx(0.05 * 3**n), pytest.approx(0.1 * 3**n)] for n in range(3)]
    assert PATIENCE.pause(1, 0.0, answer(429, 2.0), False, 0.0) == 2.0


@given(
    st.integers(1, 10),
    st.floats(0, 100),
    st.sampled_from([answer(503), answer(429, 3.0), lost(), lost(sent=True)]),
    st.booleans(),
    st.floats(0, 1),
)
def test_patience_ends(made, spent, error, safe, chance):
    """No more attempts than it has, and none begins later than it lasts."""
    pause = PATIENCE.pause(made, spent, error, safe, chance)
    assert pause is None or (made < PATIENCE.attempts and 0 < pause <= PATIENCE.whole - spent)


@pytest.mark.parametrize(("life", "margin"), [(3600, 60), (900, 60), (600, 60), (100, 10), (60, 6)])
def test_credentials_are_renewed_before_they_end(life, margin):
    """A minute before, or after nine tenths of a short life."""
    assert due(1000.0 + life, 1000.0) == 1000 + life - margin


def test_credentials_that_have_ended_are_used_for_a_moment():
    """A clock that goes wrong does not start a program for every request."""
    assert due(900.0, 1000.0) == 1005.0 and due(INF, 1000.0) == INF


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01T00:01:00.123456789Z", 60.123456),
        ("1970-01-01 00:01:00", 60.0),
        (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60.0),
        ("tomorrow", None),
        ("", None),
        (7, None),
    ],
)
def test_times_that_programs_give(said, seconds):
    """RFC 3339; what YAML made of it; None for anything else."""
    assert epoch(said) == seconds


@pytest.mark.parametrize(
    ("path", "name", "many"),
    [
        ("/api/v1/namespaces/n/pods", "pods", True),
        ("/api/v1/namespaces/n/pods/p", "pods", False),
        ("/api/v1/namespaces/n/pods/p/log", "pods/log", False),
        ("/apis/kubeflow.org/v1/namespaces/n/pytorchjobs", "pytorchjobs", True),
        ("/apis/kubeflow.org/v1/namespaces/n/pytorchjobs/j/status", "pytorchjobs/status", False),
        ("/api/v1/nodes", "nodes", True),
        ("/api/v1/nodes/x", "nodes", False),
        ("/api/v1/namespaces", "namespaces", True),
        ("/api/v1/namespaces/n", "namespaces", False),
        ("/apis/kubeflow.org/v1", "apis/kubeflow.org/v1", False),
        ("/version", "version", False),
    ],
)
def test_what_a_path_is_about(path, name, many):
    """Resource and subresource; discovery by its path."""
    assert counted_as("GET", path, {}) == f"GET {name}" and is_collection(path) is many
    assert counted_as("GET", path, {"watch": "true"}) == f"WATCH {name}"
