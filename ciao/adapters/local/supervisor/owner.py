"""Knowing at once that a process has ended which is not a child of this one: the kernel that owns the job.

The end of the link is not enough: children that user code forked in the kernel hold the link open.
"""

from __future__ import annotations

import os
import select
import sys


def watch_process(pid: int) -> int | None:
    """A descriptor that can be read when the process has ended; None: it has ended already.

    Linux: a pidfd. macOS and the BSDs: a kqueue with one process filter, which a selector can wait for.
    """
    try:
        if sys.platform == "linux":
            return os.pidfd_open(pid)
        else:  # noqa: RET505 - the type checker follows platforms by branches
            queue = select.kqueue()
            queue.control([select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)], 0)
            _kept.append(queue)
            return queue.fileno()
    except ProcessLookupError:
        return None


_kept: list[object] = []
"""A queue closes its descriptor when nobody holds it."""
