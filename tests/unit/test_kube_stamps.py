"""Times as Kubernetes writes them, in its objects and before each line of a log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.seen.stamps import SECOND, column, could_begin, rfc3339, seconds, stamped

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = 4_000_000_000 * SECOND
TIMES = st.integers(0, LAST)
ZONES = st.one_of(st.just("Z"), st.integers(-14 * 60, 14 * 60).map(lambda minutes: zone(minutes)))
TEXTS = st.binary(max_size=20)


def zone(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def stamp(at: int, where: str = "Z") -> bytes:
    """As the kubelet writes it on a node of this zone, with the blank."""
    minutes = 0 if where == "Z" else int(f"{where[0]}1") * (int(where[1:3]) * 60 + int(where[4:]))
    moment = (EPOCH + timedelta(seconds=at // SECOND)).astimezone(timezone(timedelta(minutes=minutes)))
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % SECOND:09}{where} ".encode()


@given(TIMES, ZONES, TEXTS)
def test_a_lines_time_is_read_to_the_nanosecond(at: int, where: str, text: bytes) -> None:
    """In any zone; the text begins behind the blank."""
    prefix = stamp(at, where)
    assert stamped(prefix + text) == (at, len(prefix))


@given(TEXTS)
def test_a_line_without_a_time_has_none(text: bytes) -> None:
    """Whatever else it has."""
    assert stamped(text) is None


@pytest.mark.parametrize(
    "line",
    [
        b"2026-01-02T03:04:05Z short",
        b"2026-01-02T03:04:05.123456Z micro",
        b"2026-01-02T03:04:05.123456789 no zone",
        b"2026-01-02T03:04:05.123456789Z",
        b"2026-13-02T03:04:05.123456789Z no month",
        b"2026-02-30T03:04:05.123456789Z no day",
        b"2026-01-02T03:04:05.123456789+99:00 no zone",
        b" 2026-01-02T03:04:05.123456789Z a blank before it",
    ],
)
def test_what_only_looks_like_a_time_is_none(line: bytes) -> None:
    """Fixed width, nine digits, a zone, a blank, and a moment that there is."""
    assert stamped(line) is None
    assert column([line]) is None


@given(st.integers(0, LAST // SECOND), ZONES)
def test_a_second_is_asked_for_as_it_is_read(second: int, where: str) -> None:
    """``sinceTime`` means the second that it was made of, and objects tell of it in any zone."""
    assert seconds(rfc3339(second)) == second
    assert seconds(stamp(second * SECOND, where).decode().rstrip().replace(".000000000", "")) == second


@given(TIMES, st.integers(1, 9))
def test_a_fraction_may_have_up_to_nine_digits(at: int, digits: int) -> None:
    """Objects have none, MicroTime six."""
    unit = 10 ** (9 - digits)
    whole = at - at % unit
    text = stamp(whole).decode().rstrip()[: 20 + digits] + "Z"
    assert seconds(text) == whole // SECOND + whole % SECOND / SECOND


@pytest.mark.parametrize(
    "text",
    [
        None, 7, b"2026-01-02T03:04:05Z", "", "yesterday", "2026-01-02", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05",
        "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Z\n", "2026-01-02T25:04:05Z", "٢٠٢٦-01-02T03:04:05Z",
    ],
)  # fmt: skip
def test_what_is_no_time_of_an_object_is_none(text: object) -> None:
    """Objects are written by anybody."""
    assert seconds(text) is None


def test_the_time_that_never_was_is_a_time() -> None:
    """Go's zero time, which some objects have."""
    assert seconds("0001-01-01T00:00:00Z") == -62135596800.0


@given(st.lists(st.tuples(TIMES, TEXTS), min_size=1, max_size=8), ZONES)
def test_a_column_is_each_of_its_lines(rows: list[tuple[int, bytes]], where: str) -> None:
    """The same times as one by one."""
    lines = [stamp(at, where) + text for at, text in rows]
    assert column(lines) == ([at for at, _ in rows], len(stamp(0, where)))


LINES = st.one_of(
    st.builds(
        lambda at, where, text: stamp(at, where) + text, TIMES, st.sampled_from(["Z", "+02:00", "-02:00"]), TEXTS
    ),
    st.builds(lambda at, size: stamp(at)[:size], TIMES, st.integers(0, 31)),
    st.just(b"2026-13-02T03:04:05.123456789Z no month"),
    TEXTS,
)


@given(st.lists(LINES, min_size=1, max_size=5))
def test_a_column_has_no_hole(lines: list[bytes]) -> None:
    """It is None exactly when a line has no time, or another zone than the first."""
    each = [stamped(line) for line in lines]
    zones = {line[29 : found[1]] for line, found in zip(lines, each, strict=True) if found is not None}
    found = column(lines)
    if None in each or len(zones) > 1:
        assert found is None
    else:
        assert found == ([one[0] for one in each if one is not None], len(zones.pop()) + 29)


@given(TIMES, ZONES, st.integers(0, 40))
def test_a_time_that_was_cut_could_begin_a_line(at: int, where: str, size: int) -> None:
    """At any byte of it, the blank included."""
    assert could_begin(stamp(at, where)[:size])


@pytest.mark.parametrize("piece", [b"Error", b"2026-01-02 ", b"2026-01-02T03:04:05Z", b"20a", stamp(0) + b"x", b" "])
def test_another_text_could_not_begin_a_line(piece: bytes) -> None:
    """Nor a time with what follows it."""
    assert not could_begin(piece)
