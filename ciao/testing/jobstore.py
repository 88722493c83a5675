"""The contracts of ``JobStore``, ``LogWriter`` and ``LogReader`` as a test class.

class TestMyStore(JobStoreContract):
    def store(self): ...            # a fresh, empty one
    def again(self, store): ...     # another one over the same jobs, as another process would open it
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from attrs import evolve

from ciao.core.errors import NameInUseError, StoreError
from ciao.core.events import Outcome
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobRecord, JobStore, LogGap, LogReader, LogWriter

MASTER, WORKER = Replica("master", 0), Replica("worker", 0)


def a_record(name: str = "pytorch-aaaaa", created: float = 1000.0, uid: str = "uid-1") -> JobRecord:
    """A job that runs."""
    return JobRecord(
        handle=JobHandle("local", "", "", "LocalJob", name, uid),
        framework="pytorch",
        roles=(("master", 1), ("worker", 1)),
        created=created,
        source="%framework=pytorch\nprint('ä\\n')\n",
        label="Cell In [3]",
        digest="sha256:0",
        owner="kernel 7",
    )


def over(record: JobRecord) -> JobRecord:
    """The same job, ended well."""
    return evolve(record, ended=record.created + 5.0, outcome=Outcome.SUCCEEDED, summary="succeeded in 5.0 s")


class _StoreSuite:
    def store(self) -> JobStore:
        """A fresh, empty store."""
        raise NotImplementedError

    def again(self, store: JobStore) -> JobStore:
        """Another store over the same jobs."""
        raise NotImplementedError

    def with_job(self) -> tuple[JobStore, JobRecord]:
        store, record = self.store(), a_record()
        store.create(record)
        return store, record

    @contextmanager
    def log(self) -> Iterator[tuple[LogWriter, LogReader]]:
        """A writer, and a reader of the master's log, of one job."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer, closing(store.reader(record.handle, MASTER)) as reader:
            yield writer, reader


class _Records(_StoreSuite):
    def test_a_record_comes_back_as_it_was(self) -> None:
        """Every field of a record survives, for other processes too."""
        store, record = self.with_job()
        assert store.get("local", record.handle.name) == record
        assert self.again(store).get("local", record.handle.name) == record

    def test_what_never_was_is_none(self) -> None:
        """A name that the store does not know has no record; nor has the same name on another target."""
        store, record = self.with_job()
        assert store.get("local", "never-was") is None
        assert store.get("elsewhere", record.handle.name) is None

    def test_the_newest_is_first(self) -> None:
        """``list`` goes from the newest job to the oldest."""
        store = self.store()
        for name, created in (("middle", 2.0), ("newest", 3.0), ("oldest", 1.0)):
            store.create(a_record(name, created))
        assert [each.handle.name for each in store.list()] == ["newest", "middle", "oldest"]
        assert self.again(store).list() == store.list()

    def test_a_running_job_keeps_its_name(self) -> None:
        """A second job of the name is refused while the first has not ended, and the first is untouched."""
        store, record = self.with_job()
        with pytest.raises(NameInUseError, match=record.handle.name):
            store.create(a_record(created=2000.0, uid="uid-2"))
        assert store.list() == (record,)

    def test_an_ended_job_makes_way_with_its_logs(self) -> None:
        """The new job of the name begins with empty logs."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer:
            writer.append(MASTER, b"old\n", 1.0)
        store.update(over(record))
        new = a_record(created=2000.0, uid="uid-2")
        store.create(new)
        assert store.list() == (new,)
        with closing(store.reader(new.handle, MASTER)) as reader:
            assert (reader.size, reader.lines) == (0, 0)

    def test_an_update_is_seen_by_all(self) -> None:
        """A record that ended has ended for every reader."""
        store, record = self.with_job()
        store.update(over(record))
        assert self.again(store).get("local", record.handle.name) == over(record)

    def test_the_handle_may_come_later(self) -> None:
        """A record is made before the target has given its uid; an update by target and name brings it."""
        store, record = self.store(), a_record()
        store.create(evolve(record, handle=JobHandle("local", "", "", "", record.handle.name, "")))
        store.update(record)
        assert store.list() == (record,)

    def test_an_update_creates_nothing(self) -> None:
        """A job that was removed does not come back."""
        store, record = self.with_job()
        store.remove(record.handle)
        with suppress(StoreError):
            store.update(over(record))
        assert store.list() == ()

    def test_removing_takes_record_and_logs(self) -> None:
        """Afterwards the name is free, its log empty; removing again is no error."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer:
            writer.append(MASTER, b"old\n", 1.0)
        store.remove(record.handle)
        store.remove(record.handle)
        assert store.get("local", record.handle.name) is None
        store.create(record)
        with closing(store.reader(record.handle, MASTER)) as reader:
            assert reader.size == 0


