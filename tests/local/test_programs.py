"""Programs that are started for their answer."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from ciao.adapters.programs import end, started

WRITES = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10, 30])
def test_cancelled_on_the_way_it_is_ended(tmp_path: Path, turns: int) -> None:
    """At whatever point of its start; and it does not take for ever."""
    path = tmp_path / "pid"

    async def main() -> None:
        starting = asyncio.ensure_future(
            started(sys.executable, "-c", WRITES, str(path), env=os.environ, stdin=asyncio.subprocess.DEVNULL)
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        if starting.done():
            return await end(starting.result())
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        return None

    asyncio.run(asyncio.wait_for(main(), 30))
    if path.exists() and path.read_text():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)


def test_one_that_is_not_there_is_an_error_of_the_system() -> None:
    """Which whoever wanted it translates."""

    async def main() -> None:
        await started("no-such-program", env={}, stdin=asyncio.subprocess.DEVNULL)

    with pytest.raises(FileNotFoundError):
        asyncio.run(main())
