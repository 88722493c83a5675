"""Blocking work in a thread of its own, which nobody waits for: a daemon that hangs must keep no process from ending.

The default executor's threads are joined when the interpreter exits; these are not.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
_GRACE = 10.0
"""Seconds that cancelled work may take to clean up after itself before it is left alone."""


class Cancelled(Exception):
    """Raised in the thread by ``Stop.check``: nobody wants the result any more."""


class Stop:
    """How the thread hears that its work was cancelled. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._guard, self._set = threading.Lock(), False
        self._hang_up: Callable[[], None] | None = None

    def check(self) -> None:
        """Raise ``Cancelled`` when it was."""
        if self._set:
            raise Cancelled

    @property
    def said(self) -> bool:
        """True once it was cancelled."""
        return self._set

    def wakes(self, hang_up: Callable[[], None] | None) -> None:
        """What ends the wait that the thread is in from now on (None: nothing); called at most once, maybe at once."""
        with self._guard:
            self._hang_up = hang_up
            late = self._set
        if late:
            self.set()

    def set(self) -> None:
        """Cancel."""
        with self._guard:
            self._set, hang_up, self._hang_up = True, self._hang_up, None
        if hang_up is not None:
            hang_up()


def from_thread(report: Callable[[R], None], stop: Stop, loop: asyncio.AbstractEventLoop) -> Callable[[R], None]:
    """``report`` as the thread may call it; once the work is cancelled nothing is reported any more."""

    def told(what: R) -> None:
        if not stop.said:
            with suppress(RuntimeError):  # the loop is closed: the process ends
                loop.call_soon_threadsafe(report, what)

    return told


async def apart(work: Callable[[Stop], T], grace: float = _GRACE) -> T:
    """What ``work`` returns or raises. Cancelled, it tells the work and waits ``grace`` seconds for its end."""
    loop, stop = asyncio.get_running_loop(), Stop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        tell: Callable[[], None]
        try:
            tell = partial(outcome.set_result, work(stop))
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
            tell = partial(outcome.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(_unless_done, outcome, tell)

    threading.Thread(target=run, name="ciao-build", daemon=True).start()
    try:
        return await asyncio.shield(outcome)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait((outcome,), timeout=grace)
        if outcome.done():
            outcome.exception()  # it is heard, so that nothing is said of it
        raise


def _unless_done(outcome: asyncio.Future[T], tell: Callable[[], None]) -> None:
    """The loop may have ended the wait."""
    if not outcome.done():
        tell()