class _Writing(_StoreSuite):
    def test_there_is_one_writer(self) -> None:
        """A second writer is refused while the first is open, from anywhere; then it goes on where that ended."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer:
            writer.append(MASTER, b"one\ntw", 1.0)
            for other in (store, self.again(store)):
                with pytest.raises(StoreError):
                    other.writer(record.handle)
        with closing(self.again(store).writer(record.handle)) as writer:
            assert writer.append(MASTER, b"o\n", 2.0) == (1, 1, 6, 8)

    def test_an_append_says_where_it_stands(self) -> None:
        """(first line, lines touched, offset, end), as in LogChunk; a partial line is continued."""
        with self.log() as (writer, _):
            assert writer.append(MASTER, b"one\ntw", 1.0) == (0, 2, 0, 6)
            assert writer.append(MASTER, b"o", 1.0) == (1, 1, 6, 7)
            assert writer.append(MASTER, b"\nthree\n", 1.0) == (1, 2, 7, 14)
            assert writer.append(MASTER, b"four\n", 1.0) == (3, 1, 14, 19)
            assert writer.trouble(MASTER) == ""

    def test_replicas_have_logs_of_their_own(self) -> None:
        """Bytes of one replica never stand in another's log."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer:
            writer.append(MASTER, b"master\n", 1.0)
            writer.append(WORKER, b"worker\n", 1.0)
        for replica in (MASTER, WORKER):
            with closing(store.reader(record.handle, replica)) as reader:
                assert reader.read(0, 100) == f"{replica.role}\n".encode()

    def test_bytes_stay_what_they_were(self) -> None:
        """No byte is changed: not NUL, not broken UTF-8, not a carriage return."""
        data = bytes(range(256)) + b"\r\n\x00"
        with self.log() as (writer, reader):
            writer.append(MASTER, data, 1.0)
            assert reader.read(0, 1000) == data


class _Reading(_StoreSuite):
    def test_a_log_that_has_not_begun_is_empty(self) -> None:
        """No bytes, no lines, no error."""
        with self.log() as (_, reader):
            assert (reader.size, reader.lines, reader.read(0, 10), reader.trouble()) == (0, 0, b"", "")
            assert (reader.offset_of(0), reader.since(0.0), reader.stamps(0, 0)) == (0, 0, ())

    def test_a_reader_sees_the_log_grow(self) -> None:
        """What was appended is there for a reader that was open before, and for one elsewhere."""
        store, record = self.with_job()
        with (
            closing(store.writer(record.handle)) as writer,
            closing(store.reader(record.handle, MASTER)) as near,
            closing(self.again(store).reader(record.handle, MASTER)) as far,
        ):
            for count, data in enumerate((b"one\n", b"two\n", b"three\n"), start=1):
                writer.append(MASTER, data, float(count))
                for reader in (near, far):
                    assert reader.lines == count
                    assert reader.read(reader.offset_of(count - 1), 100) == data

    def test_reads_are_bounded(self) -> None:
        """At most ``limit`` bytes, from the offset; nothing at the present end and past it."""
        with self.log() as (writer, reader):
            writer.append(MASTER, b"0123456789", 1.0)
            assert [reader.read(at, 4) for at in (0, 4, 8, 10, 99)] == [b"0123", b"4567", b"89", b"", b""]

    def test_lines_and_offsets_agree(self) -> None:
        """``offset_of`` and ``line_at`` are inverse, however the bytes came; an unterminated line counts."""
        text = b"".join(b"line %d" % n + b"x" * (n % 7) + b"\n" * (1 + n % 3) for n in range(200)) + b"tail"
        starts = [0, *(at + 1 for at, byte in enumerate(text) if byte == 10)]
        with self.log() as (writer, reader):
            for cut in range(0, len(text), 37):
                writer.append(MASTER, text[cut : cut + 37], 1.0)
            assert (reader.size, reader.lines) == (len(text), len(starts))
            assert [reader.offset_of(line) for line in range(reader.lines)] == starts
            assert [reader.line_at(at) for at in range(len(text))] == [
                text.count(b"\n", 0, at) for at in range(len(text))
            ]
            assert reader.offset_of(reader.lines + 5) == reader.size

    def test_every_line_has_its_time(self) -> None:
        """``stamps`` and ``since`` go by when lines came; a clock that goes back does not show."""
        with self.log() as (writer, reader):
            for at in (10.0, 20.0, 15.0, 30.0):
                writer.append(MASTER, b"a\nb\n", at)
            assert reader.stamps(0, 8) == (10.0, 10.0, 20.0, 20.0, 20.0, 20.0, 30.0, 30.0)
            assert reader.stamps(3, 2) == (20.0, 20.0)
            assert [reader.since(at) for at in (0.0, 10.0, 10.5, 20.0, 25.0, 31.0)] == [0, 0, 2, 2, 6, 8]

    def test_times_are_exact_enough(self) -> None:
        """A time is kept to the microsecond."""
        with self.log() as (writer, reader):
            writer.append(MASTER, b"a\n", 1_753_000_000.123456)
            (stamp,) = reader.stamps(0, 1)
            assert abs(stamp - 1_753_000_000.123456) <= 1e-6


