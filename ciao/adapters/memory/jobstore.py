"""Jobs and their logs in memory: the port ``JobStore``, for tests and for programs that keep nothing."""

from __future__ import annotations

import bisect
from collections.abc import Callable

from ciao.core.errors import NameInUseError, StoreError
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import JobRecord, LogGap

Key = tuple[str, str]


class MemoryLog:
    """One replica's log; implements ``ports.LogReader``."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._starts: list[int] = []
        self._stamps: list[float] = []
        self._gaps: list[tuple[int, float]] = []
        self._break = False
        self.mark = ("", 0)
        self.why = ""

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def lines(self) -> int:
        return len(self._starts)

    def append(self, data: bytes, at: float) -> tuple[int, int, int, int]:
        """(first line, lines touched, offset, end)."""
        if self._break:
            data = b"\n" + data
        self._break = False
        offset = len(self._data)
        continued = bool(self._data) and not self._data.endswith(b"\n")
        first = self.lines - continued
        starts = [] if continued else [offset]
        starts += [offset + n + 1 for n, byte in enumerate(data[:-1]) if byte == 10]
        self._starts += starts
        self._stamps += [max(at, self._stamps[-1] if self._stamps else at)] * len(starts)
        self._data += data
        return first, self.lines - first, offset, len(self._data)

    def gap(self, at: float) -> None:
        """Bytes may be missing here."""
        self._break = bool(self._data) and not self._data.endswith(b"\n")
        if not self._gaps or self._gaps[-1][0] != self.lines:
            self._gaps.append((self.lines, max(at, self._stamps[-1] if self._stamps else at)))

    def gaps(self, first: int, count: int) -> tuple[LogGap, ...]:
        return tuple(
            LogGap(line, after, self._stamps[line] if line < self.lines else None)
            for line, after in self._gaps
            if first <= line < first + count
        )

    def read(self, offset: int, limit: int) -> bytes:
        return bytes(self._data[offset : offset + limit])

    def offset_of(self, line: int) -> int:
        return self._starts[line] if line < self.lines else self.size

    def line_at(self, offset: int) -> int:
        return max(0, bisect.bisect_right(self._starts, offset) - 1)

    def since(self, at: float) -> int:
        return bisect.bisect_left(self._stamps, at)

    def stamps(self, first: int, count: int) -> tuple[float, ...]:
        return tuple(self._stamps[first : first + count])

    def trouble(self) -> str:
        if self._gaps and not self.why:
            return f"lines may be missing in this log, after line {self._gaps[0][0]:,}"
        return self.why

    def close(self) -> None:
        """Nothing to release."""


class MemoryLogWriter:
    """The one writer of a job's logs. ``limit`` bytes per log, then it is dropped with a reason."""

    def __init__(self, log: Callable[[Replica], MemoryLog], limit: int | None, release: Callable[[], None]) -> None:
        self._log, self._limit, self.close = log, limit, release

    def append(self, replica: Replica, data: bytes, at: float) -> tuple[int, int, int, int] | None:
        log = self._log(replica)
        if self._limit is not None and log.size + len(data) > self._limit:
            log.why = log.why or f"the log of {replica} has reached its limit of {self._limit} bytes"
        return None if log.why else log.append(data, at)

    def gap(self, replica: Replica, at: float) -> None:
        self._log(replica).gap(at)

    def keep(self, replica: Replica, mark: str) -> None:
        self._log(replica).mark = (mark, self._log(replica).size)

    def kept(self, replica: Replica) -> tuple[str, int]:
        return self._log(replica).mark

    def size(self, replica: Replica) -> int:
        return self._log(replica).size

    def read(self, replica: Replica, offset: int, limit: int) -> bytes:
        return self._log(replica).read(offset, limit)

    def trouble(self, replica: Replica) -> str:
        return self._log(replica).why


class MemoryJobStore:
    """Implements ``ports.JobStore``. Two stores over one ``shelf`` are as two processes over one disk.

    Set ``broken`` to have every write refused, as by a disk that is read-only.
    """

    def __init__(self, shelf: MemoryJobStore | None = None, *, log_size: int | None = None) -> None:
        self._records: dict[Key, JobRecord] = shelf._records if shelf else {}
        self._logs: dict[Key, dict[Replica, MemoryLog]] = shelf._logs if shelf else {}
        self._writing: set[Key] = shelf._writing if shelf else set()
        self._log_size = log_size
        self.broken = ""

    def create(self, record: JobRecord) -> None:
        self._writable()
        key = _key(record.handle)
        known = self._records.get(key)
        if known is not None and known.ended is None:
            raise NameInUseError(f"A job named {record.handle.name} still runs")
        self._records[key] = record
        self._logs[key] = {}

    def update(self, record: JobRecord) -> None:
        self._writable()
        known = self._records.get(_key(record.handle))
        if known is not None and known.created == record.created:
            self._records[_key(record.handle)] = record

    def get(self, target: str, name: str) -> JobRecord | None:
        return self._records.get((target, name))

    def list(self) -> tuple[JobRecord, ...]:
        return tuple(sorted(self._records.values(), key=lambda each: -each.created))

    def writer(self, handle: JobHandle) -> MemoryLogWriter:
        key = _key(handle)
        if key not in self._records:
            raise StoreError(f"The job store has no job {handle.name}")
        if key in self._writing:
            raise StoreError(f"The logs of {handle.name} are being written by somebody else")
        self._writing.add(key)
        return MemoryLogWriter(
            lambda replica: self._log(key, replica), self._log_size, lambda: self._writing.discard(key)
        )

    def reader(self, handle: JobHandle, replica: Replica) -> MemoryLog:
        return self._log(_key(handle), replica)

    def remove(self, handle: JobHandle) -> None:
        self._records.pop(_key(handle), None)
        self._logs.pop(_key(handle), None)

    def _log(self, key: Key, replica: Replica) -> MemoryLog:
        return self._logs.setdefault(key, {}).setdefault(replica, MemoryLog())

    def _writable(self) -> None:
        if self.broken:
            raise StoreError(self.broken)


def _key(handle: JobHandle) -> Key:
    return handle.target, handle.name
