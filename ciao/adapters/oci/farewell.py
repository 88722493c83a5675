"""What is begun at a registry and not wanted any more is taken back, as far as that goes quickly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from ciao.adapters.oci.errors import RegistryError

T = TypeVar("T")
_PATIENCE = 2.0  # seconds


async def begun(request: Coroutine[Any, Any, T], undo: Callable[[T], Awaitable[None]]) -> T:
    """What the request gives. Cancelled while it is under way, it comes to its end, and what it began is undone."""
    beginning = asyncio.ensure_future(request)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:

        async def take_back() -> None:
            await undo(await beginning)

        await quickly(take_back())
        raise


async def quickly(work: Coroutine[Any, Any, None]) -> None:
    """Done when this ends, also when it is cancelled meanwhile; that it failed, or took too long, is no error."""

    async def bounded() -> None:
        with suppress(RegistryError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await work

    working = asyncio.ensure_future(bounded())
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait((working,))
        raise
