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
