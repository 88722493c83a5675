"""A job that a program follows, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from ciao.core.events import Diagnosis, Ended, Event, Outcome, StopReason
from ciao.core.model import JobHandle
from ciao.runtime import Running

if TYPE_CHECKING:
    from ciao.api.client import Client


@frozen(kw_only=True)
class Result:
    """How a job ended. ``seconds`` since its submission; ``diagnosis`` says why when it did not succeed."""

    name: str
    outcome: Outcome
    seconds: float
    handle: JobHandle
    diagnosis: Diagnosis | None = None
    _client: Client = field(repr=False, eq=False)

    @property
    def succeeded(self) -> bool:
        """True when every replica that decides ended with exit code 0."""
        return self.outcome is Outcome.SUCCEEDED

    def logs(self, replica: str | None = None, *, tail: int | None = None) -> Iterator[str]:
        """The job's output, line by line, from the job store: of one replica (``worker-1``) or of all."""
        return self._client.logs(self.name, replica, tail=tail)


class Job:
    """A job that this process follows: wait for it, await it, iterate over its events, stop it."""

    def __init__(self, client: Client, running: Running) -> None:
        self._client, self.running = client, running

    @property
    def name(self) -> str:
        """The job's name; waits until the job exists, and raises what kept it from existing."""
        return self.running.submitted.result().handle.name

    def wait(self, timeout: float | None = None, *, check: bool = True) -> Result:
        """Block until the end. TimeoutError after ``timeout`` seconds (the job goes on); JobError with ``check``."""
        return self._client.result(self.running.finished.result(timeout), check)

    def __await__(self) -> Generator[Any, None, Result]:
        return self._awaited().__await__()

    async def _awaited(self) -> Result:
        return self._client.result(await asyncio.wrap_future(self.running.finished), check=True)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """All events of the job from its first to ``Ended``, on the caller's own event loop."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Queue[Event | None]()

        def hand_over(event: Event | None) -> None:
            with suppress(RuntimeError):  # the caller's loop is gone
                loop.call_soon_threadsafe(arrived.put_nowait, event)

        leave = self.running.subscribe(hand_over)
        # A launch that fails has no Ended: its future says so, after every event.
        self.running.finished.add_done_callback(lambda _: hand_over(None))
        try:
            while (event := await arrived.get()) is not None:
                yield event
                if isinstance(event, Ended):
                    return
            self.running.finished.result(0)
        finally:
            leave()

    def stop(self, *, force: bool = False) -> None:
        """Ask the job to end (``force``: without its grace); returns at once."""
        for _ in range(2 if force else 1):
            self.running.stop(StopReason.USER)
