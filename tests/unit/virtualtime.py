"""An event loop whose time passes only while everybody waits, and then at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
NOON = 1_753_000_000.0
"""Seconds since the epoch when a loop begins."""


class _Selector(selectors.SelectSelector):
    """Waits for nothing but the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for something that will never happen")
        self.passed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time`` is virtual."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.passed

    def run_in_executor(self, executor: object, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """As in a thread, but at once; its result comes with the next turn."""
        future = self.create_future()
        try:
            self.call_soon(_settle, future.set_result, future, work(*args))
        except Exception as error:  # noqa: BLE001
            self.call_soon(_settle, future.set_exception, future, error)
        return future


class VirtualClock:
    """The port ``Clock`` on the loop that runs."""

    def now(self) -> float:
        return now()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def _settle(settle: Callable[[Any], None], future: asyncio.Future[T], result: Any) -> None:
    if not future.done():
        settle(result)


def now() -> float:
    """Seconds since the epoch on the loop that runs."""
    return NOON + asyncio.get_running_loop().time()


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a scene to its end."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene)
