"""Every line of a container's log exactly once, or a marked gap."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ciao.adapters.kubeflow.logs.logcursor import LogCursor
from ciao.adapters.kubeflow.logs.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logs.logreceived import DISORDER, MOST

from .kubelet import BEGIN, SECOND, stamp

MS = 10**6


def read(cursor: LogCursor, data: bytes, *, size: int | None = None, **how: bool) -> list[Piece]:
    """One whole read, in pieces of this size."""
    cursor.begin()
    out = []
    for begin in range(0, len(data), size or len(data) or 1):
        out += cursor.feed(data[begin : begin + (size or len(data))])
    return out + cursor.end(**how)


def text_of(pieces: Iterable[Piece]) -> bytes:
    return b"".join(each.data for each in pieces if isinstance(each, Text))


def lines(*texts: bytes, at: int = BEGIN, step: int = 10 * MS) -> bytes:
    return b"".join(stamp(at + number * step) + text + b"\n" for number, text in enumerate(texts))


def after(data: bytes) -> LogCursor:
    """A cursor that has read this."""
    cursor = LogCursor.at()
    read(cursor, data)
    return cursor


def test_lines_come_without_their_times() -> None:
    """The log's own bytes, whatever they are; the time of the first with each piece."""
    assert read(LogCursor.at(), lines(b"a", b"", b"\xff\r", b"b\r")) == [Text(BEGIN, b"a\n\n\xff\r\nb\r\n")]


def test_the_cuts_of_a_read_do_not_show() -> None:
    """Cut at any byte, the text is the same."""
    data = lines(b"one", b"", b"three\r", b"four")
    for size in range(1, len(data)):
        assert text_of(read(LogCursor.at(), data, size=size)) == b"one\n\nthree\r\nfour\n"


def test_a_zone_of_the_node_changes_nothing() -> None:
    """``+02:00`` instead of ``Z``, and both in one read."""
    here = lines(b"a", b"b").replace(b"Z ", b"+00:00 ") + lines(b"c", at=BEGIN + SECOND)
    there = b"2025-07-20T10:26:43.000000000+02:00 d\n"
    given = read(LogCursor.at(), here + there)
    assert text_of(given) == b"a\nb\nc\nd\n"
    assert given[-1] == Text(BEGIN + 3 * SECOND, b"d\n")


def test_a_zone_that_changes_within_a_read_is_seen() -> None:
    """A node in summer time goes back an hour on its walls, not in its log."""
    data = b"2025-10-26T02:59:59.000000000+02:00 a\n2025-10-26T02:00:01.000000000+01:00 b\n"
    first, second = read(LogCursor.at(), data)
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert second.at - first.at == 2 * SECOND


SIX = lines(b"a", b"b", b"c", b"d", b"e", b"f", step=60 * MS)


def test_lines_far_apart_keep_their_times() -> None:
    """A piece spans a tenth of a second at most."""
    times = [each.at - BEGIN for each in read(LogCursor.at(), SIX) if isinstance(each, Text)]
    assert times == [0, 120 * MS, 240 * MS]


def test_the_next_read_asks_from_the_second_of_the_last_lines() -> None:
    """None before there is a line; a little before the last one, since the other stream may still have an earlier."""
    assert LogCursor.at().since is None
    assert after(lines(b"a", at=BEGIN + 500 * MS)).since == BEGIN // SECOND
    assert after(lines(b"a", at=BEGIN + DISORDER)).since == BEGIN // SECOND
    assert after(lines(b"a", at=BEGIN + DISORDER - 1)).since == BEGIN // SECOND - 1


def test_a_line_that_was_sent_late_is_not_taken_for_an_old_one() -> None:
    """The line of stderr was stamped before that of stdout, and written after it."""
    cursor = after(lines(b"out", at=BEGIN + 10))
    assert text_of(read(cursor, lines(b"out", at=BEGIN + 10) + lines(b"err"))) == b"err\n"
    assert text_of(read(cursor, lines(b"out", at=BEGIN + 10) + lines(b"err") + lines(b"x", at=BEGIN + 20))) == b"x\n"


