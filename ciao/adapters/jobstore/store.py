"""Port ``JobStore`` on disk: ``<root>/<target>/<job>/``, the user's own (mode 0700, files 0600).

A job appears, is replaced and disappears by one ``rename`` of its directory, under a lock of its target, so
that no reader ever sees half of one. Who writes a job's logs holds the job's own lock for as
long (``lock.py``), and so tells everybody that the job is alive.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from ciao.adapters.jobstore import retention
from ciao.adapters.jobstore.lock import JobLock
from ciao.adapters.jobstore.reader import LogFileReader
from ciao.adapters.jobstore.records import RECORD_FILE, read, write
from ciao.adapters.jobstore.retention import ASIDE, NEW, SIZE_FILE
from ciao.adapters.jobstore.writer import DiskLogWriter
from ciao.core.errors import NameInUseError, StoreError
from ciao.core.model import JobHandle, Replica
from ciao.core.ports import Clock, JobRecord, LogReader, LogWriter

LOCAL_KIND = "LocalJob"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_BIRTH = 5.0
"""Seconds that a job has from its record's last change until its supervisor holds the lock."""


class DiskJobStore:
    """Jobs below ``root``; ``size`` (bytes, all jobs) and ``age`` (seconds) bound what is kept of ended ones.

    ``log_size`` (bytes) bounds one replica's log. Nothing is written before the first ``create``.
    """

    def __init__(self, root: Path | str, *, size: int, age: float, log_size: int, clock: Clock) -> None:
        self._root = Path(root).expanduser()
        self._size, self._age, self._log_size, self._clock = size, age, log_size, clock

    @property
    def root(self) -> Path:
        """Where all jobs are."""
        return self._root

    def directory(self, handle: JobHandle) -> Path:
        """Where a job is kept; StoreError for a name that could lead elsewhere."""
        return self._place(handle.target, handle.name)

    def alive(self, handle: JobHandle) -> bool:
        """Some process writes the job's logs: on this machine, the job runs."""
        return JobLock(self.directory(handle)).held()

    def create(self, record: JobRecord) -> None:
        """As the port says; then ended jobs are deleted, oldest first, until the store is within its bounds."""
        job = self.directory(record.handle)
        with self._writing():
            self._make(job.parent)
            made = job.parent / f"{NEW}{job.name}-{secrets.token_hex(4)}"
            try:
                (made / "logs").mkdir(mode=0o700, parents=True)
                made.chmod(0o700)
                write(made, record)
                old = self._put(made, job)
            except BaseException:
                retention.delete(made)
                raise
        retention.delete(old)
        self._prune(keep=job)

    def update(self, record: JobRecord) -> None:
        """Does nothing for a job that is gone or that another of its name replaced."""
        job = self.directory(record.handle)
        if not job.is_dir():
            return
        with self._writing():
            with self._locked(job.parent):
                known = read(job)
                if known is None or known.created != record.created:
                    return
                write(job, record)
            if record.ended is not None:
                retention.note_size(job, record.ended)

    def get(self, target: str, name: str) -> JobRecord | None:
        """None for an impossible name too."""
        return read(self._root / target / name) if _NAME.fullmatch(target) and _NAME.fullmatch(name) else None

    def list(self) -> tuple[JobRecord, ...]:
        """Newest first."""
        found = (read(job) for job in retention.jobs(self._root))
        return tuple(
            sorted(filter(None, found), key=lambda each: (-each.created, each.handle.target, each.handle.name))
        )

    def writer(self, handle: JobHandle) -> LogWriter:
        """StoreError also for a job that has no record."""
        job = self.directory(handle)
        lock = JobLock(job)
        with self._writing():
            if not (job / RECORD_FILE).is_file():
                raise StoreError(f"The job store {self._root} has no job {handle.name}")
            if not lock.take():
                pid, host = lock.holder() or (0, "this machine")
                raise StoreError(f"The logs of {handle.name} are being written by process {pid} on {host}")
            (job / SIZE_FILE).unlink(missing_ok=True)
        return DiskLogWriter(job / "logs", self._log_size, lock)

    def reader(self, handle: JobHandle, replica: Replica) -> LogReader:
        """An empty log for what has none."""
        return LogFileReader(self.directory(handle) / "logs", str(replica))

    def remove(self, handle: JobHandle) -> None:
        """Whether it runs is not asked."""
        job = self.directory(handle)
        if job.is_dir():
            with self._writing(), self._locked(job.parent):
                gone = _aside(job)
            retention.delete(gone)

    # -- the steps of create -----------------------------------------------------------------------

    def _put(self, made: Path, job: Path) -> Path:
        """Rename ``made`` to ``job``; what was there stands aside, at the path that is returned."""
        with self._locked(job.parent):
            if job.exists():
                self._refuse_running(job)
            old = _aside(job)
            made.rename(job)
            return old

    def _refuse_running(self, job: Path) -> None:
        record = read(job)
        if record is not None and record.ended is not None:
            # Its supervisor has still to let go, which takes it milliseconds.
            lock = JobLock(job)
            if not lock.take():
                raise NameInUseError(f"A job named {job.name} is just being cleaned up", hint="Try again in a moment.")
            lock.release()
        elif self._runs(job, record):
            hint = f"Stop it (%stop {job.name}), watch it (%attach {job.name}), or choose another %name."
            raise NameInUseError(f"A job named {job.name} still runs", hint=hint)

    def _runs(self, job: Path, record: JobRecord | None) -> bool:
        """Of a job whose record does not say that it ended. Elsewhere than here only its target could tell."""
        lock = JobLock(job)
        if lock.held() or (record is not None and record.handle.kind not in ("", LOCAL_KIND)):
            return True
        holder = lock.holder()
        if holder is not None and holder[1] != os.uname().nodename:
            return True  # a home directory that machines share; not every such disk carries locks between them
        return self._clock.now() - (job / RECORD_FILE).stat().st_mtime < _BIRTH

    def _prune(self, keep: Path) -> None:
        """Never in the way of a new job: what cannot be deleted stays."""
        with contextlib.suppress(OSError, StoreError):
            now = self._clock.now()
            known = retention.kept_jobs(self._root, lambda job: self._runs(job, read(job)))
            kept = [each for each in known if each.path != keep]
            gone = list(retention.leftovers(self._root, now))
            for job in retention.too_much(kept, self._size, self._age, now):
                with self._locked(job.parent):
                    if (job / SIZE_FILE).is_file() and not JobLock(job).held():
                        gone.append(_aside(job))
            for path in gone:
                retention.delete(path)

    # -- the ground --------------------------------------------------------------------------------

    def _place(self, target: str, name: str) -> Path:
        for each in (target, name):
            if not _NAME.fullmatch(each):
                raise StoreError(f"{each!r} cannot be a name in the job store: letters, digits, '-', '_', '.' only")
        return self._root / target / name

    def _make(self, target: Path) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def _locked(self, target: Path) -> Iterator[None]:
        """One process at a time changes what jobs a target has."""
        lock = JobLock(target, ".lock")
        if not any(lock.take() for _ in range(20)):
            pid, host = lock.holder() or (0, "this machine")
            raise StoreError(f"The job store {self._root} is held by process {pid} on {host}, which does not let go")
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The job store {self._root} cannot be written: {error.strerror or error}.\n"
                "Make room or permit writing there, or choose another directory: %ciao config store.path=DIRECTORY"
            ) from error


def _aside(job: Path) -> Path:
    """Out of the way, at once; where to delete it from. Nothing happens when there is nothing."""
    gone = job.parent / f"{ASIDE}{job.name}-{secrets.token_hex(4)}"
    with contextlib.suppress(FileNotFoundError):
        job.rename(gone)
    return gone
