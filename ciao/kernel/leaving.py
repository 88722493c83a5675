"""How a kernel leaves: its jobs are stopped first, within the time that Jupyter gives.

Jupyter sends shutdown_request, SIGTERM 2.5 s later, SIGKILL another 2.5 s later (``shutdown_wait_time`` of its
KernelManager is 5). A pod's eviction or a culler sends a bare SIGTERM, which would end an ipykernel without any
clean-up. What runs no code at all (SIGKILL, the server's death) is the supervisor's and the cluster's business.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable

BUDGET = 4.0  # seconds, of the 5 between shutdown_request and SIGKILL
_FAREWELL = 1.0  # seconds for the loop to end by itself, once the jobs have


class Leaving:
    """``leave(seconds)`` blocks until all jobs have ended and their cells are answered, or the time is over.

    It runs on a thread of its own: the main thread may be busy with user code, and the Control
    thread has interrupts to answer meanwhile.
    """

    def __init__(self, leave: Callable[[float], None]) -> None:
        self._leave = leave
        self._left = threading.Event()
        self._begun = threading.Lock()

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the main thread: SIGTERM leaves in order, too."""
        self._loop = loop
        if threading.current_thread() is threading.main_thread():  # not in an embedded kernel
            signal.signal(signal.SIGTERM, self._on_sigterm)

    async def shut_down(self) -> None:
        """For ``do_shutdown``: returns when the jobs have ended, at most BUDGET seconds later."""
        self._begin()
        left = asyncio.get_running_loop().run_in_executor(None, self._left.wait, BUDGET)
        await left

    def _begin(self) -> bool:
        if not self._begun.acquire(blocking=False):
            return False
        threading.Thread(target=self._run, name="ciao-leaving", daemon=True).start()
        return True

    def _run(self) -> None:
        try:
            self._leave(BUDGET)
        finally:
            self._left.set()

    def _on_sigterm(self, *_: object) -> None:
        if self._begin():  # else a shutdown is under way: this is Jupyter's impatience
            threading.Thread(target=self._end_process, name="ciao-sigterm", daemon=True).start()

    def _end_process(self) -> None:
        self._left.wait(BUDGET)
        self._loop.call_soon_threadsafe(self._loop.stop)
        threading.Event().wait(_FAREWELL)
        if self._loop.is_running():  # the main thread is in user code and never saw the stop
            os._exit(128 + signal.SIGTERM)
