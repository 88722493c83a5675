"""Time and chance that a test moves by hand: the ports ``Clock`` and ``Names`` in memory."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class ManualClock:
    """Stands still until ``advance``. Implements ``ports.Clock``; what is due on the way is called in order."""

    def __init__(self, now: float = 1_000.0) -> None:
        self._now = now
        self._began = now
        self._count = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._dropped: set[int] = set()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._now - self._began

    def call_later(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        """``call`` when the clock is advanced so far; returns what cancels it."""
        ticket = next(self._count)
        heapq.heappush(self._due, (self._now + seconds, ticket, call))
        return lambda: self._dropped.add(ticket)

    def advance(self, seconds: float) -> None:
        """Let time pass. Each call that falls due sees its own time."""
        until = self._now + seconds
        while self._due and self._due[0][0] <= until:
            at, ticket, call = heapq.heappop(self._due)
            self._now = max(self._now, at)
            if ticket not in self._dropped:
                call()
        self._now = until


class SequentialNames:
    """``pytorch-00001``, ``pytorch-00002``, … Implements ``ports.Names``."""

    def __init__(self) -> None:
        self._jobs, self._uids = itertools.count(1), itertools.count(1)

    def job(self, framework: str) -> str:
        """The next name."""
        return f"{framework}-{next(self._jobs):05}"

    def uid(self) -> str:
        """The next uid."""
        return f"uid-{next(self._uids):05}"
