"""The line that says how far the making of an image has come."""

from __future__ import annotations

from ciao.core.events import Note, Progress, Submitted
from ciao.core.model import JobHandle
from ciao.kernel.building import Building

from .jobs import job

EXISTS = Submitted(job(), JobHandle("kubeflow", "", "", "PyTorchJob", "demo", "u"), 0.0)


def told(building: Building) -> str:
    return building.bundle()["text/plain"]


def test_a_step_with_a_size_has_a_bar() -> None:
    """In words and as a picture."""
    building = Building()
    assert building.note(Progress("pushing data", 1 << 20, 4 << 20), 1.0)
    assert told(building) == "◐ pushing data 1.0 MiB of 4.0 MiB"
    assert "25%" in building.bundle()["text/html"]


def test_a_line_of_a_log_is_shown_as_text() -> None:
    """Whatever is in it."""
    building = Building()
    building.note(Progress("STEP <b>1</b>"), 1.0)
    assert told(building) == "◐ STEP <b>1</b>"
    assert "&lt;b&gt;1" in building.bundle()["text/html"]


def test_in_the_end_it_says_how_long_it_took() -> None:
    """And how much was moved, when the job exists; what comes later changes nothing."""
    building = Building()
    building.note(Progress("one"), 1.0)
    building.note(Progress("packing data", 1, 4 << 20), 3.0)
    assert building.note(EXISTS, 3.5)
    assert told(building) == "✓ image made in 2.5 s · packing data 4.0 MiB"
    assert not building.note(Progress("three"), 4.0)
    assert not building.failed(5.0)


def test_a_job_that_never_was_has_no_image() -> None:
    """Said once."""
    building = Building()
    building.note(Progress("one"), 1.0)
    assert building.failed(2.0)
    assert told(building) == "✗ no image, after 1.0 s"
    assert not building.failed(3.0)


def test_where_nothing_is_made_nothing_is_said() -> None:
    """Most cells take no time for it."""
    building = Building()
    assert not building.note(Note("x"), 0.0)
    assert not building.note(EXISTS, 0.0)
    assert not building.failed(1.0)
