"""What the benchmarks of images reckon with: a counter of requests, and rounds of builders beside each other."""

from __future__ import annotations

import pytest

from bench.images.counting import Counts, Requests
from bench.images.rows import CIAO, faster, rounds

HEAD = b"HEAD /v2/team/ciao/manifests/x HTTP/1.1\r\nHost: h\r\n\r\n"
PUT = b"PUT /v2/x HTTP/1.1\r\nContent-Length: 11\r\n\r\nHEAD / x\r\n\r"
PATCH = b"PATCH /v2/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\na;x=y\r\n0123456789\r\n0\r\n\r\n"


@pytest.mark.parametrize("length", [1, 2, 7, 64, 1000])
def test_requests_and_their_bodies_are_counted_however_the_bytes_arrive(length: int) -> None:
    """A body may look like a request, and a length may stand in the head or before each chunk."""
    total = Counts()
    requests = Requests(total)
    sent = HEAD + PUT + PATCH + HEAD
    for at in range(0, len(sent), length):
        requests.see(sent[at : at + length])
    assert total == Counts(requests=4, uploaded=11 + 14, wire=len(sent))


def test_a_try_with_tls_is_no_request() -> None:
    """Builders find out by it that a registry speaks plain HTTP."""
    total = Counts()
    requests = Requests(total)
    requests.see(b"\x16\x03\x01\x02\x00\x01" + HEAD)
    requests.see(HEAD)
    assert (total.requests, total.uploaded) == (0, 0)


def test_what_came_before_is_left_out() -> None:
    """An image's share is what was counted after the image before it."""
    assert Counts(5, 70, 900).since(Counts(3, 20, 400)) == Counts(2, 50, 500)


def test_another_builder_goes_first_each_round() -> None:
    """What drifts in a round falls to everybody in turn; the round that warms up is not in the result."""
    order: list[str] = []

    def arm(name: str) -> float:
        order.append(name)
        return float(len(order))

    taken = rounds({"a": lambda: arm("a"), "b": lambda: arm("b"), "c": lambda: arm("c")}, 2)
    assert order == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert taken == {"a": (6.0, 8.0), "b": (4.0, 9.0), "c": (5.0, 7.0)}


def test_the_goal_is_that_against_the_fastest_peer() -> None:
    """Whichever of docker's builders is faster counts; the other is told without a goal."""
    taken = {CIAO: (1.0, 1.0, 1.0), "slow": (9.0, 9.0, 9.0), "quick": (5.0, 7.0, 6.0)}
    first, second = faster("a change", taken, ["slow", "quick"], at_least=6)
    assert (first.what, first.result, first.good) == ("a change, beside quick", "6.0 x faster (5 to 7)", True)
    assert (second.what, second.good) == ("· beside slow", None)
    assert faster("a change", taken, ["quick"], at_least=6.1)[0].good is False
