"""The supervisor's way in: reads the plan, starts the replicas, and only then loads the rest of itself.

Whoever waits for a cell's first line waits for what happens here, so this file imports little.
"""

from __future__ import annotations

import marshal
import os
import sys

from ciao.adapters.local.supervisor import child, spawn

# Not typing's: the supervisor starts twice as fast without it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> None:
    """``argv[1]``: the descriptor of the link to the kernel; ``argv[2:]``: leases that are held to the end."""
    for descriptor in sys.argv[1:]:
        os.set_inheritable(int(descriptor), False)
    link, *leases = map(int, sys.argv[1:])
    plan = read_plan(link)
    if plan is None:
        return
    spawn.become_subreaper()
    errors, errors_in = spawn.open_pipe(1 << 16)
    children = child.launch(plan, errors_in)
    os.close(errors_in)
    from ciao.adapters.local.supervisor.loop import Supervisor

    Supervisor(plan, link, leases, errors, children).run()


def read_plan(link: int) -> dict[str, Any] | None:
    """8 bytes of length, then ``marshal`` (the writer is the same interpreter); None when the kernel has left."""
    size = int.from_bytes(_exactly(link, 8), "little")
    raw = _exactly(link, size)
    if not size or len(raw) < size:
        return None
    plan: dict[str, Any] = marshal.loads(raw)  # noqa: S302 - from the process that started this one
    return plan


def _exactly(link: int, size: int) -> bytes:
    pieces: list[bytes] = []
    missing = size
    while missing and (piece := os.read(link, min(missing, 1 << 20))):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
