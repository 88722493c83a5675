"""The contract of ``Inbox`` as a test class. A subclass supplies ``open`` (on a running loop) and ``elapse``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ciao.core.events import Input, Observation, OutcomeSeen, StopReason, StopRequested, TimerFired
from ciao.core.ports import Inbox, Interrupted

SEEN = [OutcomeSeen(True, str(number), "", float(number)) for number in range(3)]
STOP = StopRequested(StopReason.USER, 1.0)
AGAIN = StopRequested(StopReason.KERNEL, 2.0)


async def _told(*observations: Observation) -> AsyncIterator[Observation]:
    for each in observations:
        yield each


async def _endless() -> AsyncIterator[Observation]:
    await asyncio.Event().wait()
    yield SEEN[0]


async def _broken() -> AsyncIterator[Observation]:
    yield SEEN[0]
    raise LookupError("the target is gone")


async def _first(inbox: Inbox, count: int) -> list[Input]:
    """The first inputs, from a target that says nothing."""
    found: list[Input] = []
    async with inbox.merged(_endless()) as inputs:
        async for each in inputs:
            found.append(each)
            if len(found) == count:
                break
    return found


class InboxContract:
    """Every promise of ``Inbox``."""

    def open(self) -> Inbox:
        """A fresh inbox; called on the loop that it is for."""
        raise NotImplementedError

    async def elapse(self, inbox: Inbox, seconds: float) -> None:
        """Let time pass, where it does not pass by itself."""

    def on_inbox(self, check: Callable[[Inbox], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(20.0):
                await check(self.open())

        asyncio.run(main())

    def test_observations_come_in_order_and_end(self) -> None:
        """All of them, in order; then the iteration ends."""

        async def check(inbox: Inbox) -> None:
            async with inbox.merged(_told(*SEEN)) as inputs:
                assert [each async for each in inputs] == SEEN

        self.on_inbox(check)

    def test_what_was_posted_before_comes_first(self) -> None:
        """In the order of posting, before any observation."""

        async def check(inbox: Inbox) -> None:
            inbox.post(STOP)
            inbox.post(AGAIN)
            await asyncio.sleep(0)
            async with inbox.merged(_told(*SEEN)) as inputs:
                assert [each async for each in inputs] == [STOP, AGAIN, *SEEN]

        self.on_inbox(check)

    def test_posts_come_while_the_target_is_silent(self) -> None:
        """A stop does not wait for the next observation; it may come from any thread."""

        async def check(inbox: Inbox) -> None:
            threading.Thread(target=inbox.post, args=(STOP,)).start()
            assert await _first(inbox, 1) == [STOP]

        self.on_inbox(check)

    def test_an_error_of_the_target_is_raised(self) -> None:
        """After what it had said."""

        async def check(inbox: Inbox) -> None:
            found: list[Input] = []
            with pytest.raises(LookupError):
                async with inbox.merged(_broken()) as inputs:
                    async for each in inputs:
                        found.append(each)
            assert found == SEEN[:1]

        self.on_inbox(check)

    def test_a_timer_fires_once_and_the_last_set_counts(self) -> None:
        """A timer set again replaces the former; seconds < 0 cancel it."""

        async def check(inbox: Inbox) -> None:
            inbox.after(0.01, "replaced")
            inbox.after(0.05, "replaced")
            inbox.after(0.01, "cancelled")
            inbox.after(-1, "cancelled")
            inbox.after(-1, "never set")
            inbox.after(0.1, "last")
            reading = asyncio.ensure_future(_first(inbox, 2))
            await self.elapse(inbox, 0.2)
            names = [each.name for each in await reading if isinstance(each, TimerFired)]
            assert names == ["replaced", "last"]

        self.on_inbox(check)

    def test_work_that_is_not_stopped_gives_its_result(self) -> None:
        """Or raises its own error."""

        async def right() -> int:
            return 42

        async def wrong() -> int:
            raise LookupError("mine")

        async def check(inbox: Inbox) -> None:
            assert await inbox.unless_stopped(right()) == 42
            with pytest.raises(LookupError, match="mine"):
                await inbox.unless_stopped(wrong())

        self.on_inbox(check)

    def test_a_stop_interrupts_work_and_stays(self) -> None:
        """The work is cancelled, its clean-up waited for, and the request can still be read."""

        async def check(inbox: Inbox) -> None:
            cleaned = []

            async def work() -> None:
                try:
                    inbox.post(STOP)
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)
                    cleaned.append(True)

            with pytest.raises(Interrupted):
                await inbox.unless_stopped(work())
            assert cleaned == [True]
            assert await _first(inbox, 1) == [STOP]

        self.on_inbox(check)
