"""Whether a followed read can be believed, whether it keeps up, and when its silence means something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.logs.logpace import BEHIND, CAUGHT_UP, JUMP, SETTLED, Pace, missed_beginning

from .kubelet import BEGIN, SECOND, stamp

EPOCH = BEGIN / SECOND
MIB = 1 << 20


def lines(*times: float, text: bytes = b"x") -> bytes:
    """One line at each of these seconds."""
    return b"".join(stamp(BEGIN + round(at * SECOND)) + text + b"\n" for at in times)


def follows(*pieces: tuple[float, bytes]) -> tuple[Pace, list[int]]:
    """A followed read, opened at 0, that brings these pieces at these seconds; how much of each is believed."""
    pace = Pace()
    pace.begin(0.0)
    return pace, [pace.believed(data, now, EPOCH + now) for now, data in pieces]


# -- believed ----------------------------------------------------------------------------------------


def test_a_steady_flow_is_believed() -> None:
    """Each piece, to its last byte."""
    pieces = [(now / 2, lines(now / 2, now / 2 + 0.4)) for now in range(40)]
    _, taken = follows(*pieces)
    assert taken == [len(data) for _, data in pieces]


def test_a_jump_between_two_pieces_of_a_flow_is_not_believed() -> None:
    """The next line comes right after the last, and was written much later: a file may have been passed over."""
    _, taken = follows((2.0, lines(1.0)), (2.5, lines(1.1 + JUMP)))
    assert taken[1] == 0


def test_what_goes_on_from_the_line_before_the_jump_is_taken() -> None:
    """A piece that begins within a line: the rest of that is of the file that was read."""
    rest = b"the rest of a line\n"
    _, taken = follows((2.0, lines(1.0)), (2.5, rest + lines(1.1 + JUMP, 5.0)))
    assert taken[1] == len(rest)


def test_a_jump_within_a_piece_is_taken_up_to_it() -> None:
    """The lines before it are of the file that was read."""
    before = lines(3.0, 3.1)
    _, taken = follows((SETTLED, before + lines(3.2 + JUMP) + lines(9.0)))
    assert taken == [len(before)]


def test_a_jump_after_silence_is_none() -> None:
    """A container that waits and goes on prints lines far apart."""
    later = lines(30.0)
    _, taken = follows((2.0, lines(1.0)), (30.0, later))
    assert taken[1] == len(later)


def test_a_read_that_begins_may_jump() -> None:
    """What comes in its first seconds is of the one file that it opened."""
    old = lines(-3600.0, -60.0, 0.0)
    _, taken = follows((0.1, old), (SETTLED - 0.1, lines(1.0 + 2 * JUMP)))
    assert taken == [len(old), len(lines(0.0))]


def test_a_new_read_knows_nothing_of_the_lines_of_the_one_before() -> None:
    """It begins a little before them."""
    pace, _ = follows((5.0, lines(5.0)))
    pace.begin(5.1)
    data = lines(1.0)
    assert pace.believed(data, 5.2 + SETTLED, EPOCH + 7.2) == len(data)
    assert pace.believed(lines(1.0 - 2 * JUMP), 5.3 + SETTLED, EPOCH + 7.3) == 0


def test_lines_that_drift_apart_do_not_jump() -> None:
    """Many lines of many seconds in one piece, each near the one before."""
    data = lines(*range(10))
    _, taken = follows((SETTLED + 10, data))
    assert taken == [len(data)]


@pytest.mark.parametrize("data", [b"", b"no line ends here", b"\n", b"\n\n", b"a\nb\nc", b"x" * 1000])
def test_bytes_without_a_time_are_taken(data: bytes) -> None:
    """A piece of a long line, with or without newlines."""
    _, taken = follows((3.0, lines(3.0)), (3.1, data))
    assert taken[1] == len(data)


@given(st.lists(st.sampled_from([b"\n", b"x", lines(3.0), lines(3.0)[:35], lines(9.0)]), max_size=8).map(b"".join))
def test_what_is_believed_is_a_beginning_of_whole_lines(data: bytes) -> None:
    """Any bytes: all of them, or up to a line that has a time."""
    _, (_, taken) = follows((3.0, lines(3.0)), (3.1, data))
    assert taken == len(data) or data[taken:].startswith(stamp(BEGIN)[:10])
    assert taken in (0, len(data)) or data[taken - 1 : taken] == b"\n"


# -- patience and flows ------------------------------------------------------------------------------


def test_a_quiet_log_is_waited_for() -> None:
    """A minute; twice as long after each renewal, up to sixteen minutes, whatever their number."""
    pace = Pace()
    waits = []
    for _ in range(7):
        waits.append(pace.patience(0.0))
        pace.renewed()
    assert waits == [60, 120, 240, 480, 960, 960, 960]
    for _ in range(2000):
        pace.renewed()
    assert pace.patience(0.0) == 960


def test_something_new_makes_it_watchful_again() -> None:
    """The renewals since then count."""
    pace = Pace()
    pace.renewed()
    pace.renewed()
    pace.grew(10, 1.0)
    assert pace.patience(1.0) == 60


def test_the_more_a_log_flows_the_sooner_its_silence_is_looked_into() -> None:
    """Within half the time that it takes to fill a file, but not within three seconds."""
    waits = []
    for rate in (10_000, 100_000, 500_000, 5_000_000):
        pace = Pace()
        for second in range(60):
            pace.grew(rate, float(second))
        waits.append(pace.patience(59.0))
        assert waits[-1] == 3.0 or waits[-1] <= 4 * MIB / 2 / rate
    assert waits == sorted(waits, reverse=True)
    assert (waits[0], waits[-1]) == (60.0, 3.0)


def test_a_flow_is_forgotten() -> None:
    """A minute after a flood nothing is hasty any more."""
    pace = Pace()
    for second in range(60):
        pace.grew(MIB, float(second))
    assert pace.flows(59.0)
    assert not pace.flows(119.0)
    assert pace.patience(159.0) == 60


def test_a_log_flows_that_fills_a_file_in_a_minute() -> None:
    """Four MiB of text are such a file."""
    for rate, flows in ((60_000, False), (80_000, True)):
        pace = Pace()
        for second in range(100):
            pace.grew(rate, float(second))
        assert pace.flows(100.0) is flows
    assert not Pace().flows(0.0)


@given(st.lists(st.tuples(st.integers(0, 10 * MIB), st.floats(0, 100)), max_size=20), st.integers(0, 20))
def test_patience_has_bounds(grown: list[tuple[int, float]], renewals: int) -> None:
    """Between three seconds and sixteen minutes, however the log grows."""
    pace, now = Pace(), 0.0
    for size, step in grown:
        now += step
        pace.grew(size, now)
    for _ in range(renewals):
        pace.renewed()
    assert 3.0 <= pace.patience(now) <= 960.0


# -- behind ------------------------------------------------------------------------------------------


def late(*delays: float) -> Pace:
    """A read each of whose lines, one a second, came so much later than it was written."""
    return follows(*((float(now), lines(now - delay)) for now, delay in enumerate(delays)))[0]


def test_a_read_that_keeps_up_is_not_behind() -> None:
    """However far the node's clock is from ours."""
    for skew in (-3600.0, 0.0, 5.0):
        pace = late(skew, skew, skew, skew)
        assert not pace.behind(3.0, ended=False)
        assert pace.caught_up


