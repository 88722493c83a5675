"""Job cells in the Ciao kernel, with real replicas on this machine."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

TWO = "%framework=pytorch\n%master=1;%worker=1\n"
SLEEP = TWO + "import time\nprint('up', flush=True)\ntime.sleep(300)\n"


def alive(home: Path) -> list[str]:
    """The command lines of processes that belong to the kernel's jobs."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                line = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if str(home / "jobs").encode() in line:
                found.append(line.replace(b"\0", b" ").decode())
    return found


def gone(home: Path, within: float = 5) -> bool:
    """Whether all processes of the kernel's jobs have ended within some seconds."""
    deadline = time.monotonic() + within
    while alive(home) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(home)


def test_a_cell_runs_on_its_replicas(kernel: Any) -> None:
    """Header first, every line under its replica's name, footer last; the cell succeeds."""
    cell = kernel.run(TWO + "import os\nprint('rank', os.environ['RANK'])\n")
    assert cell.status == "ok", cell.error
    first, *lines, last = cell.text.splitlines()
    assert re.fullmatch(r"pytorch-\w{5} · master 1, worker 1 · this machine", first)
    assert sorted(lines) == ["[master-0] rank 0", "[worker-0] rank 1"]
    assert re.fullmatch(r"✓ pytorch-\w{5} succeeded in \d\.\d s · all output: %logs pytorch-\w{5}", last)


def test_the_board_stays_in_the_notebook(kernel: Any) -> None:
    """The board is shown once and then replaced; its last state is the end of every replica."""
    cell = kernel.run(TWO + "pass")
    (shown,), updates = cell.of("display_data"), cell.of("update_display_data")
    assert {each["transient"]["display_id"] for each in updates} == {shown["transient"]["display_id"]}
    assert updates[-1]["data"]["text/plain"] == "master-0 succeeded · worker-0 succeeded"


def test_a_failure_is_the_cells(kernel: Any) -> None:
    """The cell fails as the job does: root cause in one error, with the cell's own line, and none of Ciao's frames."""
    cell = kernel.run(TWO + "import os\nif os.environ['RANK'] == '1':\n    1 / 0\nimport time; time.sleep(60)\n")
    assert cell.status == "error" and cell.reply["ename"] == "JobFailedError"
    assert cell.error.startswith("JobFailed: worker-0 failed first")
    assert "ZeroDivisionError" in cell.error and "line 5" in cell.error
    assert re.search(r"\[worker-0\]   Cell In \[\d+\], line 5\n", cell.text)
    assert "ciao/" not in cell.error + cell.text


def test_a_mistake_is_told_before_anything_starts(kernel: Any) -> None:
    """An unknown magic is an error with its place, a caret and the nearest word."""
    cell = kernel.run("%framework=pytorch\n%wroker=2\nprint(1)")
    assert cell.status == "error"
    assert "%wroker=2" in cell.error and "^" in cell.error and "worker" in cell.error and "line 2" in cell.error
    assert "Traceback" not in cell.error and not cell.text


def test_the_history_has_the_cell_as_written(kernel: Any) -> None:
    """Arrow-up in a console brings back the magics, not the await that Ciao made of them."""
    code = TWO + "print('for the history')"
    kernel.run(code, store_history=True)
    tail = kernel.ask("history_request", {"hist_access_type": "tail", "n": 1, "raw": True, "output": False})
    assert tail["history"][-1][2] == code


def test_an_error_aborts_what_is_queued_behind(kernel: Any) -> None:
    """Run all stops at a job that fails."""
    requests = [kernel.send(code) for code in (TWO + "raise SystemExit(3)", "print('never')", TWO + "print('never')")]
    assert [kernel.wait(request).status for request in requests] == ["error", "aborted", "aborted"]
    assert kernel.run("print('again')").text == "again\n"


def test_stop_ends_the_job_and_the_cell(kernel: Any) -> None:
    """Stop ends the job; within a second the cell ends with an error that says so, and nothing is left."""
    request = kernel.send(SLEEP)
    kernel.until(lambda: kernel.text_of(request).count("up") == 2)
    began = time.monotonic()
    kernel.interrupt()
    cell = kernel.wait(request, timeout=10)
    assert time.monotonic() - began < 1
    assert cell.reply["ename"] == "JobStoppedError" and "was stopped" in cell.error
    assert gone(kernel.home, 1)


def test_a_second_stop_does_not_wait_for_the_grace(start: Any) -> None:
    """Replicas that ignore SIGTERM get their grace, unless Stop is pressed again."""
    patient = start(CIAO_LOCAL_GRACE="60")
    request = patient.send(
        TWO + "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up')\ntime.sleep(300)\n"
    )
    patient.until(lambda: patient.text_of(request).count("up") == 2)
    patient.interrupt()
    time.sleep(0.5)
    assert request not in patient.replies
    began = time.monotonic()
    patient.interrupt()
    assert patient.wait(request, timeout=10).reply["ename"] == "JobStoppedError"
    assert time.monotonic() - began < 2
    assert gone(patient.home, 1)


