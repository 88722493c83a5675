"""Cells that wait for Ciao's thread, and what an interrupt does to them.

A job cell is one ``await``. The await is never cancelled: an interrupt is passed on to what is waited
for (a job is stopped, cleans up, and ends), and only the end of that ends the cell.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")

PATIENCE = 3.0  # seconds after the second interrupt; then the cell ends whatever the job does


class GivenUp(Exception):
    """The second interrupt has not been answered either; the cell does not wait any longer."""


class Wait(Generic[T]):
    """One cell that waits for ``future``. ``stop`` asks its work to end; any thread may call it, again and again."""

    def __init__(self, future: Future[T], stop: Callable[[], object], *, patience: float = PATIENCE) -> None:
        self.thread = threading.get_ident()
        self._future, self._stop, self._patience = future, stop, patience
        self._interrupts = 0
        self._loop = asyncio.get_running_loop()
        self._given_up: asyncio.Future[None] = self._loop.create_future()

    def interrupt(self) -> None:
        """From any thread, also a signal handler: the first stops the work, the second the waiting for its grace."""
        self._interrupts += 1
        self._stop()
        if self._interrupts == 2:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._loop.call_later, self._patience, self._give_up)

    async def result(self) -> T:
        """What the future brings, or GivenUp. Being cancelled counts as an interrupt."""
        wrapped = asyncio.wrap_future(self._future)
        either: set[asyncio.Future[Any]] = {wrapped, self._given_up}
        while not (wrapped.done() or self._given_up.done()):
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self.interrupt()
        if not wrapped.done():
            raise GivenUp
        return wrapped.result()

    def _give_up(self) -> None:
        if not self._given_up.done():
            self._given_up.set_result(None)


class Waits:
    """All cells of this kernel that wait now; read from any thread."""

    def __init__(self) -> None:
        self._all: tuple[Wait[Any], ...] = ()
        self._guard = threading.Lock()

    def now(self) -> tuple[Wait[Any], ...]:
        """Those that wait at this moment."""
        return self._all

    def on_thread(self, ident: int | None) -> bool:
        """Whether a cell of that thread waits: then its loop is free to answer other requests."""
        return any(wait.thread == ident for wait in self._all)

    async def until(self, future: Future[T], stop: Callable[[], object]) -> T:
        """Wait for ``future`` in the present cell."""
        wait = Wait(future, stop)
        with self._guard:
            self._all = (*self._all, wait)
        try:
            with _sigint_goes_to(wait):
                return await wait.result()
        finally:
            with self._guard:
                self._all = tuple(other for other in self._all if other is not wait)


@contextmanager
def _sigint_goes_to(wait: Wait[Any]) -> Iterator[None]:
    """A SIGINT means this cell while it waits on the main thread (kernels with ``interrupt_mode`` signal, terminals).

    ipykernel's own handler wakes no loop that already sleeps (its issue 881), so even there this one is needed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, lambda *_: wait.interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
