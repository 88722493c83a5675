"""A flood of lines: its rate to disk, what it costs the kernel's memory, and what it sends to the server.

Four replicas write numbered 100-byte lines in blocks of 64 KB, as fast as they can. Afterwards every byte on disk is
compared with what was written: all lines, in order, none lost.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from bench.kernels import Answer, LiveKernel, Message, ciao_kernel
from bench.measure import Row, limit_row, pairs, ratio_row

REPLICAS = 4
LINE = 100  # bytes, with its newline
PER_BLOCK = 655
_PRODUCER = f"""
import os
name = os.environ["CIAO_REPLICA"]
template = b"".join(b"%s ############ %03d %s\\n" % (name.encode(), at, b"x" * ({LINE} - 19 - len(name)))
                    for at in range({PER_BLOCK}))
for block in range(BLOCKS):
    rest = memoryview(template.replace(b"############", b"%012d" % block))
    while rest:
        rest = rest[os.write(1, rest):]
"""
_WINDOW = 3.0  # seconds; jupyter_server's rate_limit_window
_MESSAGES, _BYTES = 1_000.0, 1_000_000.0  # its limits per second


def rate(directory: Path, quick: bool) -> list[Row]:
    """Lines per second from Enter to the answered cell, beside ``producer | cat > file`` four times at once."""
    blocks = 100 if quick else 1_000
    lines = REPLICAS * PER_BLOCK * blocks
    with ciao_kernel(directory) as live:
        taken = pairs(
            lambda: lines / _flood(live, directory, blocks).seconds / 1e6,
            lambda: lines / _cat(directory, blocks) / 1e6,
            2 if quick else 5,
        )
    what = f"log path, {REPLICAS} replicas, {lines / 1e6:.1f} million lines on disk in order, beside cat"
    return [ratio_row(what, taken, "million lines/s", at_least=0.5)]


def memory(directory: Path, quick: bool) -> list[Row]:
    """One flood of five million lines, the kernel's memory looked at twenty times a second."""
    blocks = (500_000 if quick else 5_000_000) // (REPLICAS * PER_BLOCK) + 1
    with ciao_kernel(directory) as live:
        _flood(live, directory, 2)
        before, seen = live.memory(), [live.memory()]
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.05):
                seen.append(live.memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            answer = _flood(live, directory, blocks)
        finally:
            done.set()
            watcher.join()
    count, data = _busiest(answer.messages)
    what = f"while {blocks * REPLICAS * PER_BLOCK / 1e6:.1f} million lines pass"
    return [
        limit_row(f"kernel memory growth {what}", [max(seen) - before], "MiB", at_most=30),
        limit_row(f"messages to the server {what}, busiest 3 s", [count / _WINDOW], "per s", at_most=_MESSAGES),
        limit_row(f"bytes to the server {what}, busiest 3 s", [data / _WINDOW / 1000], "kB/s", at_most=_BYTES / 1000),
    ]


def _flood(live: LiveKernel, directory: Path, blocks: int) -> Answer:
    """Run the producer as a job; raises unless its log holds every line."""
    name = f"flood-{time.monotonic_ns() % 10**12}"
    magics = f"%framework=pytorch\n%name={name}\n%master=1;%worker={REPLICAS - 1}\n"
    answer = live.execute(magics + _PRODUCER.replace("BLOCKS", str(blocks)))
    if answer.status != "ok":
        raise RuntimeError(answer.text[-2000:])
    logs = directory / "jobs" / "local" / name / "logs"
    for replica in ("master-0", *(f"worker-{index}" for index in range(REPLICAS - 1))):
        _verify(logs / f"{replica}.log", replica, blocks)
    shutil.rmtree(logs.parent)  # the next one shall find as much room
    return answer


def _cat(directory: Path, blocks: int) -> float:
    """Seconds for the same producers, each through ``cat`` into a file."""
    script = directory / "producer.py"
    script.write_text(_PRODUCER.replace("BLOCKS", str(blocks)))
    names = [f"worker-{index}" for index in range(REPLICAS)]
    one = 'CIAO_REPLICA={0} "$0" "$1" | cat > "$2/{0}.txt" & '
    command = "".join(one.format(name) for name in names) + "wait"
    began = time.perf_counter()
    subprocess.run(["sh", "-c", command, sys.executable, str(script), str(directory)], check=True)
    taken = time.perf_counter() - began
    for name in names:
        _verify(directory / f"{name}.txt", name, blocks)
        (directory / f"{name}.txt").unlink()
    return taken


def _verify(file: Path, replica: str, blocks: int) -> None:
    with file.open("rb") as stream:
        for number, block in enumerate(_written(replica, blocks)):
            if stream.read(len(block)) != block:
                raise RuntimeError(f"{file}: the log differs from what was written in block {number}")
        if stream.read(1):
            raise RuntimeError(f"{file}: the log has more than was written")


def _written(replica: str, blocks: int) -> Iterator[bytes]:
    filling = "x" * (LINE - 19 - len(replica))
    template = "".join(f"{replica} ############ {at:03d} {filling}\n" for at in range(PER_BLOCK)).encode()
    for block in range(blocks):
        yield template.replace(b"############", b"%012d" % block)


def _busiest(messages: tuple[Message, ...]) -> tuple[int, int]:
    """The most messages and the most bytes within any window of jupyter_server's length."""
    window: deque[Message] = deque()
    most = size = largest = 0
    for message in messages:
        window.append(message)
        size += message.size
        while window[0].at < message.at - _WINDOW:
            size -= window.popleft().size
        most, largest = max(most, len(window)), max(largest, size)
    return most, largest
