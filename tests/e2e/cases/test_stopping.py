"""The Stop button on a cluster: the job ends, its logs stay."""

from __future__ import annotations

import time

import pytest

from ..notebook import Notebook, eventually

SLEEP = """%framework=pytorch;%name=stopped
%master=1;%worker=1
import signal, time
DEAF
print("up", flush=True)
time.sleep(300)
"""


def started(notebook: Notebook, code: str) -> str:
    """A job whose replicas are up; the cell's request."""
    request = notebook.send(code)
    notebook.until_said(request, lambda said: said.count("] up") == 2, 60, "replicas that are up")
    return request


def alive(notebook: Notebook) -> list[str]:
    pods = notebook.tenant.items("pods")
    return [each["metadata"]["name"] for each in pods if each["status"]["phase"] in ("Pending", "Running")]


def test_stop_ends_the_job_and_keeps_its_logs(notebook: Notebook) -> None:
    """The cell ends with an error that says so, within seconds; no pod runs on; %logs has what was said."""
    request = started(notebook, SLEEP.replace("DEAF", ""))
    began = time.monotonic()
    notebook.interrupt()
    cell = notebook.wait(request, timeout=20)
    assert cell.reply["ename"] == "JobStoppedError" and "was stopped" in cell.error, cell.error
    assert time.monotonic() - began < 10
    assert eventually(lambda: not alive(notebook), 5, "end of the pods")
    assert sorted(notebook.run("%logs stopped").text.splitlines()) == ["[master-0] up", "[worker-0] up"]
    assert "stopped" in notebook.run("%jobs").text


def test_a_second_stop_does_not_wait_for_the_grace(notebook: Notebook) -> None:
    """Replicas that ignore SIGTERM have their grace, unless Stop is pressed again."""
    request = started(notebook, SLEEP.replace("DEAF", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
    notebook.interrupt()
    with pytest.raises(TimeoutError):
        notebook.wait(request, timeout=2)
    began = time.monotonic()
    notebook.interrupt()
    assert notebook.wait(request, timeout=20).reply["ename"] == "JobStoppedError"
    assert time.monotonic() - began < 3
    assert eventually(lambda: not alive(notebook), 10, "end of the pods")


def test_a_job_is_stopped_by_name(notebook: Notebook) -> None:
    """%stop ends what another cell started."""
    request = notebook.send(SLEEP.replace("DEAF", "").replace("%name=stopped", "%name=stopped;%detach"))
    notebook.until_said(request, lambda said: said.count("] up") == 2, 60, "replicas that are up")
    assert notebook.run("%stop stopped").status == "ok"
    assert "stopped" in notebook.run("%attach stopped", timeout=20).error
    assert eventually(lambda: not alive(notebook), 5, "end of the pods")
