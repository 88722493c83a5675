"""Any log, any rotation, any reads cut and killed anywhere: every line once, or a marked gap."""

from __future__ import annotations

from attrs import Factory, define, frozen
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.logcursor import HOLD, LogCursor
from ciao.adapters.kubeflow.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logreceived import DISORDER, Position

from .kubelet import BEGIN, SECOND, NodeLog, stamp

MS = 10**6


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
    is missing without a gap; a gap where nothing is missing stands only where the file was rotated.
    """
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
