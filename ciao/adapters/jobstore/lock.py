"""Who writes a job's logs: the one process that holds the job's ``lock`` (flock).

The kernel of the operating system lets go of it when that process ends, however it ends, so a lock
tells also whether a job on this machine is alive. Standard library only: supervisors run this.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TRIES, _PAUSE = 25, 0.01


class JobLock:
    """``<directory>/lock``. Children do not inherit it (close-on-exec); its text says who took it."""

    def __init__(self, directory: Path | str, name: str = "lock") -> None:
        self._path = f"{os.fspath(directory)}/{name}"
        self._descriptor = -1

    def take(self) -> bool:
        """Take it, or False when another process has it. OSError when the directory cannot be used.

        Tries for a quarter of a second: ``held`` of other processes takes it for an instant.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for left in reversed(range(_TRIES)):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if left:
                        time.sleep(_PAUSE)
                    continue
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()} {os.uname().nodename}\n".encode(), 0)
                self._descriptor, descriptor = descriptor, -1
                return True
            return False
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def release(self) -> None:
        """Idempotent; the end of the process does the same."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def held(self) -> bool:
        """Some process, perhaps this one, has it. False also when there is no lock at all."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> tuple[int, str] | None:
        """Process id and host name of who took it last; None when nobody ever did."""
        try:
            with open(self._path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - see the module's docstring
                pid, _, host = file.read(300).strip().partition(" ")
        except OSError:
            return None
        return (int(pid), host) if pid.isdecimal() and host else None
