"""Everything of a job that is a child of the supervisor, and making sure that none of it stays.

As a subreaper (Linux) the supervisor inherits what its replicas left behind, also daemons with sessions
of their own. So a replica's processes are found without guessing: its process group, and orphans with
its mark in their environment. At the job's end every child that is left is the job's.
Where there is no subreaper (macOS) the process group is all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import FrameType

from ciao.adapters.local.supervisor import processes
from ciao.adapters.local.supervisor.child import Child

_LAST = 5.0
"""Seconds to wait for killed processes: one in an uninterruptible system call may take its time."""
_WAITID = hasattr(os, "waitid")
"""To see who has ended before it is reaped; on macOS since Python 3.13."""
_reaped: dict[int, int] = {}


class Reaper:
    """``adopted``: orphans that are children now -> the replica they came from ("" when they hide it)."""

    def __init__(self, children: dict[str, Child]) -> None:
        self._children = children
        self._by_pid = {child.pid: child for child in children.values()}
        self.adopted: dict[int, str] = {}

    def reap(self) -> list[Child]:
        """Takes the exit status of everything that has ended; the replicas among it."""
        ended, any_ended = [], False
        while (pid := _next_ended()) is not None:
            any_ended = True
            child = self._by_pid.pop(pid, None)
            if child is None:
                self.adopted.pop(pid, None)
                _reap(pid)
                continue
            # While its zombie is there, its number cannot be anybody else's group.
            child.kill_group()
            child.status = _reap(pid)
            ended.append(child)
        if any_ended:
            self.end_orphans()
        return ended

    def end_orphans(self) -> None:
        """Kills those whose replica is over. What they had forked comes here then, and is met by the next call."""
        for pid in processes.children(os.getpid()):
            if pid in self._by_pid:
                continue
            if pid not in self.adopted:
                self.adopted[pid] = processes.marks(pid)[1]
            owner = self._children.get(self.adopted[pid])
            if owner is not None and owner.status is not None:
                _kill(pid)

    def end_everything(self) -> None:
        """Kills and reaps until there is no child left, for at most ``_LAST`` seconds."""
        until, pause = time.monotonic() + _LAST, 0.0005
        for child in self._by_pid.values():
            child.signal(signal.SIGKILL)
        while time.monotonic() < until:
            for pid in processes.children(os.getpid()):
                _kill(pid)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(pause)
            pause = min(0.02, pause * 2)


def wake_on_signals() -> int:
    """A descriptor on which the numbers of SIGCHLD, SIGTERM and SIGHUP arrive, one byte each."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _noted)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return read


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor has told already."""


def _next_ended() -> int | None:
    """The pid of a child that has ended and is not reaped yet; None: there is none now."""
    try:
        if _WAITID:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return found.si_pid if found is not None else None
        pid, _reaped[pid] = os.waitpid(-1, os.WNOHANG)
        return pid or None
    except ChildProcessError:
        return None


def _reap(pid: int) -> int:
    return os.waitpid(pid, 0)[1] if _WAITID else _reaped.pop(pid)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
