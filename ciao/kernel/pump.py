"""The one place that publishes what jobs print: few messages, whole lines, under the server's limits.

jupyter_server drops output above 1 000 messages/s and 1 MB/s per connection (over 3 s), libzmq drops what a slow
client does not take, and a browser freezes on what is too much. So all cells of a kernel share this thread
and its budget of bytes, each cell has its budget of messages, and the complete output is in the job's log.
The thread reads logs from disk: neither Ciao's loop nor the shell ever waits for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

RATE = 700_000  # bytes per second, of all cells together
_LEAST = 16_000  # bytes; a message is worth its overhead from there on
_LOOKS = (2, 5.0)  # per cell: two at once (the header, the first line), then five a second, each of a message or two


class Pace:
    """A token bucket. Its holder may spend when ``wait`` is 0, also more than there is: then it waits longer."""

    def __init__(self, capacity: float, per_second: float) -> None:
        self._capacity, self._per_second = capacity, per_second
        self._tokens, self._at = capacity, float("-inf")

    def wait(self, now: float, need: float = 1) -> float:
        """Seconds until ``need`` tokens are there; 0: they are."""
        return max(0.0, (need - self.left(now)) / self._per_second)

    def left(self, now: float) -> float:
        """Tokens at this moment; negative after spending more than there was."""
        gained = self._capacity if self._at == float("-inf") else (now - self._at) * self._per_second
        self._tokens, self._at = min(self._capacity, self._tokens + gained), now
        return self._tokens

    def spend(self, now: float, amount: float = 1) -> None:
        """Take tokens."""
        self._tokens = self.left(now) - amount


class Feed(Protocol):
    """What one cell has to show. All but ``due`` are called on the pump's thread only."""

    @property
    def due(self) -> bool:
        """Something waits to be shown."""

    @property
    def ending(self) -> bool:
        """The cell waits for its last output: no time to lose."""

    def show(self, limit: int, now: float) -> int:
        """Publish what is due, about ``limit`` bytes at most, in one message or two; how many bytes it was."""

    def over(self) -> bool:
        """True once nothing will follow."""

    def broken(self, error: BaseException) -> None:
        """``show`` raised: whoever waits for this feed must hear of it."""


class Pump:
    """Starts its thread with the first feed and ends it with the last."""

    def __init__(self, *, rate: int = RATE, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._bytes = Pace(rate, rate)
        self._least = min(_LEAST, rate)
        self._feeds: dict[Feed, Pace] = {}
        self._changed = threading.Condition()
        self._woken = False
        self._thread: threading.Thread | None = None

    def open(self, feed: Feed) -> None:
        """Publish what this feed has, from now until it is over."""
        with self._changed:
            self.admit(feed)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ciao-pump", daemon=True)
                self._thread.start()
        self.wake()

    def admit(self, feed: Feed) -> None:
        """Take the feed on, without a thread: whoever calls this calls ``round`` too."""
        self._feeds[feed] = Pace(*_LOOKS)

    def wake(self) -> None:
        """A feed has become due, or is ending. Never blocks for long."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            pause = self.round(self._now())
            with self._changed:
                self._feeds = {feed: pace for feed, pace in self._feeds.items() if not feed.over()}
                if not self._feeds:
                    self._thread = None
                    return
                self._changed.wait_for(lambda: self._woken, pause)
                self._woken = False

    def round(self, now: float) -> float | None:
        """Publish what may be published now; seconds until the next may be, None when nothing is due."""
        pauses = []
        for feed, pace in tuple(self._feeds.items()):
            if not feed.due and not feed.ending:
                continue
            wait = max(self._bytes.wait(now, self._least), 0.0 if feed.ending else pace.wait(now))
            if wait == 0:
                self._publish(feed, pace, now)
                wait = pace.wait(now)
            if feed.due and not feed.over():
                pauses.append(wait)
        return min(pauses, default=None)

    def _publish(self, feed: Feed, pace: Pace, now: float) -> None:
        try:
            sent = feed.show(int(self._bytes.left(now)), now)
        except Exception as error:  # noqa: BLE001 - a cell that waits must be answered, whatever went wrong here
            feed.broken(error)
            return
        pace.spend(now)
        self._bytes.spend(now, sent)
