"""How a number becomes a verdict: pairs in one run, alternating; the median of their ratios or differences.

A ratio of two medians taken minutes apart compares the machine with itself at another time. Here the two sides of a
pair stand next to each other, and their order alternates from pair to pair, so that what drifts cancels.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Sample = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One line of the result. ``ours`` and ``theirs`` are texts with units; ``good`` None: nothing was promised."""

    what: str
    ours: str
    theirs: str
    result: str
    goal: str
    good: bool | None

    @property
    def verdict(self) -> str:
        """What stands in the last column."""
        return {True: "met", False: "MISSED", None: "-"}[self.good]


@dataclass(frozen=True)
class Pairs:
    """Measurements side by side, in the order in which they were taken."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours divided by theirs, pair by pair."""
        return tuple(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def differences(self) -> tuple[float, ...]:
        """Ours minus theirs, pair by pair."""
        return tuple(a - b for a, b in zip(self.ours, self.theirs, strict=True))


def pairs(ours: Sample, theirs: Sample, count: int, *, warmup: int = 1) -> Pairs:
    """Take ``count`` pairs; the side that goes first alternates. The first ``warmup`` pairs do not count."""
    a: list[float] = []
    b: list[float] = []
    for number in range(warmup + count):
        for side, found in ((ours, a), (theirs, b))[:: 1 if number % 2 else -1]:
            value = side()
            if number >= warmup:
                found.append(value)
    return Pairs(tuple(a), tuple(b))


def ratio_row(
    what: str, taken: Pairs, unit: str, *, at_most: float | None = None, at_least: float | None = None
) -> Row:
    """A row whose goal is a ratio; exactly one bound."""
    middle = statistics.median(taken.ratios)
    if at_most is not None:
        goal, good = f"<= {at_most:.2f} x", middle <= at_most
    else:
        assert at_least is not None
        goal, good = f">= {at_least:.2f} x", middle >= at_least
    return Row(
        what, amount(taken.ours, unit), amount(taken.theirs, unit), f"{middle:.3f} x {span(taken.ratios)}", goal, good
    )


def difference_row(what: str, taken: Pairs, unit: str, *, at_most: float) -> Row:
    """A row whose goal is a difference in the unit of the measurements."""
    middle = statistics.median(taken.differences)
    result = f"{'+' if middle > 0 else ''}{_number(middle)} {unit} {span(taken.differences)}"
    goal = f"<= +{at_most:g} {unit}" if at_most else "faster"
    return Row(what, amount(taken.ours, unit), amount(taken.theirs, unit), result, goal, middle <= at_most)


def median_row(what: str, values: Sequence[float], unit: str, *, at_most: float | None) -> Row:
    """A row without a peer: the median counts; without a goal it is only told."""
    middle = statistics.median(values)
    goal, good = ("-", None) if at_most is None else (f"<= {at_most:g} {unit}", middle <= at_most)
    return Row(what, amount(values, unit), "-", f"{_number(middle)} {unit} {span(values)}", goal, good)


def limit_row(what: str, values: Sequence[float], unit: str, *, at_most: float) -> Row:
    """A row without a peer: the worst value counts."""
    worst = max(values)
    return Row(
        what, amount(values, unit), "-", f"{_number(worst)} {unit} at most", f"<= {at_most:g} {unit}", worst <= at_most
    )


def amount(values: Sequence[float], unit: str) -> str:
    """The median with its unit, and how many values it stands for."""
    return f"{_number(statistics.median(values))} {unit} (n={len(values)})"


def span(values: Sequence[float]) -> str:
    """``(0.98 to 1.04)``: least and greatest."""
    return f"({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    """Three digits that count, but whole numbers in full."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
