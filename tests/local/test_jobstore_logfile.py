"""The log on disk and its index: what was appended is what is read, after any end of the writer."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.adapters.jobstore.logfile import ATTEMPT, GAP, RECORD, LogFileWriter
from ciao.adapters.jobstore.reader import LogFileReader

NO_LIMIT = 1 << 40
PIECES = st.lists(
    st.tuples(
        st.lists(st.sampled_from([b"\n", b"a", b"bc", b"\r", b"\xff\x00", b"d" * 300]), min_size=1, max_size=6).map(
            b"".join
        ),
        st.integers(0, 3),
    ),
    max_size=25,
)


@frozen
class Told:
    """The same log, kept the slow and obvious way."""

    data: bytes
    times: tuple[float, ...]

    @classmethod
    def of(cls, pieces: list[tuple[bytes, int]]) -> Told:
        """``pieces``: bytes, and seconds since the piece before."""
        clock = itertools.accumulate((pause for _, pause in pieces), initial=1000)
        next(clock)
        moments = [at for (piece, _), at in zip(pieces, clock, strict=True) for _ in piece]
        data = b"".join(piece for piece, _ in pieces)
        begins = [0, *(place + 1 for place, byte in enumerate(data[:-1]) if byte == 10)] if data else []
        return cls(data, tuple(float(moments[begin]) for begin in begins))

    @property
    def begins(self) -> list[int]:
        """Where each line begins, in bytes."""
        return [0, *(place + 1 for place, byte in enumerate(self.data[:-1]) if byte == 10)] if self.data else []

    def check(self, reader: LogFileReader) -> None:
        """Every question of the port has the answer that counting gives."""
        begins = self.begins
        assert reader.size == len(self.data)
        assert reader.lines == len(begins)
        assert reader.read(0, NO_LIMIT) == self.data
        assert [reader.offset_of(line) for line in range(len(begins))] == begins
        assert reader.offset_of(len(begins)) == len(self.data)
        assert reader.offset_of(len(begins) + 7) == len(self.data)
        for offset in range(0, len(self.data) + 1, 1 + len(self.data) // 50):
            assert reader.line_at(offset) == self.data[:offset].count(b"\n")
        assert reader.stamps(0, len(begins) + 3) == self.times
        for first in range(0, len(begins), 1 + len(begins) // 10):
            assert reader.stamps(first, 2) == self.times[first : first + 2]
        for at in {*self.times, 999.5, 1001.5, 2000.0}:
            late = [line for line, time in enumerate(self.times) if time >= at]
            assert reader.since(at) == (late[0] if late else len(begins))


def moments(pieces: list[tuple[bytes, int]]) -> Iterator[tuple[bytes, float]]:
    """Each piece with its time."""
    at = 1000
    for piece, pause in pieces:
        at += pause
        yield piece, float(at)


@settings(max_examples=100, deadline=None)
@given(PIECES)
def test_what_is_appended_reads_back(pieces: list[tuple[bytes, int]]) -> None:
    """Any appends read back as the same bytes, with right line numbers, offsets and times, also while they go on."""
    with tempfile.TemporaryDirectory() as directory:
        writer, reader = LogFileWriter(directory, "w-0", NO_LIMIT), LogFileReader(directory, "w-0")
        end = 0
        for number, (piece, at) in enumerate(moments(pieces)):
            before = b"".join(each for each, _ in pieces[:number])
            chunk = writer.append(piece, at)
            assert chunk == (
                before.count(b"\n"),
                len(piece.split(b"\n")) - piece.endswith(b"\n"),
                end,
                end + len(piece),
            )
            end += len(piece)
            if number % 5 == 0:
                Told.of(pieces[: number + 1]).check(reader)
        Told.of(pieces).check(reader)
        Told.of(pieces).check(LogFileReader(directory, "w-0"))
        assert reader.trouble() == ""
        writer.close()
        reader.close()


@settings(max_examples=100, deadline=None)
@given(PIECES.filter(bool), PIECES, st.data())
def test_a_log_cut_at_any_byte_goes_on(
    pieces: list[tuple[bytes, int]], more: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    """A writer killed at any instant loses at most its last write; the next writer goes on with right numbers."""
    with tempfile.TemporaryDirectory() as directory:
        writer = LogFileWriter(directory, "w-0", NO_LIMIT)
        for piece, at in moments(pieces):
            writer.append(piece, at)
        writer.close()
        log, idx = Path(directory, "w-0.log"), Path(directory, "w-0.idx")
        kept = log.read_bytes()[: data.draw(st.integers(0, log.stat().st_size), "log")]
        log.write_bytes(kept)
        idx.write_bytes(idx.read_bytes()[: data.draw(st.integers(0, idx.stat().st_size), "idx")])
        writer, reader = LogFileWriter(directory, "w-0", NO_LIMIT), LogFileReader(directory, "w-0")
        assert reader.read(0, NO_LIMIT) == kept
        for piece, at in moments(more):
            chunk = writer.append(piece, at + 1000)
            assert chunk is not None
            assert chunk[0] == kept.count(b"\n")
            assert chunk[2] == len(kept)
            kept += piece
        lines = kept.split(b"\n")[: None if kept and not kept.endswith(b"\n") else -1]
        assert reader.lines == len(lines)
        assert reader.read(0, NO_LIMIT) == kept
        assert [reader.offset_of(line) for line in range(len(lines))] == Told(kept, ()).begins
        stamps = reader.stamps(0, len(lines))
        assert len(stamps) == len(lines)
        assert list(stamps) == sorted(stamps)
        writer.close()
        reader.close()


@settings(max_examples=60, deadline=None)
@given(PIECES.filter(lambda pieces: len(pieces) > 2), st.data())
def test_a_damaged_index_costs_time_not_truth(pieces: list[tuple[bytes, int]], data: st.DataObject) -> None:
    """Bytes and line numbers are right whatever stands in the index; only times get coarser."""
    with tempfile.TemporaryDirectory() as directory:
        writer = LogFileWriter(directory, "w-0", NO_LIMIT)
        for piece, at in moments(pieces):
            writer.append(piece, at)
        writer.close()
        idx = Path(directory, "w-0.idx")
        raw = bytearray(idx.read_bytes())
        for place in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=40)):
            raw[place] ^= 0x55
        idx.write_bytes(raw)
        told, reader = Told.of(pieces), LogFileReader(directory, "w-0")
        assert [reader.offset_of(line) for line in range(len(told.begins))] == told.begins
        assert [reader.line_at(place) for place in told.begins] == list(range(len(told.begins)))
        stamps = reader.stamps(0, reader.lines)
        assert len(stamps) == len(told.times)
        assert list(stamps) == sorted(stamps)
        assert all(coarse <= true for coarse, true in zip(stamps, told.times, strict=True))
        reader.close()


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    """A reader may be there before the writer, and sees what comes."""
    reader = LogFileReader(tmp_path, "w-0")
    assert (reader.size, reader.lines, reader.read(0, 9), reader.stamps(0, 9), reader.trouble()) == (0, 0, b"", (), "")
    assert (reader.offset_of(3), reader.line_at(3), reader.since(1.0)) == (0, 0, 0)
    LogFileWriter(tmp_path, "w-0", NO_LIMIT).append(b"hello\n", 5.0)
    assert (reader.lines, reader.read(0, 9), reader.stamps(0, 9)) == (1, b"hello\n", (5.0,))


def test_a_closed_reader_opens_again(tmp_path: Path) -> None:
    """``close`` is no end: it only lets go of the files."""
    LogFileWriter(tmp_path, "w-0", NO_LIMIT).append(b"hello\n", 5.0)
    reader = LogFileReader(tmp_path, "w-0")
    assert reader.lines == 1
    reader.close()
    reader.close()
    assert reader.lines == 1


def test_times_never_go_back(tmp_path: Path) -> None:
    """A clock that is set back does not disorder a log."""
    writer = LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    for at in (5.0, 3.0, -1.0, 7.25):
        writer.append(b"x\n", at)
    assert LogFileReader(tmp_path, "w-0").stamps(0, 9) == (5.0, 5.0, 5.0, 7.25)


def test_a_time_reads_back_as_it_was(tmp_path: Path) -> None:
    """The clock's own numbers come back to the last bit, so ``since`` finds the line that had a time."""
    times = [1763891234.1234567, 1763891234.123457, 1763891234.999999, 1763891235.0]
    writer, reader = LogFileWriter(tmp_path, "w-0", NO_LIMIT), LogFileReader(tmp_path, "w-0")
    for at in times:
        writer.append(b"x\n", at)
    assert reader.stamps(0, 4) == tuple(times)
    assert [reader.since(at) for at in times] == [0, 1, 2, 3]