def test_after_a_rotation_there_may_be_a_gap() -> None:
    """The file does not reach back to what we have."""
    cursor = after(lines(b"a", b"b"))
    new = lines(b"d", at=BEGIN + SECOND)
    assert read(cursor, new) == [Gap(BEGIN + 10 * MS, BEGIN + SECOND), Text(BEGIN + SECOND, b"d\n")]
    assert read(cursor, new) == []


def test_a_file_that_reaches_back_has_no_gap() -> None:
    """Rotated before the last line that we have."""
    cursor = after(lines(b"a", b"b", b"c"))
    assert read(cursor, lines(b"c", b"d", at=BEGIN + 20 * MS)) == [Text(BEGIN + 30 * MS, b"d\n")]


def test_lines_of_one_moment_differ_by_their_text() -> None:
    """A clock that ticks slowly, and a rotation between two of its ticks."""
    cursor = after(lines(b"a"))
    assert read(cursor, lines(b"b")) == [Gap(BEGIN, BEGIN), Text(BEGIN, b"b\n")]


def test_a_line_that_was_cut_goes_on_behind_the_rotation() -> None:
    """The new file begins with the line that the last read ended in: nothing is missing."""
    cursor = LogCursor.at()
    read(cursor, lines(b"a", b"half of it")[:-5], cut=True)
    assert read(cursor, lines(b"half of it", b"c", at=BEGIN + 10 * MS)) == [Text(BEGIN + 10 * MS, b"half of it\nc\n")]


def test_the_half_of_a_line_that_is_lost_is_given_before_the_gap() -> None:
    """Also when reads that brought less came after it."""
    cursor = LogCursor.at()
    data = lines(b"a", b"half of it")
    read(cursor, data[:-5], cut=True)
    read(cursor, data[:-7], cut=True)
    read(cursor, b"", cut=True)
    assert read(cursor, lines(b"c", at=BEGIN + SECOND)) == [
        Text(BEGIN + 10 * MS, b"half o"),
        Gap(BEGIN + 10 * MS, BEGIN + SECOND),
        Text(BEGIN + SECOND, b"c\n"),
    ]


def test_a_read_that_brings_something_new_is_not_the_last() -> None:
    """Its end says nothing: only the next one can show that there is no more."""
    cursor = LogCursor.at()
    read(cursor, lines(b"a"), terminated=True)
    assert not cursor.complete
    read(cursor, lines(b"a", b"b"), terminated=True)
    assert not cursor.complete
    read(cursor, lines(b"a", b"b"), terminated=True)
    assert cursor.complete


@pytest.mark.parametrize("how", [{}, {"cut": True, "terminated": True}])
def test_only_a_whole_read_after_the_end_can_be_the_last(how: dict[str, bool]) -> None:
    """Neither one that began while the container ran, nor one that broke."""
    cursor = after(lines(b"a"))
    read(cursor, lines(b"a"), **how)
    assert not cursor.complete


@pytest.mark.parametrize("answer", [b"", b"unable to retrieve container logs for containerd://abc", b"failed: x\n"])
def test_an_answer_that_shows_nothing_we_have_is_not_the_last(answer: bytes) -> None:
    """The file cannot be read, or it is a new and empty one."""
    cursor = after(lines(b"a"))
    for _ in range(2):
        read(cursor, answer, terminated=True)
        assert not cursor.complete


def test_a_log_that_is_empty_is_complete() -> None:
    """A container that printed nothing; but not where the kubelet had something to say instead."""
    cursor = LogCursor.at()
    read(cursor, b"unable to retrieve container logs", terminated=True)
    assert not cursor.complete
    read(cursor, b"", terminated=True)
    assert cursor.complete


def test_a_last_line_without_an_end_is_given_at_the_end() -> None:
    """As it was printed; and not twice when it was a long one."""
    cursor = LogCursor.at()
    data = lines(b"a", b"the end")[:-1]
    assert text_of(read(cursor, data)) == b"a\n"
    assert read(cursor, data, terminated=True) == [Text(BEGIN + 10 * MS, b"the end")]
    assert cursor.complete


