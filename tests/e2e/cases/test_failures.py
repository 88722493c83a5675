"""Jobs that do not end well: why is said first, with the line of the cell or the cluster's own reason."""

from __future__ import annotations

import re
import time
from typing import Any

from ..notebook import Notebook, eventually

TWO = "%framework=pytorch\n%master=1;%worker=1\n"


def condition(notebook: Notebook, job: str) -> str:
    """The newest of a job's conditions."""
    conditions: list[dict[str, Any]] = notebook.tenant.get("pytorchjob", job).get("status", {}).get("conditions", [])
    true = [each["type"] for each in conditions if each["status"] == "True"]
    return true[-1] if true else ""


def running(notebook: Notebook) -> list[str]:
    """Pods that run."""
    pods = notebook.tenant.items("pods")
    return [each["metadata"]["name"] for each in pods if each["status"]["phase"] == "Running"]


def test_the_root_cause_comes_first(notebook: Notebook) -> None:
    """A worker that raises is the cell's error, with the cell's line; the master is stopped."""
    began = time.monotonic()
    code = TWO + "import os, time\nif os.environ['RANK'] == '1':\n    1 / 0\ntime.sleep(120)\n"
    cell = notebook.run(code, timeout=60)
    assert cell.reply["ename"] == "JobFailedError", cell.text
    assert cell.error.startswith("JobFailed: worker-0 failed first")
    assert "ZeroDivisionError" in cell.error and "line 5" in cell.error and "master-0 was then stopped" in cell.error
    assert re.search(r"\[worker-0\]   Cell In \[\d+\], line 5\n", cell.text)
    assert time.monotonic() - began < 45
    assert eventually(lambda: not running(notebook), 15, "end of the pods")


def test_memory_that_ran_out(notebook: Notebook) -> None:
    """OOMKilled is told with the limit and what to do."""
    code = "%framework=pytorch;%memory=64Mi\ndata = []\nwhile True:\n    data.append(b'x' * 1_000_000)\n"
    cell = notebook.run(code, timeout=60)
    assert cell.reply["ename"] == "JobFailedError", cell.text
    assert "ran out of memory" in cell.error and "64Mi" in cell.error and "%memory" in cell.error


def test_an_image_that_does_not_exist(notebook: Notebook) -> None:
    """Said while it lasts, with the image's name; Stop ends the waiting, and nothing is left."""
    image = f"{notebook.tenant.cluster.registry or 'registry.invalid'}/absent:1"
    request = notebook.send(f"%framework=pytorch;%image={image};%name=absent\npass\n")
    notebook.until_said(request, lambda said: re.search(r"^… .*absent:1", said, re.MULTILINE), 40, "hint")
    notebook.interrupt()
    cell = notebook.wait(request, timeout=20)
    assert cell.reply["ename"] == "JobStoppedError", cell.error
    hints = [line for line in cell.text.splitlines() if line.startswith("… ") and "absent:1" in line]
    assert len(hints) == len(set(hints)), "the same is said once"
    alive = ("Running", "Pending")
    eventually(lambda: not [p for p in notebook.tenant.items("pods") if p["status"]["phase"] in alive], 15, "clean end")


def test_a_replica_that_fits_nowhere_is_explained(notebook: Notebook) -> None:
    """An account that may not read nodes: the scheduler's reason is a hint while the job waits."""
    request = notebook.send("%framework=pytorch;%cpu=64\npass\n")
    notebook.until_said(request, lambda said: re.search(r"^… .*cpu", said, re.MULTILINE), 30, "hint")
    notebook.interrupt()
    assert notebook.wait(request, timeout=20).reply["ename"] == "JobStoppedError"


def test_a_retry_is_a_whole_new_job(notebook: Notebook) -> None:
    """The first attempt fails, the second one, which finds another Secret, succeeds; one log has both."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "flag"}}
    notebook.tenant.apply({**secret, "stringData": {"answer": "no"}})
    request = notebook.send(
        "%framework=pytorch;%name=again;%retries=1;%env=ANSWER=secret:flag/answer\n"
        "import os, time\nprint('the answer is', os.environ['ANSWER'], flush=True)\n"
        "if os.environ['ANSWER'] == 'no':\n    time.sleep(3)\n    raise RuntimeError('not yet')\n"
    )
    notebook.until_shown(request, "the answer is no", 60)
    notebook.tenant.apply({**secret, "stringData": {"answer": "yes"}})
    cell = notebook.wait(request, timeout=60)
    assert cell.status == "ok", cell.error + cell.text
    assert "not yet" in cell.text and "↻ attempt 2 of 2" in cell.text
    assert notebook.log("again", "master-0")[-1] == "the answer is yes"
    assert notebook.log("again", "master-0")[0] == "the answer is no"


def test_a_deadline_needs_no_kernel(notebook: Notebook) -> None:
    """%timeout stands in the cluster: the job ends when nobody is there who could end it."""
    cell = notebook.run("%framework=pytorch;%name=late;%timeout=8s;%detach\nimport time\ntime.sleep(300)\n")
    assert cell.status == "ok", cell.error
    notebook.kill()
    assert condition(notebook, "late") != "Failed"
    assert eventually(lambda: condition(notebook, "late") == "Failed", 60, "end of the job")
    assert eventually(lambda: not running(notebook), 20, "end of the pods")