def test_the_limit_ends_the_log_at_a_whole_line(tmp_path: Path) -> None:
    """At its limit a log keeps whole lines, says so for good, and drops what comes later."""
    writer = LogFileWriter(tmp_path, "w-0", 10)
    assert writer.append(b"one\n", 1.0) == (0, 1, 0, 4)
    assert writer.append(b"two\nthree\nfour", 2.0) == (1, 1, 4, 8)
    assert "store.log_size" in writer.trouble
    assert writer.append(b"x\n", 3.0) is None
    reader = LogFileReader(tmp_path, "w-0")
    assert (reader.read(0, 99), reader.lines, reader.trouble()) == (b"one\ntwo\n", 2, writer.trouble)


def test_a_log_that_stopped_says_so_to_the_next_writers_readers(tmp_path: Path) -> None:
    """What was missing once stays said, though a later attempt writes again."""
    first = LogFileWriter(tmp_path, "w-0", 10)
    first.append(b"a line that is too long\n", 1.0)
    first.close()
    second = LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    second.mark(ATTEMPT, 2.0)
    second.append(b"more\n", 2.0)
    reader = LogFileReader(tmp_path, "w-0")
    assert "store.log_size" in reader.trouble()
    assert (reader.read(0, 99), second.trouble) == (b"more\n", "")