def test_a_long_line_is_given_in_pieces_and_once() -> None:
    """Over reads that are cut anywhere, and by whoever goes on from the position; then other lines."""
    text = b"".join(b"%06d" % number for number in range(40_000))
    data = lines(b"a", text, b"b")
    cursor, given = LogCursor.at(), b""
    for end in (100_000, 50_000, 170_000, 200, len(data), len(data)):
        given += text_of(read(cursor, data[:end], size=7_000, cut=True))
        cursor = LogCursor.at(cursor.position)
    assert given == b"a\n" + text + b"\nb\n"


def test_a_long_line_without_an_end_is_complete_as_it_is() -> None:
    """Its last read gives nothing; one that ends in the middle of it, twice, does not give it again."""
    data = lines(b"x" * 100_000)[:-1]
    cursor = LogCursor.at()
    assert text_of(read(cursor, data)) == b"x" * 100_000
    for _ in range(3):
        assert read(cursor, data[:5_000], terminated=True) == []
    cursor = LogCursor.at(cursor.position)
    assert read(cursor, data, terminated=True) == []
    assert cursor.complete


def test_a_long_line_that_is_lost_ends_at_the_gap() -> None:
    """What was given of it stays."""
    cursor = LogCursor.at()
    read(cursor, lines(b"x" * 100_000)[:-1])
    assert read(cursor, lines(b"b", at=BEGIN + SECOND))[0] == Gap(BEGIN, BEGIN + SECOND)


def test_what_the_kubelet_says_is_no_line() -> None:
    """Between the lines, or at the end, where it has no newline."""
    data = lines(b"a") + b"Error: x\n" + lines(b"b", at=BEGIN + MS) + b"failed to watch"
    assert read(LogCursor.at(), data) == [
        Text(BEGIN, b"a\n"), Stray(b"Error: x"), Text(BEGIN + MS, b"b\n"), Stray(b"failed to watch"),
    ]  # fmt: skip


def test_the_rest_of_an_old_line_is_dropped() -> None:
    """A line whose first part is before ``since``: its other parts come without a time."""
    cursor = after(lines(b"old and long", b"b"))
    assert read(cursor, b"and long\n" + lines(b"b", b"c", at=BEGIN + 10 * MS)) == [Text(BEGIN + 20 * MS, b"c\n")]


def test_what_a_new_file_begins_with_is_no_rest() -> None:
    """It has nothing of ours, so it cannot go on with a line of ours; a read that broke there says nothing."""
    cursor = after(lines(b"a"))
    assert read(cursor, b"Error: x\n", cut=True) == []
    assert read(cursor, b"Error: x\n" + lines(b"c", at=BEGIN + SECOND))[0] == Stray(b"Error: x")


def test_a_long_text_of_the_kubelets_is_cut() -> None:
    """Nobody keeps 64 KiB of an error."""
    (stray,) = read(LogCursor.at(), b"E" * 200_000)
    assert isinstance(stray, Stray)
    assert len(stray.data) == 4096


def test_what_cannot_be_read_any_more_is_a_gap() -> None:
    """The pod is gone: the half line, and that more may have been printed."""
    cursor = LogCursor.at()
    read(cursor, lines(b"a", b"half")[:-1])
    assert cursor.lost() == [Text(BEGIN + 10 * MS, b"half"), Gap(BEGIN + 10 * MS, None)]
    assert LogCursor.at().lost() == [Gap(None, None)]


def test_a_flood_is_remembered_by_its_last_lines() -> None:
    """The position stays small, however many lines come in 50 ms."""
    data = lines(*[b"%d" % number for number in range(3 * MOST)], step=1000)
    cursor = after(data)
    assert len(cursor.position.recent) == MOST
    again = LogCursor.at(cursor.position)
    more = lines(b"new", at=BEGIN + 3 * MOST * 1000)
    assert read(again, data + more) == [Text(BEGIN + 3 * MOST * 1000, b"new\n")]


def test_a_clock_that_is_set_back_within_a_read_loses_nothing() -> None:
    """Lines of that span may come twice, none is left out, and the next read asks from the new time."""
    cursor = after(lines(b"a", b"b") + lines(b"c", at=BEGIN - 3600 * SECOND))
    assert cursor.since == (BEGIN - 3600 * SECOND - DISORDER) // SECOND
    data = lines(b"a", b"b") + lines(b"c", b"d", at=BEGIN - 3600 * SECOND)
    assert text_of(read(cursor, data)).endswith(b"d\n")


