"""Memory limits where no control group can be made: the sum of what a replica's processes really use.

Checked every ``INTERVAL``. Resident sizes are cheap and never below the truth, so the exact, dear
number (PSS: shared pages divided among their users) is read only when they are over the limit.
Never RLIMIT_AS: it counts address space, of which CUDA and torch reserve far more than they use.
"""

from __future__ import annotations

from collections.abc import Iterable

from ciao.adapters.local.supervisor import processes
from ciao.adapters.local.supervisor.child import Child

INTERVAL = 0.1
"""Seconds."""


def overfull(children: Iterable[Child], adopted: dict[int, str], proc: str = processes.PROC) -> list[Child]:
    """The children with a limit, and without a control group, that use more. ``adopted``: orphan -> replica."""
    watched = [each for each in children if _is_ours(each)]
    if not watched:
        return []
    below = processes.parents(proc)[1]
    return [each for each in watched if _over(each, adopted, below, proc)]


def _is_ours(child: Child) -> bool:
    limited = child.memory is not None and child.status is None
    return limited and not (child.group and child.group.limits_memory)


def _over(child: Child, adopted: dict[int, str], below: dict[int, list[int]], proc: str) -> bool:
    roots = [child.pid, *(pid for pid, name in adopted.items() if name == child.name)]
    mine = processes.descendants(roots, below)
    limit = child.memory or 0
    if sum(processes.resident(pid, proc) for pid in mine) <= limit:
        return False
    return sum(processes.proportional(pid, proc) for pid in mine) > limit
