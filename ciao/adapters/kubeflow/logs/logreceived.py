"""Which lines of a container's log we have, told by their times: what a cursor remembers between two reads.

Let W = ``DISORDER`` bound how much earlier than any line before it a line may be stamped, and ``MOST`` how many lines
later it may come: two streams are stamped by two threads, each line is written microseconds after it was stamped. What
we have is a beginning of the log, so it is all of it up to the *horizon* (the newest time less W), and of what is
later the *recent* lines, known by time and text.
"""

from __future__ import annotations

import zlib
from collections import Counter, deque
from collections.abc import Sequence

from attrs import define, field, frozen

from ciao.adapters.kubeflow.seen.stamps import SECOND

DISORDER = 50_000_000
"""Nanoseconds."""
MOST = 4096
"""Recent lines; in a flood these are less than 50 ms."""
SPAN = 1 << 32
"""Nanoseconds above the horizon: what is later, since the node's clock was set back again and again, is not kept."""
KEY = 4096
"""Bytes of a line that tell it from others of the same nanosecond."""


@frozen
class Position:
    """How far one container instance was read: plain numbers, fit to be kept as JSON.

    ``recent``: the keys of lines after ``horizon`` (ns), by less than ``SPAN``. ``latest``: the last line's time.
    ``begun``: the key of a line that was given in part, and ``given`` how many bytes of its text.
    """

    horizon: int | None = None
    latest: int | None = None
    recent: tuple[int, ...] = ()
    begun: int | None = None
    given: int = 0


def key_of(at: int, line: bytes) -> int:
    """``at << 32`` and a CRC-32 of the line, its time included."""
    return at << 32 | zlib.crc32(line[:KEY])


@define(eq=False)
class Received:
    """``horizon``: all lines up to it are received; ``latest``: the time of the last one (ns); None: there is none."""

    horizon: int | None = None
    latest: int | None = None
    _recent: deque[int] = field(factory=deque)
    _expected: Counter[int] = field(factory=Counter)

    @property
    def recent(self) -> tuple[int, ...]:
        """The keys of the received lines after the horizon, in the log's order."""
        if self.horizon is None:
            return ()
        low, high = (self.horizon + 1) << 32, (self.horizon + SPAN) << 32
        return tuple([key for key in self._recent if low <= key < high])

    def expect(self) -> None:
        """A read begins: it may give again what is received."""
        self._expected = Counter(self._recent)

    def known(self, times: Sequence[int], lines: Sequence[bytes]) -> int:
        """How many of these next lines of the read, from the first on, are received. Asked until one is not."""
        if self.horizon is None:
            return 0
        if max(times) <= self.horizon:
            return len(times)
        for place, (at, line) in enumerate(zip(times, lines, strict=True)):
            if at > self.horizon:
                key = key_of(at, line)
                if not self._expected.get(key):
                    return place
                self._expected[key] -= 1
        return len(times)

    def may_know(self, at: int) -> bool:
        """Whether the next line of the read, of which only the time is known for certain, is received."""
        if self.horizon is None or at <= self.horizon:
            return self.horizon is not None
        return any(key >> 32 == at for key, count in self._expected.items() if count)

    def is_near(self, at: int) -> bool:
        """A line that follows it may have been received."""
        return self.latest is not None and at <= self.latest + DISORDER

    def add(self, times: Sequence[int], lines: Sequence[bytes]) -> None:
        """These lines, which follow the last one, are received."""
        bound = self._bound(max(times))
        if times[-1] <= bound or (self.horizon is not None and min(times) <= self.horizon):
            for at, line in zip(times, lines, strict=True):
                self._add_late(at, line)
        else:
            self.horizon = bound
            self._recent.extend([key_of(at, line) for at, line in zip(times, lines, strict=True) if at > bound])
        self.latest = times[-1]
        self._trim()

    def _add_late(self, at: int, line: bytes) -> None:
        """One line where some are earlier than they could be, had the node's clock not been set back."""
        if self.horizon is None or at > self.horizon:
            self.horizon = self._bound(at)
        else:
            if at < self.horizon - SECOND:
                self._recent.clear()
            self.horizon = at - DISORDER
        self._recent.append(key_of(at, line))

    def _bound(self, newest: int) -> int:
        return newest - DISORDER if self.horizon is None else max(newest - DISORDER, self.horizon)

    def _trim(self) -> None:
        recent, horizon = self._recent, self.horizon or 0
        while len(recent) > MOST:
            horizon = max(horizon, recent.popleft() >> 32)
        while recent and recent[0] >> 32 <= horizon:
            recent.popleft()
        self.horizon = horizon
