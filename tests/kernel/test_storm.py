"""Random interrupts, restarts and kills: every request is answered, and no process is left."""

from __future__ import annotations

import random
import time
from typing import Any

CELLS = (
    "%framework=pytorch\n%worker=1\nimport time\nfor n in range(20):\n    print(n, flush=True)\n    time.sleep(0.1)\n",
    "%framework=pytorch\nimport signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(2)\n",
    "import time; time.sleep(1)",
    "import asyncio; await asyncio.sleep(1)",
    "for n in range(10**7): pass",
    "%jobs",
)


def test_every_request_is_answered_in_a_storm_of_interrupts(start: Any) -> None:
    """Interrupts at random moments of random cells, by message: every cell gets its reply and the kernel stays well."""
    chance = random.Random(1)
    kernel = start()
    for _ in range(9):
        request = kernel.send(chance.choice(CELLS), stop_on_error=False)
        for _ in range(chance.randrange(1, 6)):
            time.sleep(chance.random() * 0.2)
            kernel.interrupt()
        kernel.wait(request, timeout=15)
    assert kernel.run("print('well')").text == "well\n"
    kernel.close()


def test_no_process_is_left_after_restarts_and_kills(start: Any) -> None:
    """Restarts and SIGKILLs at random moments of a job, detached or not."""
    from pathlib import Path

    chance = random.Random(3)
    kernel = start()
    for _ in range(4):
        kernel.send(
            chance.choice(CELLS[:2]).replace("pytorch", "pytorch;%detach" if chance.random() < 0.5 else "pytorch")
        )
        time.sleep(chance.random() * 1.2)
        kernel.manager.restart_kernel(now=chance.random() < 0.5)
        kernel.client.stop_channels()
        kernel.connect()
    kernel.close()
    deadline = time.monotonic() + 5
    while left := _standing_in(kernel.home):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    assert Path(kernel.home).is_dir()


def _standing_in(home: Any) -> list[str]:
    from pathlib import Path

    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "cwd").readlink() == home and b"ciao" in (process / "cmdline").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found
