"""Interrupts of a cell that waits, without a kernel."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from ciao.kernel.waits import GivenUp, Wait, Waits


def test_an_interrupt_asks_and_the_future_answers() -> None:
    """The wait is not cancelled: it ends with what the stopped work brings."""
    work: Future[str] = Future()

    async def cell() -> str:
        wait = Wait(work, lambda: work.set_result("stopped"))
        asyncio.get_running_loop().call_soon(wait.interrupt)
        return await wait.result()

    assert asyncio.run(cell()) == "stopped"


def test_being_cancelled_is_an_interrupt() -> None:
    """Whoever cancels the cell's task (ipykernel at SIGINT) stops the work, and the cell still ends with its result."""
    work: Future[str] = Future()

    async def main() -> str:
        async def cell() -> str:
            return await Wait(work, lambda: work.set_result("stopped")).result()

        task = asyncio.ensure_future(cell())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(main()) == "stopped"


def test_after_the_second_interrupt_patience_is_limited() -> None:
    """Work that never answers does not keep the cell."""
    asked: list[int] = []

    async def cell() -> None:
        wait: Wait[None] = Wait(Future(), lambda: asked.append(1), patience=0.0)
        wait.interrupt()
        wait.interrupt()
        await wait.result()

    with pytest.raises(GivenUp):
        asyncio.run(cell())
    assert len(asked) == 2


def test_one_interrupt_waits_without_limit() -> None:
    """A job may take its grace: only a second interrupt starts the clock."""
    work: Future[str] = Future()

    async def cell() -> str:
        wait = Wait(work, lambda: None, patience=0.0)
        wait.interrupt()
        asyncio.get_running_loop().call_later(0.01, work.set_result, "after its grace")
        return await wait.result()

    assert asyncio.run(cell()) == "after its grace"


def test_waits_are_known_while_they_last() -> None:
    """The kernel finds every waiting cell, by thread, and none that has ended."""
    waits = Waits()
    work: Future[None] = Future()

    async def cell() -> None:
        import threading

        until = asyncio.ensure_future(waits.until(work, lambda: None))
        await asyncio.sleep(0)
        assert waits.on_thread(threading.get_ident()) and not waits.on_thread(None)
        work.set_result(None)
        await until

    asyncio.run(cell())
    assert waits.now() == ()
