"""From what a cursor gives to a replica's log, whoever is killed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.kubeflow.logs.logmark import Mark
from ciao.adapters.kubeflow.logs.logpieces import Gap, Piece, Stray, Text
from ciao.adapters.kubeflow.logs.logreceived import Position
from ciao.adapters.kubeflow.logs.logsink import LogSink
from ciao.adapters.memory.jobstore import MemoryJobStore, MemoryLog, MemoryLogWriter
from ciao.core.events import LogChunk, LogTrouble, Observation
from ciao.core.ports import LogGap
from ciao.testing.jobstore import MASTER, a_record

HANDLE = a_record().handle
SECOND = 10**9
FIRST, OTHER = "containerd://1", "containerd://2"


class Killed(Exception):
    """The process is gone."""


class Mortal:
    """A writer whose process is killed before its next act, once it has done ``acts``. As ``LogWriter``."""

    def __init__(self, writer: MemoryLogWriter, acts: float = float("inf")) -> None:
        self._writer, self._acts = writer, acts

    def __getattr__(self, name: str) -> object:
        if name in ("append", "gap", "keep"):
            if self._acts <= 0:
                raise Killed
            self._acts -= 1
        return getattr(self._writer, name)


class Unreadable(MemoryLogWriter):
    """Of a disk from which nothing can be read back."""

    def read(self, replica: object, offset: int, limit: int) -> bytes:
        return b""


class Desk:
    """One replica's log, and what was told of it."""

    def __init__(self, *, log_size: int | None = None) -> None:
        self.store = MemoryJobStore(log_size=log_size)
        self.store.create(a_record())
        self.writer = self.store.writer(HANDLE)
        self.told: list[Observation] = []

    def sink(self, acts: float = float("inf")) -> LogSink:
        """Of another process."""
        return LogSink(Mortal(self.writer, acts), MASTER, self.told.append, lambda: 7.0)

    def resumed(self, container: str = FIRST) -> LogSink:
        """One that goes on, or begins, with this container."""
        sink = self.sink()
        sink.resume(container)
        return sink

    @property
    def log(self) -> MemoryLog:
        return self.store.reader(HANDLE, MASTER)

    @property
    def text(self) -> bytes:
        return self.log.read(0, self.log.size)

    @property
    def gaps(self) -> tuple[LogGap, ...]:
        return self.log.gaps(0, 10**9)

    @property
    def mark(self) -> Mark | None:
        return Mark.load(self.log.mark[0])

    @property
    def troubles(self) -> list[str]:
        return [each.message for each in self.told if isinstance(each, LogTrouble)]

    def lose(self, size: int) -> None:
        """The machine went down: the log has so many bytes fewer."""
        before = self.text[:-size]
        fresh = MemoryLog()
        fresh.append(before, 1.0)
        fresh.mark = self.log.mark
        self.store._logs[(HANDLE.target, HANDLE.name)][MASTER] = fresh


def at(second: int) -> Position:
    """Behind the line of that second."""
    return Position(second * SECOND, second * SECOND)


def line(second: int, text: bytes) -> Text:
    return Text(second * SECOND, text)


# -- what is taken -----------------------------------------------------------------------------------


def test_a_batch_is_appended_told_as_one_chunk_and_kept() -> None:
    """Three pieces, one chunk; the mark has the position behind them."""
    desk = Desk()
    assert desk.sink().resume(FIRST) is None
    sink = desk.resumed()
    sink.take([line(1, b"one\n"), line(2, b"tw"), line(3, b"o\n")], at(3))
    assert (desk.text, desk.told) == (b"one\ntwo\n", [LogChunk(MASTER, 0, 2, 0, 8)])
    assert desk.mark == Mark(FIRST, at(3))
    assert desk.log.stamps(0, 2) == (1.0, 2.0)


