"""Those who watch a job on a cluster: nothing left out, in order, and no flood in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ciao.adapters.kubeflow.audience import Audience, Listener
from ciao.core.errors import TargetError
from ciao.core.events import LogChunk, LogTrouble, Observation, OutcomeSeen, Phase, ReplicaSeen
from ciao.core.model import Replica

A, B = Replica("worker", 0), Replica("worker", 1)
DONE = OutcomeSeen(True, "", "", 1.0)


def chunk(replica: Replica, line: int, offset: int, end: int) -> LogChunk:
    """One line more."""
    return LogChunk(replica, line, 1, offset, end)


def run(story: Callable[[], Awaitable[None]]) -> None:
    """On a loop."""

    async def main() -> None:
        async with asyncio.timeout(5.0):
            await story()

    asyncio.run(main())


async def heard(listener: Listener) -> list[Observation]:
    """To the end."""
    return [each async for each in listener.stream()]


def test_chunks_that_nobody_took_are_one() -> None:
    """However many lines a replica prints, what waits for a slow watcher is one chunk for each replica."""

    async def story() -> None:
        audience = Audience()
        listener = audience.join(())
        for n in range(1_000):
            audience.tell(chunk(A, n, 10 * n, 10 * n + 10))
            audience.tell(chunk(B, n, 10 * n, 10 * n + 10))
        audience.close()
        assert await heard(listener) == [LogChunk(A, 0, 1_000, 0, 10_000), LogChunk(B, 0, 1_000, 0, 10_000)]

    run(story)


def test_what_stands_between_chunks_keeps_its_place() -> None:
    """A gap in a log, and a replica's end, stay between the lines before and after them."""

    async def story() -> None:
        audience = Audience()
        listener = audience.join(())
        gap, end = LogTrouble(A, "a gap", 1.0), ReplicaSeen(A, Phase.RUNNING, 1.0)
        for each in (chunk(A, 0, 0, 5), gap, chunk(A, 1, 5, 9), chunk(A, 2, 9, 12), end, chunk(A, 3, 12, 13)):
            audience.tell(each)
        audience.close()
        assert await heard(listener) == [
            chunk(A, 0, 0, 5), gap, LogChunk(A, 1, 2, 5, 12), end, chunk(A, 3, 12, 13),
        ]  # fmt: skip

    run(story)


def test_who_listens_is_woken() -> None:
    """An observation arrives while the watcher waits for it, and a chunk that was taken is not joined any more."""

    async def story() -> None:
        audience = Audience()
        listener = audience.join(())
        stream = listener.stream()
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        audience.tell(chunk(A, 0, 0, 5))
        assert await first == chunk(A, 0, 0, 5)
        audience.tell(chunk(A, 1, 5, 9))
        assert await anext(stream) == chunk(A, 1, 5, 9)

    run(story)


def test_who_comes_late_is_told_what_is_so() -> None:
    """Also after the end; who has left hears nothing."""

    async def story() -> None:
        audience = Audience()
        gone = audience.join(())
        audience.leave(gone)
        audience.tell(DONE)
        audience.close()
        assert await heard(audience.join([DONE])) == [DONE]
        assert len(audience) == 1

    run(story)


def test_an_error_comes_after_what_was_told() -> None:
    """Nothing that was seen before it is lost."""

    async def story() -> None:
        audience = Audience()
        listener = audience.join(())
        audience.tell(DONE)
        audience.close(TargetError("no more"))
        stream = listener.stream()
        assert await anext(stream) == DONE
        with pytest.raises(TargetError, match="no more"):
            await anext(stream)

    run(story)
