"""Keeps the store within its bounds: ended jobs go, the oldest first.

A job that has ended has a file ``size`` (when it ended, and its bytes), so that looking at a job costs
one small read. Only directories that hold a ``record.json`` are ever touched: a store may have been
put, by mistake, where other things lie.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from ciao.adapters.jobstore.records import RECORD_FILE, read

SIZE_FILE = "size"
ASIDE = ".old-"
"""Beginning of the name of a directory that was moved out of the way, and is only to be deleted."""
NEW = ".new-"
"""Beginning of the name of a directory that is being made."""
_LEFTOVER_AGE = 3600.0


@frozen
class Kept:
    """One job's directory. ``ended`` in seconds since the epoch, None while it runs; ``size`` in bytes."""

    path: Path
    size: int
    ended: float | None


def jobs(root: Path) -> Iterator[Path]:
    """Every job's directory, in no order."""
    for target in _directories(root):
        for job in _directories(target):
            if (job / RECORD_FILE).is_file():
                yield job


def kept_jobs(root: Path, alive: Callable[[Path], bool]) -> Iterator[Kept]:
    """All jobs; ``alive`` is asked only of those whose record does not say that they ended."""
    for target in _directories(root):
        for job in _directories(target):
            kept = _remembered(job)
            if kept is not None:
                yield kept
            elif (job / RECORD_FILE).is_file():
                yield _looked_at(job, alive)


def leftovers(root: Path, now: float) -> Iterator[Path]:
    """What a process that was killed had not yet deleted, or not yet finished."""
    for target in _directories(root):
        with contextlib.suppress(OSError):
            for each in target.iterdir():
                if each.name.startswith((ASIDE, NEW)) and now - each.stat().st_mtime > _LEFTOVER_AGE:
                    yield each


def note_size(job: Path, ended: float) -> Kept:
    """Measure a job that has ended, and remember it. Not being able to remember is no fault."""
    kept = Kept(job, _bytes(job), ended)
    with contextlib.suppress(OSError):
        (job / SIZE_FILE).write_text(f"{ended!r} {kept.size}\n", "ascii")
        (job / SIZE_FILE).chmod(0o600)
    return kept


def too_much(kept: list[Kept], size: int, age: float, now: float) -> list[Path]:
    """Which ended jobs go, oldest first: those past ``age`` seconds, then until all are within ``size`` bytes."""
    total = sum(each.size for each in kept)
    gone = []
    for ended, job in sorted(((each.ended, each) for each in kept if each.ended is not None), key=lambda pair: pair[0]):
        if now - ended > age or total > size:
            gone.append(job.path)
            total -= job.size
    return gone


def delete(path: Path) -> None:
    """All of a directory that was moved aside; what cannot be deleted now is a leftover for later."""
    shutil.rmtree(path, ignore_errors=True)


def _remembered(job: Path) -> Kept | None:
    """What ``note_size`` wrote. Without pathlib or a file object: this is done for every job there is."""
    try:
        descriptor = os.open(f"{job}/{SIZE_FILE}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        ended, size = os.read(descriptor, 100).split()
        return Kept(job, int(size), float(ended))
    except ValueError:
        return None
    finally:
        os.close(descriptor)


def _looked_at(job: Path, alive: Callable[[Path], bool]) -> Kept:
    record = read(job)
    if record is not None and record.ended is not None:
        return note_size(job, record.ended)
    if alive(job):
        return Kept(job, _bytes(job), None)
    # It crashed, or its record is damaged: it ended, at the latest when its record was last written.
    return note_size(job, (job / RECORD_FILE).stat().st_mtime)


def _directories(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return [
                Path(each.path)
                for each in entries
                if not each.name.startswith(".") and each.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []


def _bytes(path: Path) -> int:
    """On disk, as ``du`` counts."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        for each in entries:
            if each.is_dir(follow_symlinks=False):
                total += _bytes(Path(each.path))
            else:
                total += each.stat(follow_symlinks=False).st_blocks * 512
    return total
