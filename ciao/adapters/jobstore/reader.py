"""Reads one replica's log while it grows: a few small reads for any question, whatever its size.

Whatever is asked (a line, a byte, a time) is bisected in the index, and from the record found there
at most one write's worth of bytes is counted. Where the index is damaged or missing the answer is
counted from the nearest whole record before it: slower, and still right.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from ciao.adapters.jobstore.logfile import (
    CONTINUES,
    DATA,
    GAP,
    INCOMPLETE,
    RECORD,
    Record,
    blocks,
    last_record,
    nanoseconds,
    why,
)
from ciao.core.errors import StoreError
from ciao.core.ports import LogGap

P = ParamSpec("P")
T = TypeVar("T")

_START = Record(0, 0, 0, DATA)
_BATCH = 2048


def _translated(method: Callable[P, T]) -> Callable[P, T]:
    @wraps(method)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except OSError as error:
            raise StoreError(f"Cannot read the log {args[0]}: {error.strerror}") from error

    return inner


class LogFileReader:
    """Port ``LogReader``. A log that does not exist (yet) is empty; it appears when it is written.

    A line's time is that of its first byte, so that it never changes while the line grows.
    """

    def __init__(self, directory: Path | str, name: str) -> None:
        self._path, self._name = Path(directory), name
        self._log = self._idx = -1
        # From which record and how far newlines were counted, so that polling costs only what is new.
        self._counted = (_START, 0, 0)

    def __str__(self) -> str:
        return str(self._path / f"{self._name}.log")

    @property
    @_translated
    def size(self) -> int:
        """Bytes."""
        return self._size()

    @property
    @_translated
    def lines(self) -> int:
        """Whole lines and the unterminated last one, if there is one."""
        return self._lines(self._size())

    @_translated
    def read(self, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset``; b"" at the present end."""
        wanted = min(limit, self._size() - offset)
        return os.pread(self._log, wanted, offset) if wanted > 0 else b""

    @_translated
    def offset_of(self, line: int) -> int:
        """Where a line begins; the size for a line past the end."""
        size = self._size()
        if line <= 0 or not size:
            return 0
        # It begins behind the newline that ends line - 1, which is in the last record that begins so early.
        begin = self._at(self._bisect(lambda each: each.line < line, size))
        missing, offset = line - begin.line, begin.offset
        for piece in blocks(self._log, begin.offset, size):
            rest = piece.split(b"\n", missing)
            if len(rest) > missing:
                return offset + len(piece) - len(rest[-1])
            missing -= len(rest) - 1
            offset += len(piece)
        return size

    @_translated
    def line_at(self, offset: int) -> int:
        """Which line the byte at ``offset`` belongs to."""
        size = self._size()
        return self._newlines(min(offset, size), size)

    @_translated
    def since(self, at: float) -> int:
        """The first line that came at or after a time; the number of lines when there is none."""
        size, moment = self._size(), nanoseconds(at)
        index = self._bisect(lambda each: each.time < moment, size) + 1
        if moment <= 0:
            return 0
        if index >= self._count(size):
            return self._lines(size)
        return min(_first_line(self._at(index)), self._lines(size))

    @_translated
    def stamps(self, first: int, count: int) -> tuple[float, ...]:
        """Seconds since the epoch of lines ``first .. first + count``, as far as there are such."""
        size = self._size()
        first = max(0, first)
        end = min(first + count, self._lines(size))
        index = self._bisect(lambda each: _first_line(each) <= first, size)
        times: list[float] = []
        now = self._at(index).time / 10**9
        for record in self._records(index + 1, size):
            if first + len(times) >= end:
                break
            times += [now] * (min(_first_line(record), end) - first - len(times))
            now = record.time / 10**9
        times += [now] * (end - first - len(times))
        return tuple(times)

    @_translated
    def gaps(self, first: int, count: int) -> tuple[LogGap, ...]:
        """The gaps before lines ``first .. first + count``."""
        size = self._size()
        last = self._bisect(lambda each: _first_line(each) < first + count, size)
        if not self._at(last).kind & INCOMPLETE:
            return ()
        found: list[LogGap] = []
        begin = self._bisect(lambda each: _first_line(each) < first, size) + 1
        for record in self._records(begin, size):
            kind, line = record.kind & 0xFF, _first_line(record)
            if kind == DATA:
                found = [_closed(gap, record.time) for gap in found]
            elif kind == GAP and line < first + count:
                found.append(LogGap(line, record.time / 10**9, None))
            if line >= first + count and all(gap.before is not None for gap in found):
                break
        return tuple(found)

    @_translated
    def trouble(self) -> str:
        """Why the log is incomplete; empty when it is not."""
        size = self._size()
        if not self._at(self._count(size) - 1).kind & INCOMPLETE:
            return ""
        index = self._bisect(lambda each: not each.kind & INCOMPLETE, size) + 1
        found = self._at(index)
        if found.kind & 0xFF == GAP:
            return f"lines may be missing in the log of {self._name}, after line {_first_line(found):,}"
        return why(self._name, found.kind >> 16)

    def close(self) -> None:
        """Idempotent; a reader that is asked again opens its log again."""
        for descriptor in (self._log, self._idx):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._log = self._idx = -1

    # -- the log ---------------------------------------------------------------------------------

    def _opened(self) -> bool:
        if self._log < 0:
            with contextlib.suppress(FileNotFoundError):
                self._log = os.open(self._path / f"{self._name}.log", os.O_RDONLY | os.O_CLOEXEC)
        if self._idx < 0 and self._log >= 0:
            with contextlib.suppress(FileNotFoundError):
                self._idx = os.open(self._path / f"{self._name}.idx", os.O_RDONLY | os.O_CLOEXEC)
        return self._log >= 0

    def _size(self) -> int:
        return os.fstat(self._log).st_size if self._opened() else 0

    def _lines(self, size: int) -> int:
        ends = self._newlines(size, size)
        return ends + bool(size and os.pread(self._log, 1, size - 1) != b"\n")

    def _newlines(self, offset: int, size: int) -> int:
        """How many newlines there are before ``offset``."""
        begin = self._at(self._bisect(lambda each: each.offset <= offset, size))
        known, start, line = self._counted
        if known != begin or start > offset:
            start, line = begin.offset, begin.line
        line += sum(piece.count(b"\n") for piece in blocks(self._log, start, offset))
        self._counted = (begin, offset, line)
        return line

    # -- its index -------------------------------------------------------------------------------

    def _count(self, size: int) -> int:
        return last_record(self._idx, size)[0] if self._idx >= 0 else 0

    def _at(self, index: int) -> Record:
        """That record, or the nearest whole one before it."""
        while index >= 0 and self._idx >= 0:
            found = Record.unpack(os.pread(self._idx, RECORD, index * RECORD))
            if found is not None:
                return found
            index -= 1
        return _START

    def _bisect(self, before: Callable[[Record], bool], size: int) -> int:
        """The last record for which ``before`` holds (it holds for all of a beginning); -1: none."""
        low, high = 0, self._count(size)
        if high and before(self._at(high - 1)):
            return high - 1
        while low < high:
            middle = (low + high) // 2
            if before(self._at(middle)):
                low = middle + 1
            else:
                high = middle
        return low - 1

    def _records(self, index: int, size: int) -> Iterator[Record]:
        """All whole ones from ``index`` on."""
        index, count = max(0, index), self._count(size)
        while index < count:
            raw = os.pread(self._idx, min(_BATCH, count - index) * RECORD, index * RECORD)
            for place in range(0, len(raw), RECORD):
                found = Record.unpack(raw[place : place + RECORD])
                if found is not None:
                    yield found
            index += _BATCH


def _closed(gap: LogGap, time: int) -> LogGap:
    """A gap that bytes of this time (ns) follow."""
    return gap if gap.before is not None else LogGap(gap.line, gap.after, time / 10**9)


def _first_line(record: Record) -> int:
    """The first line that begins in a record."""
    return record.line + bool(record.kind & CONTINUES)
