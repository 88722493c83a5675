"""A job's logs as another process writes them."""

from __future__ import annotations

import asyncio

from ciao.adapters.kubeflow.logs.logtail import LogTail
from ciao.adapters.memory.jobstore import MemoryJobStore, MemoryLog
from ciao.core.errors import StoreError
from ciao.core.events import LogChunk, LogTrouble, Observation
from ciao.core.model import JobHandle, Replica
from ciao.testing.jobstore import MASTER, WORKER, a_record

from .virtualtime import now, play

HANDLE = a_record().handle


class Moody(MemoryJobStore):
    """Its logs cannot be read while ``mood`` says why."""

    mood = ""

    def reader(self, handle: JobHandle, replica: Replica) -> MemoryLog:
        if self.mood:
            raise StoreError(self.mood)
        return super().reader(handle, replica)


class Desk:
    """A store that somebody else writes, and what the tail tells of it."""

    def __init__(self, *, log_size: int | None = None, **offsets: int) -> None:
        self.store = Moody(log_size=log_size)
        self.store.create(a_record())
        self.writer = self.store.writer(HANDLE)
        self.told: list[Observation] = []
        self.tail = self.follow({Replica(role, 0): size for role, size in (offsets or {"master": 0}).items()})

    def follow(self, offsets: dict[Replica, int]) -> LogTail:
        return LogTail(self.store, HANDLE, offsets, self.told.append, lambda: 7.0)

    def text(self, replica: Replica = MASTER) -> bytes:
        """What was told of a log, which must be contiguous."""
        chunks = [each for each in self.told if isinstance(each, LogChunk) and each.replica == replica]
        assert [each.offset for each in chunks[1:]] == [each.end for each in chunks[:-1]]
        log = self.store.reader(HANDLE, replica)
        return b"".join(log.read(each.offset, each.end - each.offset) for each in chunks)

    @property
    def troubles(self) -> list[str]:
        return [each.message for each in self.told if isinstance(each, LogTrouble)]


def test_what_has_grown_is_told_once() -> None:
    """One chunk for all that came since the last look; nothing while nothing comes."""
    desk = Desk()
    desk.tail.look()
    desk.writer.append(MASTER, b"one\n", 1.0)
    desk.writer.append(MASTER, b"two\nthree\n", 2.0)
    desk.tail.look()
    desk.tail.look()
    assert desk.told == [LogChunk(MASTER, 0, 3, 0, 14)]


def test_a_line_that_goes_on_is_told_where_it_goes_on() -> None:
    """Half a line is told; the chunk with its rest begins in that line."""
    desk = Desk()
    desk.writer.append(MASTER, b"one\ntw", 1.0)
    desk.tail.look()
    desk.writer.append(MASTER, b"o\nthree\n", 2.0)
    desk.tail.look()
    assert desk.told == [LogChunk(MASTER, 0, 2, 0, 6), LogChunk(MASTER, 1, 2, 6, 14)]


def test_it_goes_on_where_the_log_was_told() -> None:
    """Each replica has its own place; a log without one is not followed."""
    desk = Desk(master=4)
    desk.writer.append(MASTER, b"one\n", 1.0)
    desk.writer.append(WORKER, b"w\n", 1.0)
    desk.tail.look()
    assert desk.told == []
    desk.writer.append(MASTER, b"two\n", 2.0)
    desk.tail.look()
    assert desk.told == [LogChunk(MASTER, 1, 1, 4, 8)]
    assert desk.tail.offsets == {MASTER: 8}


def test_a_gap_is_told_once() -> None:
    """That lines may be missing, and where."""
    desk = Desk()
    desk.writer.append(MASTER, b"one\n", 1.0)
    desk.writer.gap(MASTER, 1.0)
    desk.writer.append(MASTER, b"two\n", 2.0)
    desk.tail.look()
    desk.tail.look()
    assert desk.told[1:] == [LogTrouble(MASTER, "lines may be missing in this log, after line 1", 7.0)]


def test_a_full_log_is_told_once() -> None:
    """With what there still was."""
    desk = Desk(log_size=6)
    for _ in range(3):
        desk.writer.append(MASTER, b"one\n", 1.0)
        desk.tail.look()
    assert (desk.text(), len(desk.troubles)) == (b"one\n", 1)
    assert "reached its limit" in desk.troubles[0]


def test_a_log_that_cannot_be_read_is_told_and_read_later() -> None:
    """Too many open files, say: the others are told meanwhile, and nothing is lost."""
    desk = Desk(master=0, worker=0)
    desk.writer.append(MASTER, b"one\n", 1.0)
    desk.tail.look()
    desk.store.mood = "Cannot read the log: Too many open files"
    desk.writer.append(MASTER, b"two\n", 1.0)
    desk.tail.look()
    desk.tail.look()
    desk.store.mood = ""
    desk.tail.look()
    desk.store.mood = "Cannot read the log: Too many open files"
    desk.tail.look()
    desk.store.mood = ""
    assert desk.text() == b"one\ntwo\n"
    assert desk.troubles == ["Cannot read the log: Too many open files"] * 2  # one for each replica


def test_it_looks_until_it_is_finished_and_then_once_more() -> None:
    """A line is told within a tenth of a second; what was written before ``finish`` is told all the same."""

    async def story() -> None:
        desk = Desk()
        run = asyncio.ensure_future(desk.tail.run())
        await asyncio.sleep(60)
        desk.writer.append(MASTER, b"one\n", 1.0)
        await asyncio.sleep(0.1001)
        assert desk.text() == b"one\n"
        desk.writer.append(MASTER, b"two\n", 2.0)
        desk.tail.finish()
        before = now()
        await run
        assert (desk.text(), now() - before <= 0.1) == (b"one\ntwo\n", True)

    play(story())
