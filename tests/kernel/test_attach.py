"""``%detach`` and ``%attach``: a job and the cells that watch it are two things."""

from __future__ import annotations

from typing import Any

JOB = "%framework=pytorch\n%master=1;%name=NAME;%detach\nimport time\nprint('up', flush=True)\n"


def detached(kernel: Any, name: str, code: str) -> None:
    assert kernel.run(JOB.replace("NAME", name) + code).status == "ok"


def test_stop_on_attach_ends_the_watching_and_not_the_job(kernel: Any) -> None:
    """The job may be another notebook's; the error says how to end it, and that works."""
    detached(kernel, "watched", "time.sleep(300)\n")
    request = kernel.send("%attach watched")
    kernel.until_shown(request, "[master-0] up")
    kernel.interrupt()
    cell = kernel.wait(request)
    assert cell.error == "JobLeft: watched goes on. %attach watched follows it, %stop watched ends it."
    assert "running" in kernel.run("%jobs").text
    assert kernel.run("%stop watched").text == "watched was asked to stop.\n"
    assert "stopped" in kernel.run("%attach watched").error


def test_attach_shows_what_was_said_and_how_it_ended(kernel: Any) -> None:
    """A detached job's error is raised where somebody waits for it."""
    detached(kernel, "late", "raise KeyError('k')\n")
    cell = kernel.run("%attach late")
    assert "[master-0] up" in cell.text
    assert "KeyError at line 5" in cell.error


def test_a_detached_cell_says_first_what_was_started_then_how_to_reach_it(kernel: Any) -> None:
    """The header, then the ways back to the job; both before the cell is answered."""
    cell = kernel.run(JOB.replace("NAME", "away") + "time.sleep(300)\n")
    assert cell.text.splitlines()[:2] == [
        "away · master 1 · this machine",
        "away goes on by itself · %attach away follows it · %stop away ends it",
    ]
    assert kernel.run("%stop away").status == "ok"


def test_names_of_jobs_are_completed(kernel: Any) -> None:
    """Nobody types pytorch-k3f9x."""
    kernel.run("%framework=pytorch\n%name=completed-by-tab\npass")
    found = kernel.ask("complete_request", {"code": "%attach comp", "cursor_pos": 12})
    assert "completed-by-tab" in found["matches"]
