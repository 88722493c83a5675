"""Work that a cell waits for and that holds up nothing: on Ciao's thread, or on one of its own. Stop ends the wait."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from ciao.core.errors import CiaoError
from ciao.kernel.waits import GivenUp, Waits

if TYPE_CHECKING:
    from ciao.runtime import Runtime

T = TypeVar("T")


class InterruptedCommand(CiaoError):
    """Stop was pressed while a command was at work."""

    title = "Interrupted"


class Elsewhere:
    """For one kernel. Both methods raise what the work raises, or InterruptedCommand."""

    def __init__(self, runtime: Runtime, waits: Waits) -> None:
        self._runtime, self._waits = runtime, waits

    async def on_ciao(self, work: Coroutine[Any, Any, T]) -> T:
        """A use case, on Ciao's loop."""
        return await self._until(self._runtime.call(work))

    async def on_thread(self, work: Callable[[Callable[[], bool]], T]) -> T:
        """Work that blocks (files, subprocesses); it is given a function that says whether to stop early."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                result = work(future.cancelled)
            except BaseException as error:  # noqa: BLE001 - the cell that waits must hear of it
                if not future.cancelled():
                    future.set_exception(error)
            else:
                if not future.cancelled():
                    future.set_result(result)

        threading.Thread(target=run, name="ciao-command", daemon=True).start()
        return await self._until(future)

    async def _until(self, future: Future[T]) -> T:
        try:
            return await self._waits.until(future, future.cancel)
        except (asyncio.CancelledError, concurrent.futures.CancelledError, GivenUp):
            raise InterruptedCommand("the command was stopped before its end.") from None
