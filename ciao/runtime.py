"""Ciao's own thread and event loop, and the jobs that run on it.

Never on the shell's loop: a job's logs and deadlines go on while an ordinary cell blocks. Callers
on other threads hold ``concurrent.futures`` futures; a cell awaits them wrapped, a script waits.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from ciao.adapters.inbox import AsyncInbox
from ciao.core.errors import TargetError
from ciao.core.events import Ended, Event, LogChunk, Progress, StopReason, StopRequested, Submitted, joined
from ciao.core.model import Replica
from ciao.core.ports import Clock, Inbox

T = TypeVar("T")
Subscriber = Callable[[Event], None]
UseCase = Callable[[Inbox, Callable[[Event], None]], Awaitable[Ended]]


class Running:
    """A job that this process follows. All methods may be called from any thread.

    ``submitted`` resolves when the job exists, ``finished`` with its last event; both raise what the
    launch raised. Subscribers are called on Ciao's thread and must not block.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.submitted: Future[Submitted] = Future()
        self.finished: Future[Ended] = Future()
        self.inbox = AsyncInbox(loop, clock.now)
        self._loop, self._clock = loop, clock
        self._history: list[Event] = []
        self._logs: dict[Replica, LogChunk] = {}
        self._progress: Progress | None = None
        self._subscribers: dict[int, Subscriber] = {}
        self._tickets = 0

    def stop(self, reason: StopReason = StopReason.USER) -> None:
        """Ask the job to end; asked again, its grace is cut short. Returns at once."""
        self.inbox.post(StopRequested(reason, self._clock.now()))

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Hear all events from the first on; returns the way out.

        One LogChunk per replica stands for all earlier ones, and only the newest Progress is told.
        """
        self._tickets += 1
        ticket = self._tickets
        self._loop.call_soon_threadsafe(self._admit, ticket, subscriber)
        return lambda: self._dismiss(ticket)

    def emit(self, event: Event) -> None:
        """On Ciao's thread: remember the event and tell everybody."""
        self._remember(event)
        for subscriber in tuple(self._subscribers.values()):
            subscriber(event)

    async def follow(self, use_case: UseCase) -> None:
        """On Ciao's thread: run the use case to its end and resolve the futures."""
        try:
            ended = await use_case(self.inbox, self.emit)
        except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            self._resolve(self.submitted, error)
            self._resolve(self.finished, error)
        else:
            self._resolve(self.submitted, TargetError("the job ended before it was submitted"))
            self.finished.set_result(ended)
        finally:
            self.inbox.close()

    @staticmethod
    def _resolve(future: Future[Any], error: BaseException) -> None:
        if not future.done():
            future.set_exception(error)

    def _remember(self, event: Event) -> None:
        match event:
            case LogChunk():
                earlier = self._logs.get(event.replica)
                self._logs[event.replica] = event if earlier is None else joined(earlier, event)
            case Progress():
                self._progress = event
            case _:
                self._history.append(event)
        if isinstance(event, Submitted) and not self.submitted.done():
            self.submitted.set_result(event)

    def _admit(self, ticket: int, subscriber: Subscriber) -> None:
        self._subscribers[ticket] = subscriber
        ended = [event for event in self._history if isinstance(event, Ended)]
        for event in self._history:
            if not isinstance(event, Ended):
                subscriber(event)
        if self._progress is not None and not self.submitted.done():
            subscriber(self._progress)
        for chunk in tuple(self._logs.values()):
            subscriber(chunk)
        for event in ended:
            subscriber(event)

    def _dismiss(self, ticket: int) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is told anything any more
            self._loop.call_soon_threadsafe(self._subscribers.pop, ticket, None)


class Runtime:
    """The thread. It starts with the first call and ends with ``close`` or the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._jobs: set[Running] = set()

    def call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on Ciao's loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._started())

    def start(self, use_case: UseCase) -> Running:
        """Begin a job, or following one; returns at once."""
        running = Running(self._started(), self._clock)
        self._jobs.add(running)
        running.finished.add_done_callback(lambda _: self._jobs.discard(running))
        self.call(running.follow(use_case))
        return running

    def running(self) -> tuple[Running, ...]:
        """The jobs that this process follows now."""
        return tuple(self._jobs)

    def stop_jobs(self, timeout: float) -> bool:
        """The kernel leaves: ask every job to end, wait at most ``timeout`` seconds; True when all have."""
        jobs = self.running()
        for running in jobs:
            running.stop(StopReason.KERNEL)
        deadline = self._clock.monotonic() + timeout
        for running in jobs:
            with suppress(BaseException):
                running.finished.exception(max(0.0, deadline - self._clock.monotonic()))
        return not any(not running.finished.done() for running in jobs)

    def close(self) -> None:
        """End the loop and its thread; what still runs on it is cancelled."""
        with self._guard:
            loop, self._loop = self._loop, None
        if loop is None or self._pid != os.getpid():  # a forked child has the object but not the thread
            return
        finished = asyncio.run_coroutine_threadsafe(_cancel_all(), loop)
        with suppress(TimeoutError):
            finished.result(1.0)
        loop.call_soon_threadsafe(loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None or self._pid != os.getpid():
                self._loop, self._pid = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=_serve, args=(self._loop,), name="ciao", daemon=True).start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
