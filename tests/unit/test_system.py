"""Time and chance of this machine."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.adapters.system import RandomNames, SystemClock


@given(st.text(max_size=60))
def test_a_job_name_is_a_label_whatever_the_framework_is_called(framework: str) -> None:
    """DNS-1035, at most 33 characters: what a Service of a cluster may be called."""
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,31}[a-z0-9])", RandomNames().job(framework))


@pytest.mark.parametrize(
    ("framework", "stem"), [("pytorch", "pytorch-"), ("My Frame_work", "my-frame-work-"), ("42", "job-")]
)
def test_a_job_name_says_its_framework(framework: str, stem: str) -> None:
    """So that a list of jobs reads well."""
    assert re.fullmatch(stem + "[a-z0-9]{5}", RandomNames().job(framework))


def test_names_are_fresh() -> None:
    """Two jobs of one second do not meet."""
    names = RandomNames()
    assert len({names.job("pytorch") for _ in range(1000)}) >= 995
    assert len({names.uid() for _ in range(1000)}) == 1000


def test_the_clock_goes_forward() -> None:
    """Both of its hands."""
    clock = SystemClock()
    before = (clock.now(), clock.monotonic())
    assert clock.now() >= before[0]
    assert clock.monotonic() >= before[1]
