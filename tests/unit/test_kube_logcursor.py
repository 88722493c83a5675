"""Every line of a container's log exactly once, or a marked gap."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from attrs import Factory, define, frozen
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.logcursor import HOLD, Gap, LogCursor, Piece, Stray, Text
from ciao.adapters.kubeflow.logreceived import DISORDER, MOST, Position

from .kubelet import BEGIN, SECOND, NodeLog, stamp

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


# -- any log, any reads -------------------------------------------------------------------------------


@frozen
class Write:
    """A line, or a part of one: ``step`` ns later, stamped ``early`` ns earlier than that, ``long`` bytes longer."""

    step: int
    early: int
    text: bytes
    long: int
    whole: bool


@frozen
class Rotate:
    """The file is renamed away."""


@frozen
class Kill:
    """Another process goes on from the position that was kept."""


@frozen
class Read:
    """``upto``: it is cut there (permille of what there is). ``killed``: after how many pieces its reader dies."""

    upto: int | None
    sizes: tuple[int, ...]
    stray: int | None
    killed: int | None


Op = Write | Rotate | Kill | Read

TEXTS = st.one_of(
    st.sampled_from([b"", b"a", b"b", b"\r", b"10%\r20%\r", b"\xff\xfe", stamp(BEGIN) + b"x", b"a\r", b"[\x1e1\x1e"]),
    st.binary(max_size=8).map(lambda text: text.replace(b"\n", b"")),
)
LONG = st.integers(0, 30).flatmap(lambda n: st.just(0) if n else st.integers(HOLD - 40, 2 * HOLD + 10))
STEPS = st.sampled_from([0, 0, 1, 1000, MS, 20 * MS, 49 * MS, 51 * MS, 400 * MS, SECOND, 3 * SECOND])
EARLY = st.sampled_from([0, 0, 0, 1, MS, DISORDER - 1])
WRITES = st.builds(Write, STEPS, EARLY, TEXTS, LONG, st.sampled_from([True] * 5 + [False]))
READS = st.builds(
    Read,
    st.none() | st.integers(0, 1000),
    st.lists(st.integers(0, 60) | st.integers(0, 2 * HOLD), max_size=6).map(tuple),
    st.none() | st.integers(0, 10),
    st.none() | st.none() | st.integers(0, 6),
)
OPS = st.lists(st.one_of(WRITES, WRITES, READS, st.just(Rotate()), st.just(Kill())), max_size=40)
STRAY = b"Error: the kubelet has a problem"


@define
class Story:
    """A log that is written, rotated and read; what of it was ever sent whole, and what the cursor gave."""

    log: NodeLog = Factory(NodeLog)
    cursor: LogCursor = Factory(LogCursor.at)
    numbered: bool = True
    clock: int = BEGIN
    newest: int = 0
    firsts: set[int] = Factory(set)  # the lines that files begin with
    sent: set[int] = Factory(set)
    halves: bool = False  # a reader knows of a line's beginning
    complete: bool = False
    given: list[bytes | Gap] = Factory(list)

    def do(self, op: Op) -> None:
        match op:
            case Write():
                self.write(op)
            case Rotate():
                self.rotate()
            case Kill():
                self.kill()
            case Read():
                self.read(op)

    def write(self, op: Write) -> None:
        self.clock += op.step
        at = max(self.clock - op.early, self.newest - DISORDER + 1, BEGIN)
        begins = not self.log.lines or self.log.lines[-1].whole
        text = op.text + b"z" * op.long
        text = b"#%d#" % len(self.log.lines) + text if self.numbered and begins else text
        while at in {line.at for line in self.log.lines[: self.log.first]}:
            at += 1
        self.newest = max(self.newest, at)
        self.log.write(at, text, whole=op.whole)

    def rotate(self) -> None:
        """Not before anything is known of the log, nor within a line; that is assumed."""
        if (self.sent or self.halves) and self.log.lines[-1].whole:
            self.log.rotate()
            self.firsts.add(self.log.first)

    def kill(self) -> None:
        """Not while a half line is all that is known of a log that was rotated: that is assumed too."""
        if self.cursor.position != Position() or not self.log.first:
            self.cursor = LogCursor.at(self.cursor.position)
            self.halves = False

    def read(self, op: Read, *, terminated: bool = False) -> None:
        stray = {} if op.stray is None else {self.log.first + op.stray: STRAY + b"\n"}
        data = self.log.read(self.cursor.since, stray)
        data = data if op.upto is None else data[: len(data) * op.upto // 1000]
        pieces, rest = [], data
        for size in op.sizes:
            pieces.append(rest[:size])
            rest = rest[size:]
        pieces.append(rest)
        self.cursor.begin()
        for piece in pieces[: op.killed]:
            self.take(self.cursor.feed(piece))
        if op.killed is not None:
            self.note(b"".join(pieces[: op.killed]))
            self.take(self.cursor.end(cut=True))
            self.kill()
            return
        self.take(self.cursor.end(cut=op.upto is not None, terminated=terminated))
        self.complete = self.cursor.complete
        self.note(data)

    def note(self, data: bytes) -> None:
        whole = set(data.split(b"\n")[:-1])
        self.sent |= {
            number
            for number, line in enumerate(self.log.lines)
            if number >= self.log.first and line.whole and stamp(line.at) + line.text[:-1] in whole
        }
        self.halves = self.halves or len(data.rpartition(b"\n")[2]) >= len(stamp(0))

    def take(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Text(_, data):
                    self.given.append(data)
                case Gap():
                    self.given.append(piece)
                case Stray(data):
                    assert STRAY.startswith(data)

    def recognised(self, segment: bytes, first: int) -> tuple[list[int], bool]:
        """Which lines these bytes are, not before the first; True when the last one is not whole."""
        *full, tail = segment.split(b"\n")
        numbers = [int(each.split(b"#")[1]) for each in full]
        assert [self.log.lines[number].text for number in numbers] == [each + b"\n" for each in full]
        if tail:
            after = numbers[-1] + 1 if numbers else first
            texts = [line.text.startswith(tail) for line in self.log.lines]
            numbers.append(texts.index(True, after))
        return numbers, bool(tail)

    def finish(self) -> None:
        """The container has ended: reads until there is nothing more."""
        for _ in range(3):
            self.read(Read(None, (), None, None), terminated=True)
            if self.complete:
                return
        self.take(self.cursor.lost())


def segments(given: list[bytes | Gap]) -> list[bytes]:
    """What was given between gaps."""
    out = [b""]
    for each in given:
        if isinstance(each, Gap):
            out.append(b"")
        else:
            out[-1] += each
    return out


@given(OPS)
def test_every_line_once_or_a_gap_where_it_is_missing(ops: list[Op]) -> None:
    """Whatever is written, rotated, read, cut and killed: what was sent is given once, in order, and nothing
    is missing without a gap; a gap where nothing is missing stands only where the file was rotated."""
    story = Story()
    for op in ops:
        story.do(op)
    story.finish()
    next_one, broken, whole = 0, False, set()  # the next line, or an earlier one of which only a part was given
    for place, segment in enumerate(segments(story.given)):
        numbers, tail = story.recognised(segment, next_one)
        if not numbers:
            continue
        begin = numbers[0]
        assert begin >= next_one
        assert place > 0 or begin == 0
        assert place == 0 or begin > next_one or broken or begin in story.firsts
        assert numbers == list(range(begin, begin + len(numbers)))
        whole |= set(numbers[:-1] if tail else numbers)
        next_one, broken = numbers[-1] + 1, tail
    assert whole == story.sent
    if story.complete and story.log.first < len(story.log.lines):
        assert segments(story.given)[-1].endswith(story.log.lines[-1].text)


@given(OPS)
def test_equal_lines_of_one_moment_are_as_many_as_were_written(ops: list[Op]) -> None:
    """Lines that nothing tells apart, over reads, kills, and rotations that lose nothing."""
    story = Story(numbered=False)
    for op in ops:
        if isinstance(op, Rotate):
            story.read(Read(None, (), None, None))
        story.do(op)
    story.finish()
    assert b"".join(segments(story.given)) == b"".join(line.text for line in story.log.lines)


# -- one promise at a time ----------------------------------------------------------------------------


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
    """stderr's line was stamped before stdout's, and written after it."""
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
