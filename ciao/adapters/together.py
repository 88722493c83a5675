"""Several things at once; the first that fails ends the others."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*work: Coroutine[Any, Any, Any], at_once: int = 0) -> list[Any]:
    """The results in order. What is raised is the first error as it is; when it is raised none of the others goes on.

    ``at_once`` (0: all): so many at most.
    """
    room = asyncio.Semaphore(at_once or len(work) or 1)

    async def run(each: Coroutine[Any, Any, Any]) -> Any:
        async with room:
            return await each

    tasks = [asyncio.ensure_future(run(each)) for each in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in work:
            each.close()  # those that had not begun
        raise