def test_a_gap_stands_between_what_was_before_and_behind_it() -> None:
    """The chunk before it is told before it."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n"), Gap(SECOND, 5 * SECOND), line(5, b"two\n")], at(5))
    assert [type(each) for each in desk.told] == [LogChunk, LogTrouble, LogChunk]
    assert desk.gaps == (LogGap(1, 1.0, 5.0),)
    assert desk.troubles[0].startswith("lines may be missing here, between ")


@pytest.mark.parametrize(
    ("gap", "after"), [(Gap(SECOND, None), 1.0), (Gap(None, 3 * SECOND), 3.0), (Gap(None, None), 7.0)]
)
def test_a_gap_has_a_time_whatever_is_known_of_it(gap: Gap, after: float) -> None:
    """That of the line before, of the line behind, or now."""
    desk = Desk()
    desk.resumed().take([gap], at(1))
    assert [each.after for each in desk.gaps] == [after]


def test_a_stray_is_told_once() -> None:
    """It is not the container's, so it is not in the log."""
    desk = Desk()
    sink = desk.resumed()
    sink.take([Stray(b"disk \xff error\n"), line(1, b"one\n"), Stray(b"disk \xff error\n")], at(1))
    sink.take([Stray(b"disk \xff error\n")], at(1))
    assert desk.troubles == ["its node says: disk \ufffd error"]
    assert desk.text == b"one\n"


def test_not_all_strays_are_told() -> None:
    """Eight at most, of all the replica's containers."""
    desk = Desk()
    sink = desk.resumed()
    sink.take([Stray(b"error %d" % number) for number in range(5)], at(1), over=True)
    sink.resume(OTHER)
    sink.take([Stray(b"error %d" % number) for number in range(50)], at(1))
    assert desk.troubles == [f"its node says: error {number}" for number in range(8)]


def test_a_full_log_is_told_once() -> None:
    """And then it is not open, so nobody needs to read on; what was kept is where it is full."""
    desk = Desk(log_size=8)
    sink = desk.resumed()
    sink.take([line(1, b"one\n")], at(1))
    assert sink.open
    sink.take([line(2, b"two\n"), line(3, b"three\n"), line(4, b"four\n")], at(4))
    sink.take([line(5, b"five\n")], at(5))
    assert (sink.open, desk.text, len(desk.troubles)) == (False, b"one\ntwo\n", 1)
    assert [type(each) for each in desk.told] == [LogChunk, LogChunk, LogTrouble]
    assert desk.mark == Mark(FIRST, at(1))


def test_the_end_is_kept() -> None:
    """Another process has nothing to read of this container any more."""
    desk = Desk()
    sink = desk.resumed()
    sink.take([line(1, b"one\n")], at(1), over=True)
    assert sink.over
    assert desk.mark == Mark(FIRST, at(1), over=True)
    other = desk.sink()
    assert (other.resume(FIRST), other.over) == (at(1), True)


# -- another process ---------------------------------------------------------------------------------


def test_another_process_goes_on_where_one_was() -> None:
    """Nothing is marked, told or appended by that."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n")], at(1))
    assert desk.sink().resume(FIRST) == at(1)
    assert (desk.text, desk.gaps, len(desk.told)) == (b"one\n", (), 1)


def killed_after_append() -> Desk:
    """``one`` is kept; ``two`` and ``three`` are in the log, and then the process is killed."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n")], at(1))
    sink = desk.sink(acts=1)
    sink.resume(FIRST)
    with pytest.raises(Killed):
        sink.take([line(2, b"two\nthree\n")], at(3))
    assert desk.text == b"one\ntwo\nthree\n"
    return desk


def test_who_is_killed_between_append_and_keep_repeats_nothing() -> None:
    """The bytes come once more, in other pieces, and are left out; only what is new is told."""
    desk = killed_after_append()
    desk.told.clear()
    sink = desk.sink()
    assert sink.resume(FIRST) == at(1)
    sink.take([line(2, b"two\n")], at(2))
    assert desk.mark == Mark(FIRST, at(1))
    sink.take([line(3, b"three\nfour\n")], at(4))
    assert (desk.text, desk.gaps) == (b"one\ntwo\nthree\nfour\n", ())
    assert desk.told == [LogChunk(MASTER, 3, 1, 14, 19)]
    assert desk.mark == Mark(FIRST, at(4))


def test_who_is_killed_again_still_repeats_nothing() -> None:
    """The position is not kept before all that is in the log has come again."""
    desk = killed_after_append()
    desk.resumed().take([line(2, b"two\n")], at(2))
    desk.resumed().take([line(2, b"two\n"), line(3, b"three\n"), line(4, b"four\n")], at(4))
    assert (desk.text, desk.gaps) == (b"one\ntwo\nthree\nfour\n", ())


def test_what_does_not_come_again_leaves_a_gap() -> None:
    """The file was rotated meanwhile; lines that both have are not repeated."""
    desk = killed_after_append()
    desk.resumed().take([line(2, b"two\nfive\n")], at(5))
    assert (desk.text, [gap.line for gap in desk.gaps]) == (b"one\ntwo\nthree\nfive\n", [3])
    assert desk.mark == Mark(FIRST, at(5))


