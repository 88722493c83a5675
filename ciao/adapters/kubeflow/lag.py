"""Whether a reader falls behind the lines that it reads, judged by the lines' own times.

The node's clock and this one differ by an unknown amount, so only growth counts: a line's *lag* is its arrival less its
time, and the least lag that was ever seen is what an up-to-date reader has. Times in seconds.
"""

from __future__ import annotations

from attrs import define

BEHIND, CAUGHT_UP = 1.5, 0.5


@define
class Lag:
    """Of one log."""

    _least: float | None = None
    _present: float = 0.0

    def line(self, stamp: float, now: float) -> None:
        """A line with that time has just come."""
        self._present = now - stamp
        self._least = self._present if self._least is None else min(self._least, self._present)

    @property
    def grown(self) -> float:
        """Seconds that the reader is behind."""
        return 0.0 if self._least is None else self._present - self._least

    @property
    def behind(self) -> bool:
        """So far that it should hurry."""
        return self.grown > BEHIND

    @property
    def caught_up(self) -> bool:
        """So little that it may follow again."""
        return self.grown < CAUGHT_UP
