"""What the suite does before the first case and after the last, each step with its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Steps:
    """Steps may overlap: each is told when it is done."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._begin = say, time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Tell a step and its seconds; also one that failed."""
        begin = time.monotonic()
        try:
            yield
        except BaseException:
            self._say(f"{time.monotonic() - begin:6.1f} s  {what}: failed")
            raise
        self._say(f"{time.monotonic() - begin:6.1f} s  {what}")

    def total(self, what: str) -> None:
        """The time since the first step."""
        self._say(f"{time.monotonic() - self._begin:6.1f} s  {what}")
