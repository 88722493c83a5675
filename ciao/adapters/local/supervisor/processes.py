"""Looking at processes through ``/proc``: whose child, whose replica, how much memory.

On systems without ``/proc`` every answer is empty: there process groups are all that Ciao has.
Standard library only; ``proc`` is an argument so that a test can give a made-up tree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

PROC = "/proc"
JOB_MARK, REPLICA_MARK = "CIAO_JOB_ID", "CIAO_REPLICA"
"""Variables in the environment of every process of a job: whatever it forks inherits them."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


def children(pid: int, proc: str = PROC) -> tuple[int, ...]:
    """The direct children of a process with one thread; zombies too."""
    try:
        return tuple(map(int, _read(f"{proc}/{pid}/task/{pid}/children").split()))
    except FileNotFoundError:
        return tuple(parents(proc)[1].get(pid, ()))
    except OSError:
        return ()


def parents(proc: str = PROC) -> tuple[dict[int, int], dict[int, list[int]]]:
    """All processes: pid -> its parent, and the parent -> its children."""
    above: dict[int, int] = {}
    below: dict[int, list[int]] = {}
    for pid in pids(proc):
        try:
            # The name in parentheses may hold anything, so what follows the last ")".
            parent = int(_read(f"{proc}/{pid}/stat").rpartition(b")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        above[pid] = parent
        below.setdefault(parent, []).append(pid)
    return above, below


def pids(proc: str = PROC) -> tuple[int, ...]:
    """All process ids that can be seen."""
    try:
        return tuple(int(name) for name in os.listdir(proc) if name.isdigit())
    except OSError:
        return ()


def descendants(roots: Iterable[int], below: Mapping[int, Iterable[int]]) -> set[int]:
    """The roots and everything below them, in a map that ``parents`` made."""
    found: set[int] = set()
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += below.get(pid, ())
    return found


def marks(pid: int, proc: str = PROC) -> tuple[str, str]:
    """(job id, replica) in the environment it was started with; ("", "") when it has none or hides it."""
    try:
        variables = _read(f"{proc}/{pid}/environ").split(b"\0")
    except OSError:
        return "", ""
    found = {JOB_MARK: "", REPLICA_MARK: ""}
    for each in variables:
        name, _, value = each.partition(b"=")
        key = name.decode("ascii", "replace")
        if key in found:
            found[key] = value.decode("utf-8", "replace")
    return found[JOB_MARK], found[REPLICA_MARK]


def of_job(job_id: str, proc: str = PROC) -> tuple[int, ...]:
    """All living processes that carry a job's mark."""
    return tuple(pid for pid in pids(proc) if marks(pid, proc)[0] == job_id)


def resident(pid: int, proc: str = PROC) -> int:
    """Bytes in memory, what is shared counted in full (cheap); 0 when it is gone."""
    try:
        return int(_read(f"{proc}/{pid}/statm").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def proportional(pid: int, proc: str = PROC) -> int:
    """Bytes in memory, what is shared divided among those who share it (PSS); walks its page tables."""
    try:
        text = _read(f"{proc}/{pid}/smaps_rollup")
    except OSError:
        return resident(pid, proc)
    for line in text.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return resident(pid, proc)


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(file, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(file)
