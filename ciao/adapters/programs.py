"""Programs that are started for their answer: with a session of their own, and gone when nobody wants it any more."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress


async def started(program: str, *arguments: str, env: Mapping[str, str], stdin: int) -> Process:
    """A process whose output is read by pipes; the kernel's interrupts are not for it. OSError when there is none.

    Cancelled on the way, it is ended. (asyncio itself would wait for ever then for pipes that are not there yet, as of
    Python 3.11.7: ``base_subprocess``, ``_wait`` after a cancelled ``_connect_pipes``.)
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            program, *arguments, env=dict(env), stdin=stdin, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        with suppress(OSError):
            process = await starting
            await end(process)
        raise


async def end(process: Process) -> None:
    """Kill it, with its children, which may hold its pipes; one that has ended already is no error."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