def test_other_requests_are_answered_while_a_job_runs(kernel: Any) -> None:
    """Completion, inspection and a reload of the page do not wait for the job, and its output still finds its cell."""
    kernel.run("%config IPCompleter.use_jedi = False")  # jedi's first import is not what is measured
    request = kernel.send(TWO + "import time\nfor n in range(40):\n    print('line', n)\n    time.sleep(0.05)\n")
    kernel.until_shown(request, "line 1")
    began = time.monotonic()
    assert "import" in kernel.ask("complete_request", {"code": "impo", "cursor_pos": 4})["matches"]
    assert kernel.ask("inspect_request", {"code": "len", "cursor_pos": 3, "detail_level": 0})["found"]
    assert kernel.ask("is_complete_request", {"code": "for x in y:"})["status"] == "incomplete"
    assert kernel.ask("kernel_info_request", {})["status"] == "ok"
    assert kernel.ask("history_request", {"hist_access_type": "tail", "n": 1, "raw": True, "output": False})["history"]
    assert time.monotonic() - began < 1.5 and request not in kernel.replies
    cell = kernel.wait(request)
    assert cell.text.count("line ") == 80
    assert kernel.iopub[request][-1]["content"] == {"execution_state": "idle"}


def test_output_of_a_detached_job_stays_in_its_cell(kernel: Any) -> None:
    """A detached job's cell is answered at once; what it prints while other cells run appears there, not here."""
    first = kernel.send(TWO + "%detach\nimport time\nfor n in range(10):\n    print('mine', n)\n    time.sleep(0.1)\n")
    assert kernel.wait(first).status == "ok"
    other = kernel.run("import time\nfor n in range(5):\n    print('other')\n    time.sleep(0.2)\n")
    kernel.until_shown(first, "✓")
    assert kernel.text_of(first).count("mine") == 20
    assert other.text == "other\n" * 5


def test_a_job_in_a_subshell_can_be_stopped(kernel: Any) -> None:
    """A signal reaches the main thread only; the interrupt message reaches the cell that waits in a subshell."""
    subshell = kernel.ask("create_subshell_request", {}, channel="control")["subshell_id"]
    content = {"code": SLEEP, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    request = kernel.post("execute_request", content, subshell_id=subshell)
    kernel.until(lambda: kernel.text_of(request).count("up") == 2)
    assert kernel.run("1 + 1").status == "ok"
    kernel.interrupt()
    assert kernel.wait(request, timeout=10).reply["ename"] == "JobStoppedError"
    kernel.ask("delete_subshell_request", {"subshell_id": subshell}, channel="control")


def test_a_flood_stays_under_the_limits(kernel: Any) -> None:
    """Few messages, at most 512 KB in all, the tail of every replica at the end, and the complete output in the log."""
    began = time.monotonic()
    cell = kernel.run(
        TWO + "line = 'x' * 99\nfor n in range(200_000):\n    print(n, line)\nprint('the end')\n", timeout=100
    )
    seconds = time.monotonic() - began
    streams = cell.of("stream")
    assert len(cell.outputs) <= 10 * (seconds + 1) + 5
    assert sum(len(each["text"]) for each in streams) < 512 * 1024
    assert cell.text.count("] the end\n") == 2
    marks = re.findall(r"\.\.\. ([\d,]+) lines of (\S+): %logs (\S+) (\S+) \.\.\.", cell.text)
    assert {mark[1] for mark in marks} == {"master-0", "worker-0"}
    shown = cell.text.count(" xxx")
    assert shown + sum(int(mark[0].replace(",", "")) for mark in marks) == 400_000
    logs = list(kernel.home.glob("jobs/local/*/logs/worker-0.log"))
    assert max(log.read_bytes().count(b"\n") for log in logs) == 200_001


@pytest.mark.parametrize("command", ["%jobs", "%ciao jobs"])
def test_jobs_lists_what_ran(kernel: Any, command: str) -> None:
    """The list of jobs, newest first."""
    kernel.run(TWO + "pass")
    cell = kernel.run(command)
    assert cell.status == "ok", cell.error
    head, newest, *_ = cell.text.splitlines()
    assert head.split()[:2] == ["job", "state"] and newest.startswith("pytorch-") and "succeeded" in newest


def test_logs_prints_a_jobs_log(kernel: Any) -> None:
    """What a job's replicas printed, from its log; of one, and only what matches."""
    name = kernel.run(TWO + "%name=logged\nprint('first')\nprint('second')").text.split(" ")[0]
    assert name == "logged"
    assert kernel.run("%logs logged worker-0").text == "[worker-0] first\n[worker-0] second\n"
    assert sorted(kernel.run("%logs logged --grep sec").text.splitlines()) == ["[master-0] second", "[worker-0] second"]


def test_environment_of_a_kernels_job(kernel: Any) -> None:
    """Replicas run in the notebook's directory, with the kernel's interpreter."""
    cell = kernel.run(TWO + "import os, sys\nprint(os.getcwd(), sys.prefix)")
    assert cell.text.count(f"] {kernel.home} {os.path.realpath(__import__('sys').prefix)}") == 2, cell.text