def test_a_new_attempt_begins_on_a_line_of_its_own(tmp_path: Path) -> None:
    """The half line that one attempt left is not glued to the next one's first, also when the writer is another."""
    writer = LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    writer.append(b"half", 1.0)
    writer.mark(ATTEMPT, 2.0)
    writer.close()
    writer = LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    assert writer.append(b"whole\n", 3.0) == (0, 2, 4, 11)
    reader = LogFileReader(tmp_path, "w-0")
    assert (reader.read(0, 99), reader.stamps(0, 9), reader.trouble()) == (b"half\nwhole\n", (1.0, 3.0), "")


def test_a_gap_is_trouble_and_names_its_line(tmp_path: Path) -> None:
    """Bytes that a target could not deliver are not passed over in silence."""
    writer = LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    writer.append(b"one\ntwo\n", 1.0)
    writer.mark(GAP, 2.0)
    writer.append(b"nine\n", 3.0)
    assert "after line 2" in LogFileReader(tmp_path, "w-0").trouble()


def test_a_closed_writer_drops_what_comes(tmp_path: Path) -> None:
    """After ``close`` nothing is written, and nothing raised."""
    writer = LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    writer.close()
    writer.close()
    assert writer.append(b"x\n", 1.0) is None
    assert (tmp_path / "w-0.log").read_bytes() == b""


def test_the_index_has_one_record_per_append(tmp_path: Path) -> None:
    """The index's cost is 32 bytes per write, whatever is written."""
    writer = LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    for _ in range(10):
        writer.append(b"x\n" * 1000, 1.0)
    assert (tmp_path / "w-0.idx").stat().st_size == 10 * RECORD


@pytest.mark.parametrize("name", ["w-0.log", "w-0.idx"])
def test_files_are_the_users_own(tmp_path: Path, name: str) -> None:
    """A log may hold what nobody else should read: mode 0600."""
    LogFileWriter(tmp_path, "w-0", NO_LIMIT)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