def test_a_line_that_is_later_than_can_be_does_no_harm() -> None:
    """A thread that slept between stamping and writing: its line is given once, and so are the next ones."""
    data = lines(b"a", at=BEGIN) + lines(b"late", at=BEGIN - 2 * DISORDER)
    cursor = after(data)
    assert text_of(read(cursor, data + lines(b"b", at=BEGIN + MS))) == b"a\nlate\nb\n"[2 + 5 :]
    assert text_of(read(cursor, data + lines(b"b", b"c", at=BEGIN + MS))) == b"c\n"


def test_a_line_as_early_as_can_be_is_new() -> None:
    """One nanosecond later than what no line can be any more."""
    early = lines(b"early", at=BEGIN - DISORDER + 1)
    assert text_of(read(after(lines(b"a")), lines(b"a") + early)) == b"early\n"


def test_equal_lines_of_one_moment_are_counted() -> None:
    """One was received, so of two one is new."""
    assert read(after(lines(b"a")), lines(b"a", b"a", step=0)) == [Text(BEGIN, b"a\n")]


def test_a_long_line_that_comes_whole_goes_on_where_it_was_left() -> None:
    """Its pieces, then all of it in one piece of a later read."""
    text = b"".join(b"%06d" % number for number in range(20_000))
    data = lines(b"a", text, b"b")
    cursor = LogCursor.at()
    given = text_of(read(cursor, data[:90_000], cut=True))
    assert given + text_of(read(cursor, data)) == b"a\n" + text + b"\nb\n"


def test_a_long_line_that_was_received_is_passed_over() -> None:
    """However it comes."""
    data = lines(b"a", b"x" * 150_000, b"b")
    cursor = after(data)
    assert read(cursor, data, size=10_000) == read(cursor, data) == []
    assert read(LogCursor.at(cursor.position), data + lines(b"c", at=BEGIN + MS * 30), size=10_000) == [
        Text(BEGIN + 30 * MS, b"c\n")
    ]


def test_lines_go_on_behind_a_long_line_that_was_lost() -> None:
    """One gap, and the next read knows nothing of that line any more."""
    cursor = LogCursor.at()
    read(cursor, lines(b"x" * 100_000)[:-1])
    new = lines(b"b", b"c", at=BEGIN + SECOND)
    assert text_of(read(cursor, new)) == b"b\nc\n"
    assert read(cursor, new + lines(b"d", at=BEGIN + 2 * SECOND)) == [Text(BEGIN + 2 * SECOND, b"d\n")]


def test_a_last_line_that_still_grows_is_not_the_end() -> None:
    """The log is complete when two reads bring the same."""
    cursor = LogCursor.at()
    data = lines(b"a", b"the end")
    for end in (-4, -2):
        assert text_of(read(cursor, data[:end], terminated=True)) in (b"a\n", b"")
        assert not cursor.complete
    assert text_of(read(cursor, data[:-2], terminated=True)) == b"the en"
    assert cursor.complete


def test_a_half_line_in_a_new_file_is_behind_the_gap() -> None:
    """All that a read brought was a piece of a line, which lines that are lost stand before."""
    cursor = after(lines(b"a"))
    new = lines(b"c and more", at=BEGIN + SECOND)
    assert read(cursor, new[:-5], cut=True) == [Gap(BEGIN, BEGIN + SECOND)]
    assert read(cursor, new) == [Text(BEGIN + SECOND, b"c and more\n")]


def test_the_half_of_a_line_that_we_have_is_nothing_new() -> None:
    """A read that broke within it, and then the file is gone."""
    cursor = after(lines(b"a", b"b and more"))
    assert read(cursor, lines(b"a", b"b and more")[:-5], cut=True) == []
    assert read(cursor, lines(b"c", at=BEGIN + SECOND))[0] == Gap(BEGIN + 10 * MS, BEGIN + SECOND)


# -- rotation -----------------------------------------------------------------------------------------


def across() -> tuple[bytes, bytes]:
    """What a followed read brings over a rotation within a line, and what the new file is to a new read."""
    followed = lines(b"a", b"one line", b"b", step=MS)
    return followed, lines(b" line", at=BEGIN + MS + 1) + lines(b"b", at=BEGIN + 2 * MS)


