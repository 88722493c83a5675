"""The inbox of a running job, on asyncio: stop requests and timers merged with observations.

``post`` comes from any thread; everything else happens on the loop that the inbox was made for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from ciao.core.events import Input, Observation, StopRequested, TimerFired
from ciao.core.ports import Interrupted

T = TypeVar("T")

_BACKLOG = 1_000  # observations waiting for the lifecycle; beyond that the backend waits too


class AsyncInbox:
    """Implements ``ports.Inbox``; ``now`` is the clock's, for the time of a timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float]) -> None:
        self._loop, self._now = loop, now
        self._waiting: deque[Input] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._stops = (asyncio.Event(), asyncio.Event())
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closed = False

    def post(self, message: Input) -> None:
        with suppress(RuntimeError):  # the loop is closed: the job is over
            self._loop.call_soon_threadsafe(self._put, message)

    def after(self, seconds: float, name: str) -> None:
        former = self._timers.pop(name, None)
        if former is not None:
            former.cancel()
        if seconds >= 0 and not self._closed:
            self._timers[name] = self._loop.call_later(seconds, self._fire, name)

    @asynccontextmanager
    async def merged(self, observations: AsyncIterator[Observation]) -> AsyncIterator[AsyncIterator[Input]]:
        pump = asyncio.ensure_future(self._pump(observations))
        pump.add_done_callback(lambda _: self._arrived.set())
        try:
            yield self._inputs(pump)
        finally:
            pump.cancel()
            with suppress(asyncio.CancelledError, Exception):  # its error, if any, was raised to the reader
                await pump

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stops[0].wait())
        try:
            await _first(task, stopped)
            if task.done():
                return task.result()
            await self._abandon(task)
            raise Interrupted
        finally:
            stopped.cancel()
            task.cancel()

    def close(self) -> None:
        """The job is over: timers are dropped and later posts do nothing."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()

    async def _abandon(self, task: asyncio.Future[T]) -> None:
        """Cancel, and wait for the clean-up unless a second stop says not to."""
        task.cancel()
        again = asyncio.ensure_future(self._stops[1].wait())
        try:
            await _first(task, again)
        finally:
            again.cancel()

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self._put(TimerFired(name, self._now()))

    def _put(self, message: Input) -> None:
        if self._closed:
            return
        if isinstance(message, StopRequested):
            self._stops[1 if self._stops[0].is_set() else 0].set()
        self._waiting.append(message)
        self._arrived.set()

    async def _pump(self, observations: AsyncIterator[Observation]) -> None:
        async for observation in observations:
            self._put(observation)
            while len(self._waiting) > _BACKLOG:
                self._taken.clear()
                await self._taken.wait()

    async def _inputs(self, pump: asyncio.Future[None]) -> AsyncIterator[Input]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
                self._taken.set()
            if pump.done():
                pump.result()  # raises what the observations raised
                return
            self._arrived.clear()
            await self._arrived.wait()


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
