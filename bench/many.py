"""Twenty, a hundred, two hundred replicas on this machine: from Enter to the answered cell, per replica."""

from __future__ import annotations

import statistics
from pathlib import Path

from bench.kernels import LiveKernel, ciao_kernel
from bench.measure import Row, amount

_FLAT = 1.25  # the largest job's cost per replica beside the smallest's


def many(directory: Path, quick: bool) -> list[Row]:
    """The sizes take turns, so that what drifts hits them alike."""
    sizes = (20, 50) if quick else (20, 100, 200)
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    with ciao_kernel(directory) as live:
        _run(live, 2)
        for _ in range(1 if quick else 3):
            for size in sizes:
                taken[size].append(_run(live, size) * 1000 / size)
    smallest = statistics.median(taken[sizes[0]])
    rows = []
    for size in sizes:
        ratio = statistics.median(taken[size]) / smallest
        result = f"{ratio:.2f} x that of {sizes[0]}"
        rows.append(
            Row(
                f"{size} replicas, start to clean",
                amount(taken[size], "ms each"),
                "-",
                result,
                f"<= {_FLAT} x",
                ratio <= _FLAT,
            )
        )
    return rows


def _run(live: LiveKernel, size: int) -> float:
    answer = live.execute(f"%framework=pytorch\n%master=1;%worker={size - 1}\npass")
    if answer.status != "ok":
        raise RuntimeError(answer.text[-2000:])
    return answer.seconds