class _Gaps(_StoreSuite):
    def test_a_gap_stands_between_two_lines(self) -> None:
        """With the times on both sides; no byte of the log is changed, and ``trouble`` says that it is incomplete."""
        with self.log() as (writer, reader):
            writer.append(MASTER, b"one\ntwo\n", 1.0)
            assert reader.gaps(0, 99) == ()
            writer.gap(MASTER, 2.0)
            assert reader.gaps(0, 99) == (LogGap(2, 2.0, None),)
            writer.append(MASTER, b"nine\n", 9.0)
            writer.append(MASTER, b"ten\n", 10.0)
            assert reader.gaps(0, 99) == (LogGap(2, 2.0, 9.0),)
            assert reader.read(0, 99) == b"one\ntwo\nnine\nten\n"
            assert "after line 2" in reader.trouble()
            assert writer.trouble(MASTER) == ""

    def test_gaps_are_asked_for_by_their_lines(self) -> None:
        """Those before lines ``first .. first + count``; the one at the end counts as before the next line."""
        with self.log() as (writer, reader):
            for number in range(6):
                writer.append(MASTER, b"%d\n" % number, float(number))
                if number % 2:
                    writer.gap(MASTER, float(number))
            every = reader.gaps(0, 7)
            assert every == (LogGap(2, 1.0, 2.0), LogGap(4, 3.0, 4.0), LogGap(6, 5.0, None))
            for first in range(8):
                for count in range(8 - first):
                    expected = tuple(gap for gap in every if first <= gap.line < first + count)
                    assert reader.gaps(first, count) == expected

    def test_a_gap_ends_a_line(self) -> None:
        """What comes behind it is another line's, for other writers too."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer:
            writer.append(MASTER, b"half", 1.0)
            writer.gap(MASTER, 2.0)
        with closing(self.again(store).writer(record.handle)) as writer:
            assert writer.append(MASTER, b"whole\n", 3.0) == (0, 2, 4, 11)
        with closing(store.reader(record.handle, MASTER)) as reader:
            assert reader.read(0, 99) == b"half\nwhole\n"
            assert reader.gaps(0, 9) == (LogGap(1, 2.0, 3.0),)

    def test_two_gaps_at_one_place_are_one(self) -> None:
        """Nothing lies between them."""
        with self.log() as (writer, reader):
            writer.gap(MASTER, 1.0)
            writer.gap(MASTER, 2.0)
            writer.append(MASTER, b"one\n", 3.0)
            assert reader.gaps(0, 9) == (LogGap(0, 1.0, 3.0),)


class _Marks(_StoreSuite):
    def test_a_mark_comes_back_with_the_size_of_then(self) -> None:
        """The last one, whatever was appended since, to whoever writes next."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer:
            assert writer.kept(MASTER) == ("", 0)
            for number, mark in enumerate(("here", "ä" * 1000, "", "z" * 60_000, "there")):
                writer.append(MASTER, b"x\n", 1.0)
                writer.keep(MASTER, mark)
                assert writer.kept(MASTER) == (mark, 2 * number + 2)
            writer.append(MASTER, b"and more\n", 1.0)
            assert writer.kept(WORKER) == ("", 0)
        with closing(self.again(store).writer(record.handle)) as writer:
            assert writer.kept(MASTER) == ("there", 10)
            assert writer.size(MASTER) == 19
            assert writer.read(MASTER, 10, 3) == b"and"
            assert writer.read(MASTER, 19, 3) == writer.read(WORKER, 0, 3) == b""

    def test_a_new_job_of_the_name_has_no_mark(self) -> None:
        """Nor has one that was removed."""
        store, record = self.with_job()
        with closing(store.writer(record.handle)) as writer:
            writer.keep(MASTER, "old")
        store.update(over(record))
        new = a_record(created=2000.0, uid="uid-2")
        store.create(new)
        with closing(store.writer(new.handle)) as writer:
            assert writer.kept(MASTER) == ("", 0)
            writer.keep(MASTER, "newer")
        store.remove(new.handle)
        store.create(new)
        with closing(store.writer(new.handle)) as writer:
            assert writer.kept(MASTER) == ("", 0)


class JobStoreContract(_Records, _Writing, _Reading, _Gaps, _Marks):
    """Every promise of ``JobStore`` that can be checked anywhere. A subclass supplies ``store`` and ``again``."""
