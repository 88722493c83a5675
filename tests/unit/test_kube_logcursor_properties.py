"""Any log, any rotation, any reads cut and killed anywhere: every line once, or a marked gap."""

from __future__ import annotations

import re

from attrs import Factory, define, frozen
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.logs.logcursor import HOLD, LogCursor
from ciao.adapters.kubeflow.logs.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logs.logreceived import DISORDER, Position

from .kubelet import BEGIN, SECOND, Entry, Follow, NodeLog, stamp

MS = 10**6
STRAY = b"Error: the kubelet has a problem"
TOKEN = re.compile(rb"#(\d+)#")


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


@frozen
class Open:
    """A followed read begins, and brings what there is."""


@frozen
class Pump:
    """What has come since, cut after so many bytes (permille); the rest comes with the next."""

    upto: int


@frozen
class Close:
    """The followed read breaks."""


Op = Write | Rotate | Kill | Read | Open | Pump | Close

TEXTS = st.one_of(
    st.sampled_from([b"", b"a", b"b", b"\r", b"10%\r20%\r", b"\xff\xfe", stamp(BEGIN) + b"x", b"a\r", b"[\x1e1\x1e"]),
    st.binary(max_size=8).map(lambda text: text.replace(b"\n", b"").replace(b"#", b"")),
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
FOLLOWS = st.one_of(st.just(Open()), st.builds(Pump, st.just(1000) | st.integers(0, 1000)), st.just(Close()))
OPS = st.lists(st.one_of(WRITES, WRITES, WRITES, READS, FOLLOWS, st.just(Rotate()), st.just(Kill())), max_size=40)


@define
class Story:
    """A log that is written, rotated and read; what of it was ever sent whole, and what the cursor gave."""

    log: NodeLog = Factory(NodeLog)
    cursor: LogCursor = Factory(LogCursor.at)
    numbered: bool = True
    clock: int = BEGIN
    newest: int = 0
    rotated: int = 0
    sent: set[int] = Factory(set)  # entries of lines that a read brought whole
    halves: bool = False  # a reader knows of a line's beginning
    follow: Follow | None = None
    came: bytes = b""  # by the followed read
    fed: int = 0
    seam: bool = False
    complete: bool = False
    given: list[bytes | Gap] = Factory(list)

    def do(self, op: Op) -> None:
        match op:
            case Write():
                self.write(op)
            case Rotate():
                self.rotate()
            case Kill():
                self.close()
                self.kill()
            case Read():
                self.close()
                self.read(op)
            case Open():
                self.close()
                self.follow, self.came, self.fed = Follow(self.log, self.cursor.since), b"", 0
                self.cursor.begin()
                self.pump(1000)
            case Pump(upto):
                self.pump(upto)
            case Close():
                self.close()

    def write(self, op: Write) -> None:
        self.clock += op.step
        at = max(self.clock - op.early, self.newest - DISORDER + 1, BEGIN)
        while at in {entry.at for entry in self.log.entries[: self.log.files[-1]]}:
            at += 1
        text = op.text + b"z" * op.long
        self.newest = max(self.newest, at)
        self.log.write(at, b"#%d#" % len(self.log.entries) * self.numbered + text, whole=op.whole)

    def rotate(self) -> None:
        """Not before anything is known of the log (that is assumed), nor twice in three seconds."""
        if self.sent or self.halves:
            self.pump(1000)
            self.clock = max(self.clock, self.rotated + 3 * SECOND)
            self.rotated = self.clock
            self.log.rotate()

    def kill(self) -> None:
        """Not while a half line is all that is known of a log that was rotated: that is assumed too."""
        if self.cursor.position != Position() or len(self.log.files) == 1:
            self.cursor = LogCursor.at(self.cursor.position)
            self.halves = False

    def read(self, op: Read, *, terminated: bool = False) -> None:
        stray = {} if op.stray is None else {self.log.files[-1] + op.stray: STRAY + b"\n"}
        data = self.log.read(self.cursor.since, stray)
        data = data if op.upto is None else data[: len(data) * op.upto // 1000]
        pieces, rest = [], data
        for size in op.sizes:
            pieces.append(rest[:size])
            rest = rest[size:]
        pieces.append(rest)
        self.cursor.begin(seam=self.seam)
        for piece in pieces[: op.killed]:
            self.take(self.cursor.feed(piece))
        self.note(b"".join(pieces[: op.killed]))
        cut = op.killed is not None or op.upto is not None
        self.take(self.cursor.end(cut=cut, terminated=terminated))
        self.complete = self.cursor.complete
        if op.killed is not None:
            self.kill()

    def pump(self, upto: int) -> None:
        if self.follow is not None:
            self.came += self.follow.more()
            piece = self.came[self.fed : self.fed + (len(self.came) - self.fed) * upto // 1000]
            self.fed += len(piece)
            self.take(self.cursor.feed(piece))
            self.note(self.came[: self.fed])

    def close(self, *, ended: bool = False) -> None:
        """``ended``: by itself, since the container has ended."""
        if self.follow is not None:
            if ended:
                self.came += self.follow.more(running=False)
                self.take(self.cursor.feed(self.came[self.fed :]))
                self.note(self.came)
                self.seam = True
            self.take(self.cursor.end(cut=not ended))
            self.follow = None

    def note(self, data: bytes) -> None:
        *whole, half = data.split(b"\n")
        self.sent |= {int(token) for line in whole for token in TOKEN.findall(line[len(stamp(0)) :])}
        if not self.numbered:
            self.sent |= set(range(len(whole)))
        self.halves = self.halves or len(half) >= len(stamp(0))

    def take(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Text(_, data):
                    self.given.append(data)
                case Gap():
                    self.given.append(piece)
                case Stray(data):
                    assert STRAY.startswith(data)

    def finish(self) -> None:
        """The container has ended: reads until there is nothing more."""
        self.close(ended=True)
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


def starts(entries: list[Entry]) -> list[int]:
    """Where in the whole log each entry begins, and its end."""
    out = [0]
    for entry in entries:
        out.append(out[-1] + len(entry.data))
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
    whole, places = story.log.data, starts(story.log.entries)
    files = {places[number] for number in story.log.files}
    end, given = 0, set()
    for number, segment in enumerate(segments(story.given)):
        if not segment:
            continue
        begin = next(place for place in places if place >= end and whole.startswith(segment, place))
        assert number > 0 or begin == 0
        assert number == 0 or begin > end or begin in files
        end = begin + len(segment)
        given |= {each for each in range(len(places) - 1) if begin <= places[each] and places[each + 1] <= end}
    assert story.sent <= given
    if story.complete and story.log.files[-1] < len(story.log.entries):
        assert end == len(whole)


@given(OPS)
def test_equal_lines_of_one_moment_are_as_many_as_were_written(ops: list[Op]) -> None:
    """Lines that nothing tells apart, over reads, kills, and rotations that lose nothing."""
    story = Story(numbered=False)
    for op in ops:
        if isinstance(op, Rotate):
            if story.log.entries and not story.log.entries[-1].whole:
                continue  # its half would be lost by a kill
            if story.follow is None:
                story.read(Read(None, (), None, None))
        story.do(op)
    story.finish()
    assert b"".join(segments(story.given)) == story.log.data
