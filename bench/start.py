"""Kernel start to the reply to kernel_info, memory then, and a plain cell's latency, beside a plain ipykernel."""

from __future__ import annotations

from pathlib import Path

from bench.kernels import CIAO, PLAIN, kernel
from bench.measure import Pairs, Row, pairs, ratio_row

_CELL = "total = 0\nfor value in range(100):\n    total += value\ntotal"


def start(directory: Path, quick: bool) -> list[Row]:
    """Both numbers of one start; each pair is two fresh processes, one after the other."""
    memory: dict[tuple[str, ...], list[float]] = {CIAO: [], PLAIN: []}

    def begin(argv: tuple[str, ...]) -> float:
        with kernel(argv, directory) as live:
            memory[argv].append(live.memory())
            return live.ready_after * 1000

    taken = pairs(lambda: begin(CIAO), lambda: begin(PLAIN), 3 if quick else 20)
    held = Pairs(tuple(memory[CIAO][1:]), tuple(memory[PLAIN][1:]))
    return [
        ratio_row("kernel start to kernel_info", taken, "ms", at_most=1.10),
        ratio_row("kernel memory after the start", held, "MiB", at_most=1.10),
    ]


def cell(directory: Path, quick: bool) -> list[Row]:
    """Request to reply of the same plain cell, alternating between two live kernels."""
    with kernel(CIAO, directory) as ours, kernel(PLAIN, directory) as theirs:
        taken = pairs(
            lambda: ours.round_trip(_CELL) * 1000,
            lambda: theirs.round_trip(_CELL) * 1000,
            50 if quick else 400,
            warmup=20,
        )
    return [ratio_row("plain cell, request to reply", taken, "ms", at_most=1.05)]
