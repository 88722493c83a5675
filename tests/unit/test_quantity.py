"""Kubernetes quantities."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core.quantity import Quantity

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"]
numbers = st.one_of(
    st.integers(0, 10**6).map(str), st.decimals(0, 1000, places=3, allow_nan=False, allow_infinity=False).map(str)
)
quantities = st.builds("{}{}".format, numbers, st.sampled_from(SUFFIXES)).map(Quantity.parse)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2), ("500m", Fraction(1, 2)), ("1.5", Fraction(3, 2)), (".5", Fraction(1, 2)), ("2.", 2), ("+3", 3),
        ("1k", 1000), ("1Ki", 1024), ("2Gi", 2 * 2**30), ("1.5Gi", 3 * 2**29), ("1E", 10**18), ("1e3", 1000),
        ("1E3", 1000), ("5e-1", Fraction(1, 2)), ("3n", Fraction(3, 10**9)), ("7Ei", 7 * 2**60), ("0", 0),
    ],
)  # fmt: skip
def test_a_quantity_means_exactly_what_kubernetes_means(text, value):
    """Every form that apimachinery's Quantity documents has its exact value; 1E is exa and 1E3 a thousand."""
    assert Quantity.parse(text).value == value


@pytest.mark.parametrize(
    "text", ["", "lots", "Gi", "-1", "1 Gi", "1K", "1gi", "1e", "1e3Mi", "0x10", "1_000", "٣", ".", "+"]
)
def test_what_is_no_quantity_is_refused_with_a_sentence(text):
    """Anything else is a ValueError that quotes what was written."""
    with pytest.raises(ValueError, match=r"quantity|suffix") as caught:
        Quantity.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["8Ei", "1e999", "9" * 5000])
def test_an_amount_that_the_api_server_would_cap_is_refused(text):
    """More than 2^63 - 1 is an error, not silently less; digits without end cannot stall the parser."""
    with pytest.raises(ValueError, match="quantity"):
        Quantity.parse(text)


@given(quantities)
def test_printing_and_parsing_come_back_to_the_same(quantity):
    """str() keeps the user's own words, and they parse to an equal quantity."""
    again = Quantity.parse(str(quantity))
    assert again == quantity and again.text == quantity.text and hash(again) == hash(quantity)


@given(quantities, quantities)
def test_order_is_by_value(one, other):
    """Comparisons agree with the exact values, whatever the suffixes."""
    assert (one < other) == (one.value < other.value) and (one >= other) == (one.value >= other.value)


def test_equality_is_by_value_and_not_by_text():
    """1024Mi is 1Gi; it is not the number."""
    assert Quantity.parse("1024Mi") == Quantity.parse("1Gi") != 2**30


@pytest.mark.parametrize(("text", "whole"), [("500m", 1), ("2", 2), ("1.1", 2), ("1Gi", 2**30), ("1n", 1), ("0", 0)])
def test_a_whole_number_is_rounded_up(text, whole):
    """int() never promises less than was asked for."""
    assert int(Quantity.parse(text)) == whole


def test_a_float_is_for_display():
    """float() is near the exact value."""
    assert float(Quantity.parse("500m")) == 0.5