def test_a_read_whose_lines_come_later_and_later_falls_behind() -> None:
    """Later than the one that came the soonest."""
    assert not late(1.0, 1.0, 1.0 + BEHIND).behind(2.0, ended=False)
    pace = late(1.0, 1.0, 1.1 + BEHIND)
    assert pace.behind(2.0, ended=False)
    assert not pace.caught_up


def test_it_has_caught_up_when_lines_come_at_once_again() -> None:
    """Which is sooner than it is not behind."""
    pace = late(0.0, 0.0, BEHIND + 1, CAUGHT_UP + 1)
    assert (pace.behind(3.0, ended=False), pace.caught_up) == (False, False)
    assert late(0.0, 0.0, BEHIND + 1, CAUGHT_UP / 2).caught_up


def test_what_an_ended_container_still_sends_is_old() -> None:
    """From the first lines on that come later than they could."""
    pace = late(1.0, 1.0, 1.0 + 2 * CAUGHT_UP)
    assert (pace.behind(2.0, ended=False), pace.behind(2.0, ended=True)) == (False, True)
    assert not late(1.0, 1.0).behind(2.0, ended=True)


def test_a_read_that_begins_is_not_behind() -> None:
    """In its first seconds it brings old lines."""
    pace = late(0.0, 0.0, 0.0)
    pace.begin(10.0)
    pace.believed(lines(-100.0), 10.1, EPOCH + 10.1)
    assert not pace.behind(10.1, ended=False)
    assert pace.behind(10.0 + SETTLED, ended=False)


def test_a_plain_read_tells_how_late_it_is_too() -> None:
    """It goes on until it has caught up."""
    pace = late(0.0)
    pace.heard(lines(-100.0), 1.0, EPOCH + 1.0)
    assert not pace.caught_up
    pace.heard(lines(-100.0, 1.9), 2.0, EPOCH + 2.0)
    assert pace.caught_up


def test_bytes_without_a_time_do_not_tell_how_late_they_are() -> None:
    """The rest of a line is as late as it was."""
    pace = late(0.0, 0.0, BEHIND + 1)
    pace.heard(b"no line ends here", 3.0, EPOCH + 3.0)
    assert pace.behind(3.0, ended=False)


# -- missed_beginning --------------------------------------------------------------------------------


def flood(size: int, first: float, span: float) -> bytes:
    """So many bytes, the first and last line so many seconds apart."""
    count = max(2, size // 1024)
    return lines(*(first + span * number / (count - 1) for number in range(count)), text=b"x" * (1023 - len(stamp(0))))


def test_a_flood_may_have_filled_a_file_before_the_first_read() -> None:
    """At that rate, more than ten MiB since the container's start; the gap ends with the first line."""
    data = flood(MIB, 20.0, 1.0)
    assert missed_beginning(data, EPOCH) == BEGIN + 20 * SECOND
    assert missed_beginning(data, EPOCH + 15.0) is None


def test_the_second_in_which_the_container_started_is_not_counted() -> None:
    """A start is known to the second only."""
    assert missed_beginning(flood(MIB, 11.1, 1.0), EPOCH) is not None
    assert missed_beginning(flood(MIB, 10.9, 1.0), EPOCH) is None


def test_a_few_lines_at_once_are_no_flood() -> None:
    """Less than four KiB say nothing, and less than 64 KiB count as what came in a second."""
    assert missed_beginning(flood(3 << 10, 3600.0, 0.0), EPOCH) is None
    assert missed_beginning(flood(32 << 10, 300.0, 0.0), EPOCH) is None
    assert missed_beginning(flood(32 << 10, 400.0, 0.0), EPOCH) is not None
    assert missed_beginning(flood(64 << 10, 30.0, 0.0), EPOCH) is not None
    assert missed_beginning(flood(64 << 10, 30.0, 1.0), EPOCH) is None


@pytest.mark.parametrize("data", [b"", b"x" * MIB, b"\n" * 5000, lines(3600.0)])
def test_without_times_there_is_no_telling(data: bytes) -> None:
    """Bytes that are no lines, or one line."""
    assert missed_beginning(data, EPOCH) is None
