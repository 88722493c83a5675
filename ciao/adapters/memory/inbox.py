"""The inbox of a job whose timers a manual clock fires: the rest is the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ciao.adapters.inbox import AsyncInbox
from ciao.adapters.memory.clock import ManualClock
from ciao.core.events import TimerFired


class MemoryInbox(AsyncInbox):
    """Implements ``ports.Inbox``; made on a running loop."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(asyncio.get_running_loop(), clock.now)
        self._clock = clock
        self._set: dict[str, Callable[[], None]] = {}

    def after(self, seconds: float, name: str) -> None:
        """As the port says; ``ManualClock.advance`` makes it fire."""
        cancel = self._set.pop(name, None)
        if cancel is not None:
            cancel()
        if seconds >= 0:
            due = self._clock.now() + seconds
            self._set[name] = self._clock.call_later(seconds, partial(self.post, TimerFired(name, due)))
