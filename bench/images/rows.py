"""Several builders side by side, and how much faster Ciao is than each: interleaved, compared round by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from bench.measure import Pairs, Row, amount, span

CIAO = "Ciao"
Arm = Callable[[], float]
Taken = Mapping[str, Sequence[float]]


def rounds(arms: Mapping[str, Arm], count: int, *, warmup: int = 1) -> dict[str, tuple[float, ...]]:
    """Each arm once a round, another one first each time. The first ``warmup`` rounds do not count."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    order = list(arms)
    for number in range(warmup + count):
        for name in order:
            value = arms[name]()
            if number >= warmup:
                found[name].append(value)
        order = [*order[1:], order[0]]
    return {name: tuple(values) for name, values in found.items()}


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def faster(what: str, taken: Taken, peers: Sequence[str], *, at_least: float) -> list[Row]:
    """Against the fastest of ``peers``, which has the goal; the others are told."""
    ranked = sorted(peers, key=lambda name: statistics.median(taken[name]))
    rows = [_faster(f"{what}, beside {ranked[0]}", taken, ranked[0], at_least)]
    return rows + [_faster(f"· beside {name}", taken, name, None) for name in ranked[1:]]


def _faster(what: str, taken: Taken, peer: str, at_least: float | None) -> Row:
    """The ratio says how many times longer the peer takes."""
    ratios = Pairs(tuple(taken[peer]), tuple(taken[CIAO])).ratios
    middle = statistics.median(ratios)
    goal, good = ("-", None) if at_least is None else (f">= {at_least:g} x", middle >= at_least)
    ours, theirs = (amount(taken[name], "s") for name in (CIAO, peer))
    return Row(what, ours, theirs, f"{middle:.1f} x faster {span(ratios)}", goal, good)
