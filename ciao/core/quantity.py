"""Kubernetes quantities: ``500m``, ``2``, ``1.5``, ``2Gi``, ``1e3``; parse, compare, print.

Source: apimachinery ``resource.Quantity``. The value is exact (a Fraction), the text is what was
written, so that a manifest shows the user's own words; equality and order are by value.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

from attrs import field, frozen

_SUFFIXES = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12),
    "P": Fraction(10**15), "E": Fraction(10**18),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
    "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip
_QUANTITY = re.compile(
    r"\+?(?P<whole>\d*)(?:\.(?P<part>\d*))?(?:[eE](?P<exponent>[+-]?\d{1,3})|(?P<suffix>[A-Za-z]*))", re.ASCII
)
# The API server caps larger amounts without a word; a cap that nobody sees is worse than an error.
_LARGEST = 2**63 - 1
_LONGEST = 64


@functools.total_ordering
@frozen(eq=False)
class Quantity:
    """A non-negative amount of a resource (cores, bytes, devices)."""

    value: Fraction
    text: str = field(repr=True)

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """ValueError, with a sentence for the user, for anything that is no quantity."""
        match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None or not (match["whole"] or match["part"]):
            raise ValueError(f"{text!r} is not a quantity (a number with an optional suffix: 500m, 2, 1.5Gi)")
        suffix = match["suffix"] or ""
        if suffix not in _SUFFIXES:
            known = ", ".join(each for each in _SUFFIXES if each)
            raise ValueError(f"{text!r} has the unknown suffix {suffix!r} (known: {known})")
        part = match["part"] or ""
        number = Fraction(int(match["whole"] + part), 10 ** len(part))
        value = number * Fraction(10) ** int(match["exponent"] or 0) * _SUFFIXES[suffix]
        if value > _LARGEST:
            raise ValueError(f"{text!r} is more than a quantity can be (2^63 - 1)")
        return cls(value, text)

    def __str__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        """Rounded up to a whole, as Kubernetes does."""
        return -int(-self.value // 1)

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, Quantity) else NotImplemented

    def __lt__(self, other: Quantity) -> bool:
        return self.value < other.value

    def __hash__(self) -> int:
        return hash(self.value)
