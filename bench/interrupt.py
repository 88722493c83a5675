"""Stop button to answered cell, and no process left by then: replicas that obey SIGTERM, and such that do not."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import psutil

from bench.kernels import LiveKernel, ciao_kernel
from bench.measure import Row, limit_row

_MAGICS = "%framework=pytorch\n%master=1;%worker=1\n"
_OBEYS = 'import os, time\nprint("pid", os.getpid(), flush=True)\ntime.sleep(600)\n'
_REFUSES = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _OBEYS
_GRACE = 2.0  # seconds; the default of local.grace
_PID = re.compile(r"\] pid (\d+)")


def interrupt(directory: Path, quick: bool) -> list[Row]:
    """Each value is the slowest of its kind; a process that is left is an error, not a number."""
    count = 2 if quick else 10
    with ciao_kernel(directory) as live:
        obeying = [_stop(live, _OBEYS) for _ in range(count)]
        stubborn = [_stop(live, _REFUSES) for _ in range(count // 2)]
    return [
        limit_row("interrupt to answered cell, replicas obey", obeying, "s", at_most=1.0),
        limit_row("interrupt to answered cell, replicas ignore SIGTERM", stubborn, "s", at_most=_GRACE + 1.0),
    ]


def _stop(live: LiveKernel, code: str) -> float:
    began = time.perf_counter()
    request = live.client.execute(_MAGICS + code, allow_stdin=False)
    pids: list[int] = []
    while len(pids) < 2:
        message = live.client.get_iopub_msg(timeout=30)
        if message["parent_header"].get("msg_id") == request:
            pids += map(int, _PID.findall(message["content"].get("text", "")))
    pressed = time.perf_counter()
    threading.Thread(target=live.manager.interrupt_kernel).start()
    answer = live.collect(request, began, timeout=30)
    taken = began + answer.seconds - pressed
    left = [pid for pid in pids if psutil.pid_exists(pid)]
    if left or answer.status != "error":
        raise RuntimeError(f"after the interrupt: status {answer.status}, processes left: {left}")
    return taken