@pytest.mark.parametrize("size", [None, 1, 40])
def test_the_rest_of_a_line_that_rotation_cut_is_not_new(size: int | None) -> None:
    """It came with its line when that was followed; a new read shows it as a line of its own, before ones we have."""
    followed, file = across()
    cursor = after(followed)
    assert read(cursor, file, size=size) == []
    assert read(cursor, file + lines(b"c", at=BEGIN + 3 * MS), size=size) == [Text(BEGIN + 3 * MS, b"c\n")]


def test_a_first_line_that_no_known_one_follows_is_new() -> None:
    """Alone, before a new one, before a very long one; none of them is lost."""
    for more in (b"", lines(b"d", at=BEGIN + 12 * MS), lines(b"x" * 100_000, at=BEGIN + 12 * MS)):
        for size in (None, 1000, 7):
            cursor = after(lines(b"a", b"b"))
            given = read(cursor, lines(b"c", at=BEGIN + 11 * MS) + more, size=size)
            assert given[0] == Gap(BEGIN + 10 * MS, BEGIN + 11 * MS)
            assert text_of(given) == b"c\n" + b"".join(line[len(stamp(0)) :] + b"\n" for line in more.split(b"\n")[:-1])


def test_the_rest_of_a_line_before_a_very_long_one_is_not_new() -> None:
    """However the long one comes."""
    long = lines(b"x" * 100_000, at=BEGIN + 2 * MS)
    cursor = after(lines(b"a", b"one line", step=MS) + long)
    assert read(cursor, lines(b" line", at=BEGIN + MS + 1) + long, size=5000) == []


def ended(data: bytes, new: bytes) -> list[Piece]:
    """A followed read that came to its own end when the container had ended, and the next read."""
    cursor = LogCursor.at()
    read(cursor, data)
    cursor.begin(seam=True)
    return cursor.feed(new) + cursor.end(terminated=True)


def test_behind_a_seam_the_log_goes_on() -> None:
    """The container had ended while its old file was still read; the new one begins where that ended."""
    assert ended(lines(b"a"), lines(b"b", at=BEGIN + MS)) == [Text(BEGIN + MS, b"b\n")]


def test_a_line_goes_on_over_a_seam() -> None:
    """Rotation cut it in two; also a very long one, also one without an end."""
    assert text_of(ended(lines(b"a", b"one")[:-1], lines(b" line", at=BEGIN + 10 * MS + 1))) == b"one line\n"
    assert text_of(ended(lines(b"x" * 100_000)[:-1], lines(b"y", at=BEGIN + 1))) == b"y\n"
    assert text_of(ended(lines(b"one")[:-1], lines(b" half", at=BEGIN + 1)[:-1])) == b"one"


def test_no_seam_is_wide_enough_for_a_file() -> None:
    """Three seconds later another file may have been between; then there is a gap."""
    assert ended(lines(b"a"), lines(b"b", at=BEGIN + 3 * SECOND))[0] == Gap(BEGIN, BEGIN + 3 * SECOND)
    assert ended(lines(b"a"), lines(b"b", at=BEGIN + 3 * SECOND)[:-1])[0] == Gap(BEGIN, BEGIN + 3 * SECOND)


def test_a_long_line_that_should_go_on_and_does_not_is_a_gap() -> None:
    """What came before it is there, and it is not."""
    cursor = LogCursor.at()
    read(cursor, lines(b"a", b"x" * 100_000)[:-1])
    assert read(cursor, lines(b"a", b"b", step=MS))[0] == Gap(BEGIN + 10 * MS, BEGIN + MS)


def test_a_scout_knows_what_its_cursor_knows() -> None:
    """The half line too; what it finds does not move the cursor."""
    cursor = LogCursor.at()
    data = lines(b"a", b"the end")[:-1]
    read(cursor, data)
    scout = cursor.scout()
    assert read(scout, lines(b"the end", at=BEGIN + 10 * MS)[:-1], terminated=True) == [
        Text(BEGIN + 10 * MS, b"the end")
    ]
    assert scout.complete
    assert not cursor.complete
    assert read(cursor, data + b"\n") == [Text(BEGIN + 10 * MS, b"the end\n")]
