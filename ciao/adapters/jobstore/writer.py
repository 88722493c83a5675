"""The one writer of a job's logs in this process: a file per replica, all under the job's lock."""

from __future__ import annotations

from pathlib import Path

from ciao.adapters.jobstore.lock import JobLock
from ciao.adapters.jobstore.logfile import ATTEMPT, GAP, LogFileWriter
from ciao.adapters.jobstore.marks import MarkFile
from ciao.core.model import Replica


class DiskLogWriter:
    """Port ``LogWriter``. ``lock`` is taken already, and released by ``close``."""

    def __init__(self, logs: Path, limit: int, lock: JobLock) -> None:
        self._logs, self._limit, self._lock = logs, limit, lock
        self._files: dict[Replica, LogFileWriter] = {}
        self._marks: dict[Replica, MarkFile] = {}
        self._closed = False

    def append(self, replica: Replica, data: bytes, at: float) -> tuple[int, int, int, int] | None:
        """As ``LogFileWriter.append``."""
        return self._file(replica).append(data, at)

    def trouble(self, replica: Replica) -> str:
        """Why bytes of this replica are dropped; empty when they are not."""
        found = self._files.get(replica)
        return found.trouble if found is not None else ""

    def gap(self, replica: Replica, at: float) -> None:
        """As ``LogFileWriter.mark``; two at one place are one."""
        self._file(replica).mark(GAP, at)

    def attempt(self, replica: Replica, at: float) -> None:
        """What follows is of the job's next attempt."""
        self._file(replica).mark(ATTEMPT, at)

    def keep(self, replica: Replica, mark: str) -> None:
        """As ``MarkFile.keep``."""
        size = self._file(replica).size
        if not self._closed:
            self._mark(replica).keep(mark, size)

    def kept(self, replica: Replica) -> tuple[str, int]:
        """As ``MarkFile.kept``."""
        return self._mark(replica).kept

    def size(self, replica: Replica) -> int:
        """Bytes."""
        return self._file(replica).size

    def read(self, replica: Replica, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes from ``offset``."""
        return self._file(replica).read(offset, limit)

    def close(self) -> None:
        """Idempotent."""
        self._closed = True
        for file in self._files.values():
            file.close()
        self._lock.release()

    def _mark(self, replica: Replica) -> MarkFile:
        if replica not in self._marks:
            self._marks[replica] = MarkFile(self._logs, str(replica))
        return self._marks[replica]

    def _file(self, replica: Replica) -> LogFileWriter:
        if replica not in self._files:
            self._files[replica] = LogFileWriter(self._logs, str(replica), self._limit)
            if self._closed:
                self._files[replica].close()
        return self._files[replica]
