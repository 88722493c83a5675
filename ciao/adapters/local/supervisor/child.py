"""One replica as its supervisor knows it: what was asked, its process, its pipes, how it ended."""

from __future__ import annotations

import contextlib
import os
import signal

from ciao.adapters.local.supervisor import spawn

# Not typing's: the supervisor starts twice as fast without it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ciao.adapters.local.supervisor.cgroups import Group

_PIPE, _PIPES = 1 << 20, 32 << 20
"""Bytes: wished for one pipe; for all of a job's (an unprivileged user has 64 MiB, pipe-user-pages-soft)."""


class Child:
    """``pid`` leads a session and a process group of that number. Times are monotonic, in seconds,
    but ``stopped_at``, which is compared with reports: since the epoch.
    """

    def __init__(
        self, each: dict[str, Any], pid: int, pipes: dict[int, bytes], fifos: list[str], group: Group | None
    ) -> None:
        self.name: str = each["name"]
        self.memory: int | None = each["memory"]
        self.pid, self.group = pid, group
        self.fifos = tuple(fifos)
        """Paths of the named pipes among them."""
        self.pipes = pipes
        """Descriptor -> the mark that its lines get; the first is the process's own stdout and stderr."""
        self.status: int | None = None
        self.kill_at: float | None = None
        self.stopped_at: float | None = None
        self.exited_at = 0.0
        self.overfull = False

    def signal(self, number: int) -> None:
        """To its process group; nothing when it has exited (its number may be somebody else's by then)."""
        if self.status is not None:
            return
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            # Between fork and setsid it has no group of its own yet.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """What is left of its process group, when it has exited and before anybody can have its number."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    @property
    def code(self) -> int:
        """A container's exit code: 128 + signal for a signal."""
        assert self.status is not None
        return 128 + os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else os.WEXITSTATUS(self.status)


def launch(plan: dict[str, Any], errors: int) -> list[Child]:
    """Starts every replica of a plan (``planning.py`` says what is in it)."""
    replicas = plan["replicas"]
    capacity = max(1 << 16, min(_PIPE, _PIPES // max(1, sum(1 + each["ranks"] for each in replicas))))
    children: list[Child] = []
    try:
        for each in replicas:
            children.append(_launch(plan, each, errors, capacity))
    except BaseException:
        for child in children:
            child.signal(signal.SIGKILL)
        raise
    return children


def _launch(plan: dict[str, Any], each: dict[str, Any], errors: int, capacity: int) -> Child:
    group = _group(plan, each) if plan["groups"] else None
    read, write = spawn.open_pipe(capacity)
    pipes = {read: b""}
    fifos = [f"{plan['ranks']}{each['name']}.{rank}" for rank in range(each["ranks"])]
    for rank, path in enumerate(fifos):
        pipes[spawn.open_fifo(path, capacity)] = b"\x1e%d\x1e" % rank
    environment = {**plan["environment"], **each["environment"]}
    pid = spawn.start(
        each["argv"],
        environment,
        plan["cwd"],
        write,
        errors,
        tag=each["name"],
        cgroups=group.procs if group else (),
    )
    os.close(write)
    return Child(each, pid, pipes, fifos, group)


def _group(plan: dict[str, Any], each: dict[str, Any]) -> Group | None:
    from ciao.adapters.local.supervisor import cgroups

    limits = {
        controller: (cgroups.Place(*place), each[controller])
        for controller, place in plan["groups"].items()
        if each[controller] is not None
    }
    return cgroups.make(f"ciao-{plan['uid']}-{each['name']}", **limits) if limits else None
