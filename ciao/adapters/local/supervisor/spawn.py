"""Starting one replica: fork, a session of its own, limits, exec.

Not ``subprocess``: that costs the supervisor 15 ms at its start, and between fork and exec there is
more to do than it offers. The supervisor has one thread, so code may run in the forked child.
Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Mapping, Sequence

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_F_SETPIPE_SZ = 1031
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ", "SIGXFZ")

_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def become_subreaper() -> bool:
    """Orphans below this process become its children from now on (Linux); False where there is no such thing."""
    return _libc is not None and _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def open_pipe(capacity: int) -> tuple[int, int]:
    """(read end, write end), both close-on-exec, the read end non-blocking; ``capacity`` in bytes is a wish."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    _widen(read, capacity)
    return read, write


def open_fifo(path: str, capacity: int) -> int:
    """The read end of a new named pipe. Open for writing too, so that it never is at its end between writers."""
    os.mkfifo(path, 0o600)
    pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    _widen(pipe, capacity)
    return pipe


def _widen(pipe: int, capacity: int) -> None:
    if LINUX:
        # Over the user's allowance (pipe-user-pages-soft) it keeps what it has.
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, _F_SETPIPE_SZ, capacity)


def start(
    argv: list[str],
    environment: Mapping[str, str],
    directory: str,
    output: int,
    errors: int,
    *,
    tag: str,
    cgroups: Sequence[str] = (),
) -> int:
    """The pid of a process that writes into ``output`` and leads a session of its own.

    It dies with this process, even when this one is killed (Linux). ``cgroups``: files
    ``cgroup.procs`` that it joins. What keeps it from running arrives on the pipe ``errors`` as one line
    ``tag <tab> exit code <tab> message``; the exit code is a shell's (127 not found, 126 not executable).
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code, step = 126, "cannot join its cgroup"
    try:
        os.setsid()
        _die_with(parent)
        for path in cgroups:
            with open(path, "w", encoding="ascii") as file:
                file.write("0")
        _plain_descriptors(output)
        _plain_signals()
        step = f"cannot enter {directory}"
        os.chdir(directory)
        step = f"cannot run {argv[0]}"
        os.execve(argv[0], argv, environment)  # noqa: S606 - no shell is wanted
    except FileNotFoundError as error:
        code, step = 127, f"{step}: {error.strerror}"
    except BaseException as error:  # noqa: BLE001 - the child must never return into the parent's code
        step = f"{step}: {getattr(error, 'strerror', None) or error}"
    finally:
        os.write(errors, f"{tag}\t{code}\t{step[:500]}\n".encode("utf-8", "replace"))
        os._exit(code)


def _die_with(parent: int) -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGKILL)


def _plain_descriptors(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _plain_signals() -> None:
    """What Python ignores for itself an exec'ed program would inherit as ignored."""
    for name in _IGNORED_BY_PYTHON:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