def test_the_gap_behind_what_does_not_come_again_has_its_times() -> None:
    """Those that the cursor gave."""
    desk = killed_after_append()
    desk.resumed().take([Gap(SECOND, 5 * SECOND), line(5, b"five\n")], at(5))
    assert desk.text == b"one\ntwo\nthree\nfive\n"
    assert [(gap.line, gap.before) for gap in desk.gaps] == [(3, 5.0)]
    assert "between" in desk.troubles[0]


def test_what_can_not_come_again_any_more_leaves_a_gap() -> None:
    """The pod was gone before anybody read on."""
    desk = killed_after_append()
    desk.resumed().take([Gap(SECOND, None)], at(1), over=True)
    assert (desk.text, [gap.line for gap in desk.gaps]) == (b"one\ntwo\nthree\n", [3])
    assert desk.mark == Mark(FIRST, at(1), over=True)


def test_a_gap_that_the_killed_one_had_marked_is_not_marked_again() -> None:
    """It is before the bytes that come again."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n")], at(1))
    pieces = [Gap(SECOND, 5 * SECOND), line(5, b"five\n")]
    sink = desk.sink(acts=2)
    sink.resume(FIRST)
    with pytest.raises(Killed):
        sink.take(pieces, at(5))
    desk.resumed().take([*pieces, line(6, b"six\n")], at(6))
    assert (desk.text, [gap.line for gap in desk.gaps]) == (b"one\nfive\nsix\n", [1])


@pytest.mark.parametrize("known", [False, True])
def test_the_newline_that_the_store_puts_at_a_gap_does_not_come_again(known: bool) -> None:
    """An unterminated line ends at a gap; the rest comes again as it was."""
    desk = Desk()
    desk.resumed().take([line(1, b"hal")], at(1))
    pieces = [Gap(SECOND, 5 * SECOND), line(5, b"five\n")]
    if known:
        desk.resumed().take(pieces[:1], at(1))
        del pieces[0]
    sink = desk.sink(acts=len(pieces))
    sink.resume(FIRST)
    with pytest.raises(Killed):
        sink.take(pieces, at(5))
    desk.resumed().take([*pieces, line(6, b"six\n")], at(6))
    assert (desk.text, [gap.line for gap in desk.gaps]) == (b"hal\nfive\nsix\n", [1])


def test_a_log_that_cannot_be_read_back_has_a_gap() -> None:
    """It is not known what came already: that is said, and the reading goes on and is kept."""
    desk = killed_after_append()
    writer = Unreadable(lambda _: desk.log, None, lambda: None)
    sink = LogSink(writer, MASTER, desk.told.append, lambda: 7.0)
    sink.resume(FIRST)
    sink.take([line(2, b"two\n")], at(2))
    assert (desk.text, [gap.line for gap in desk.gaps]) == (b"one\ntwo\nthree\ntwo\n", [3])
    assert desk.mark == Mark(FIRST, at(2))


def test_a_log_that_is_shorter_than_its_mark_has_a_gap() -> None:
    """The machine went down, and bytes with it. It is said once, however often somebody goes on."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n"), line(2, b"two\n")], at(2))
    desk.lose(4)
    for _ in range(3):
        assert desk.sink().resume(FIRST) == at(2)
    desk.resumed().take([line(3, b"three\n")], at(3))
    assert (desk.text, desk.gaps) == (b"one\nthree\n", (LogGap(1, 2.0, 3.0),))
    assert len(desk.troubles) == 1


def test_a_log_that_was_over_and_is_shorter_has_a_gap() -> None:
    """Though there is nothing more to read, and also when there is another container by now."""
    for container in (FIRST, OTHER):
        desk = Desk()
        desk.resumed().take([line(1, b"one\n"), line(2, b"two\n")], at(2), over=True)
        desk.lose(4)
        desk.resumed(container)
        desk.resumed(container)
        assert ([gap.line for gap in desk.gaps], len(desk.troubles)) == ([1], 1)


@pytest.mark.parametrize("mark", ["", "not a mark"])
def test_a_log_without_its_mark_is_read_from_the_beginning_and_not_repeated(mark: str) -> None:
    """As far as it comes again."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n"), line(2, b"two\n")], at(2))
    desk.log.mark = (mark, 8 if mark else 0)
    sink = desk.sink()
    assert sink.resume(FIRST) is None
    sink.take([line(1, b"one\ntwo\nthree\n")], at(3))
    assert (desk.text, desk.gaps, desk.mark) == (b"one\ntwo\nthree\n", (), Mark(FIRST, at(3)))


def test_a_log_without_its_mark_that_does_not_come_again_has_a_gap() -> None:
    """It was of another container."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n")], at(1))
    desk.log.mark = ("", 0)
    desk.resumed(OTHER).take([line(9, b"nine\n")], at(9))
    assert (desk.text, [gap.line for gap in desk.gaps]) == (b"one\nnine\n", [1])


# -- another container -------------------------------------------------------------------------------


def test_another_container_goes_on_in_the_same_log() -> None:
    """From its own beginning, when the former was read to its end; nothing is missing."""
    desk = Desk()
    sink = desk.resumed()
    sink.take([line(1, b"one\n")], at(1), over=True)
    assert (sink.resume(OTHER), sink.over) == (None, False)
    sink.take([line(2, b"two\n")], at(2))
    assert (desk.text, desk.gaps, desk.mark) == (b"one\ntwo\n", (), Mark(OTHER, at(2)))


def test_another_container_before_the_former_was_over_leaves_a_gap() -> None:
    """What the former one still printed is gone; said once, however often somebody goes on."""
    desk = Desk()
    desk.resumed().take([line(1, b"one\n")], at(1))
    assert desk.sink().resume(OTHER) is None
    desk.resumed(OTHER).take([line(2, b"two\n")], at(2))
    assert (desk.text, desk.gaps) == (b"one\ntwo\n", (LogGap(1, 1.0, 2.0),))
    assert len(desk.troubles) == 1


def test_another_container_does_not_wait_for_bytes_of_the_former() -> None:
    """What was in the log and not kept is the former one's."""
    desk = killed_after_append()
    desk.resumed(OTHER).take([line(9, b"two\n")], at(9))
    assert (desk.text, [gap.line for gap in desk.gaps]) == (b"one\ntwo\nthree\ntwo\n", [3])


# -- any kill ----------------------------------------------------------------------------------------

WORDS = st.sampled_from([b"a\n", b"b\n", b"a\n\n", b"long\nlines\n", b"half", b"\r"])
PIECES = st.lists(WORDS | st.just(None), min_size=1, max_size=10)
LIVES = st.lists(st.tuples(st.integers(0, 12), st.lists(st.integers(1, 4), max_size=6), st.booleans()), max_size=6)


def pieces_of(words: Sequence[bytes | None]) -> list[Piece]:
    """One a second; None is a gap."""
    return [
        Gap(number * SECOND, (number + 1) * SECOND) if word is None else line(number, word)
        for number, word in enumerate(words)
    ]


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The same, with texts that follow each other in one piece."""
    out: list[Piece] = []
    for each in pieces:
        if isinstance(each, Text) and out and isinstance(out[-1], Text):
            each = Text(out[-1].at, out.pop().data + each.data)
        out.append(each)
    return out


def live(desk: Desk, pieces: Sequence[Piece], acts: float, sizes: Iterable[int] = (), join: bool = False) -> None:
    """A process that goes on, and is killed or comes to the end: batches of so many pieces, then the rest."""
    sink = desk.sink(acts)
    try:
        position = sink.resume(FIRST)
        place = 0 if position is None or position.latest is None else position.latest // SECOND
        for size in [*sizes, len(pieces)]:
            if place < len(pieces):
                batch = pieces[place : place + size]
                sink.take(joined(batch) if join else batch, at(min(place + size, len(pieces))))
                place += size
    except Killed:
        pass


@given(PIECES, LIVES)
def test_whoever_is_killed_whenever_nothing_is_lost_and_nothing_comes_twice(
    words: list[bytes | None], lives: list[tuple[int, list[int], bool]]
) -> None:
    """The log and its gaps are those of one process that lived."""
    pieces, desk, calm = pieces_of(words), Desk(), Desk()
    for acts, sizes, join in lives:
        live(desk, pieces, acts, sizes, join)
    live(desk, pieces, float("inf"))
    live(calm, pieces, float("inf"))
    assert desk.text == calm.text
    assert [gap.line for gap in desk.gaps] == [gap.line for gap in calm.gaps]
    assert desk.mark == calm.mark
