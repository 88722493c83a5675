"""What people read when a job did not end well: the sentences, word for word."""

from __future__ import annotations

import re

import pytest

from ciao.core import diagnosis
from ciao.core.causes import TABLE, Case
from ciao.core.diagnosis import Facts
from ciao.core.events import Exit, Frame, Phase, Report, StopReason, TroubleSeen
from ciao.core.magics import ITEMS
from ciao.core.model import JobSpec, Replica, Resources, Role
from ciao.core.policy import ReplicaState
from ciao.core.quantity import Quantity
from ciao.core.remedies import TROUBLES

from .jobs import WORKER_1, job, report, states

STOPPED = ("master-0 failed 3 143 Stopped", "worker-0 failed 3 143 Stopped")


def facts(*said: str, spec: JobSpec | None = None, where: str = "this cell", began: float = 0.0) -> Facts:
    """A job of which this was seen."""
    spec = spec or job()
    return Facts(spec=spec, where=where, began=began, states=states(spec, *said))


def because(end: Exit, spec: JobSpec | None = None, where: str = "this cell") -> diagnosis.Diagnosis:
    """worker-1 of the issue's job, that ended so."""
    found = facts(*STOPPED, spec=spec, where=where)
    ended = {**found.states, WORKER_1: ReplicaState(Phase.FAILED, end.at, end, started=0.0)}
    return diagnosis.diagnose(Facts(spec=found.spec, where=where, began=0.0, states=ended))


def exit_of(code: int, reason: str = "Error", message: str = "", told: Report | None = None) -> Exit:
    """An end 2.1 s after the start."""
    return Exit(code=code, reason=reason, at=2.1, message=message, report=told)


def test_the_sentence_of_the_issue() -> None:
    """Who, when, what, where, and what became of the others."""
    found = because(exit_of(1, told=report(at=2.1)))
    assert found.headline == (
        "worker-1 failed first, 2.1 s after the start: ZeroDivisionError at line 14 of this cell (exit code 1)."
    )
    assert found.consequences == "master-0 and worker-0 were then stopped."
    assert (found.replica, found.remedy) == (WORKER_1, "")


def test_a_library_is_blamed_on_the_line_that_called_it() -> None:
    """The innermost frame of the cell, not of the library that raised."""
    told = Report(
        type="torch.distributed.DistBackendError",
        message="timeout",
        at=2.1,
        frames=(
            Frame("cell.py", 20, "<module>"),
            Frame("cell.py", 9, "train"),
            Frame("/lib/torch/dist.py", 700, "wait"),
        ),
    )
    assert (
        "torch.distributed.DistBackendError at line 9 of train.py"
        in because(exit_of(1, told=told), where="train.py").headline
    )


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        ((Frame("/home/me/net.py", 3, "f"),), "ValueError at line 3 of net.py (exit code 1)"),
        ((), "ValueError (exit code 1)"),
    ],
)
def test_an_error_outside_of_the_cell(frames: tuple[Frame, ...], what: str) -> None:
    """A module of the user's by its name; without frames, just what it was."""
    told = Report(type="builtins.ValueError", message="x", at=2.1, frames=frames)
    assert because(exit_of(1, told=told)).headline == f"worker-1 failed first, 2.1 s after the start: {what}."


def test_a_process_of_torchrun_is_named() -> None:
    """As its lines are: ``worker-1:3``."""
    told = Report(type="KeyError", message="'x'", at=2.1, frames=(Frame("cell.py", 2, "f"),), rank=3)
    assert because(exit_of(1, told=told)).headline.startswith("worker-1:3 failed first")


WORDS = [
    (exit_of(3), "exit code 3", ""),
    (exit_of(1, message="no report"), "no report (exit code 1)", ""),
    (exit_of(139), "it crashed with a segmentation fault (SIGSEGV, exit code 139)", "faulthandler"),
    (exit_of(134), "native code gave up (SIGABRT, exit code 134)", "Its last lines say why"),
    (exit_of(136), "it crashed in native arithmetic (SIGFPE, exit code 136)", "faulthandler"),
    (exit_of(135), "it crashed with a bus error (SIGBUS, exit code 135)", "/dev/shm"),
    (exit_of(137), "it was killed (SIGKILL, exit code 137)", "Not by Ciao"),
    (exit_of(143), "it was asked to end (SIGTERM, exit code 143)", "Not by Ciao"),
    (exit_of(129), "it died by signal 1 (exit code 129)", ""),
    (exit_of(128), "exit code 128", ""),
    (exit_of(127), "command not found (exit code 127)", "installed"),
    (exit_of(126), "command cannot be executed (exit code 126)", ""),
    (
        exit_of(127, "StartError", "/no/python: not found"),
        "it could not be started: /no/python: not found (exit code 127)",
        "interpreter",
    ),
    (exit_of(128, "StartError"), "it could not be started (exit code 128)", "interpreter"),
    (exit_of(137, "OOMKilled"), "it ran out of memory and was killed (OOMKilled, exit code 137)", "%memory"),
    (exit_of(1, told=report("SystemExit", "no data\n")), "it ended itself with sys.exit: no data (exit code 1)", ""),
    (exit_of(1, told=report("SystemExit", "")), "it ended itself with sys.exit (exit code 1)", ""),
    (
        exit_of(1, told=report("ModuleNotFoundError", "No module named 'timm.models'")),
        "ModuleNotFoundError at line 14 of this cell (exit code 1): No module named 'timm.models'",
        "%pip=timm",
    ),
    (
        exit_of(1, told=report("ModuleNotFoundError", "odd")),
        "ModuleNotFoundError at line 14 of this cell (exit code 1): odd",
        "%pip",
    ),
    (
        exit_of(1, told=report("RuntimeError", "bind: Address already in use")),
        "RuntimeError at line 14 of this cell (exit code 1): bind: Address already in use",
        "MASTER_PORT",
    ),
    (exit_of(1, message="EADDRINUSE"), "EADDRINUSE (exit code 1)", "MASTER_PORT"),
    (
        exit_of(1, told=report("OSError", "[Errno 28] No space left on device")),
        "OSError at line 14 of this cell (exit code 1): [Errno 28] No space left on device",
        "A disk is full",
    ),
    (
        exit_of(1, told=report("torch.OutOfMemoryError", "")),
        "torch.OutOfMemoryError at line 14 of this cell (exit code 1)",
        "GPU",
    ),
    (
        exit_of(1, told=report("EOFError", "EOF when reading a line")),
        "EOFError at line 14 of this cell (exit code 1)",
        "%args",
    ),
    (exit_of(1, told=report("EOFError", "Ran out of input")), "EOFError at line 14 of this cell (exit code 1)", ""),
    (
        exit_of(1, told=report("NameError", "name 'display' is not defined")),
        "NameError at line 14 of this cell (exit code 1): name 'display' is not defined",
        "print()",
    ),
    (exit_of(1, told=report("MemoryError", "")), "MemoryError at line 14 of this cell (exit code 1)", "%memory"),
    (
        exit_of(1, message="ModuleNotFoundError: No module named 'timm'"),
        "ModuleNotFoundError: No module named 'timm' (exit code 1)",
        "%pip=timm",
    ),
    (
        exit_of(137, "OOMKilled", "no limit, and the memory of node-1 was full"),
        "it ran out of memory (no limit, and the memory of node-1 was full) and was killed (OOMKilled, exit code 137)",
        "%memory",
    ),
    (
        exit_of(128, "StartError", 'exec: "python": executable file not found in $PATH'),
        'it could not be started: exec: "python": executable file not found in $PATH (exit code 128)',
        "kubeflow.python",
    ),
    (
        exit_of(128, "StartError", 'exec: "/opt/run": permission denied'),
        'it could not be started: exec: "/opt/run": permission denied (exit code 128)',
        "%user",
    ),
    (
        exit_of(1, message='its last line was "exec /usr/bin/python: argument list too long"'),
        'its last line was "exec /usr/bin/python: argument list too long" (exit code 1)',
        "%file",
    ),
    (
        exit_of(137, "Evicted", "it was evicted from node-1: Pod ephemeral local storage usage exceeds 5Mi"),
        "it was evicted from node-1: Pod ephemeral local storage usage exceeds 5Mi (Evicted, exit code 137)",
        "%volume",
    ),
    (
        exit_of(137, "Evicted", "it was evicted from node-1: The node was low on resource: memory"),
        "it was evicted from node-1: The node was low on resource: memory (Evicted, exit code 137)",
        "%memory",
    ),
    (
        exit_of(137, "Evicted", "it was evicted from node-1, as when a node is drained"),
        "it was evicted from node-1, as when a node is drained (Evicted, exit code 137)",
        "%retries",
    ),
    (
        exit_of(137, "NodeLost", "node-1 is gone or does not answer"),
        "node-1 is gone or does not answer (NodeLost, exit code 137)",
        "%retries",
    ),
    (exit_of(128, "NodeRefused", "node-1 refused it"), "node-1 refused it (NodeRefused, exit code 128)", "%retries"),
    (
        exit_of(137, "ContainerStatusUnknown", "node-1 lost track of it"),
        "node-1 lost track of it (ContainerStatusUnknown, exit code 137)",
        "%retries",
    ),
    (
        exit_of(137, "Preempted", "it gave way to a pod of higher priority"),
        "it gave way to a pod of higher priority (Preempted, exit code 137)",
        "%priority",
    ),
    (
        exit_of(143, "DeadlineExceeded", "its time of 3.0 s was up"),
        "its time of 3.0 s was up (DeadlineExceeded, exit code 143)",
        "%timeout",
    ),
    (
        exit_of(1, "MasterLate", "it waited for its master and gave up"),
        "it waited for its master and gave up (MasterLate, exit code 1)",
        "run it again",
    ),
    (exit_of(137, "Deleted", "its pod was deleted"), "its pod was deleted (Deleted, exit code 137)", "Not by Ciao"),
    (exit_of(137, "NodeLost"), "(NodeLost, exit code 137)", "%retries"),
]


@pytest.mark.parametrize(("end", "what", "remedy"), WORDS)
def test_what_happened_and_what_to_do(end: Exit, what: str, remedy: str) -> None:
    """Each kind of end in one sentence, with its remedy where one is known."""
    found = because(end)
    assert found.headline == f"worker-1 failed first, {'2.0' if end.report else '2.1'} s after the start: {what}."
    assert remedy in found.remedy
    assert bool(remedy) == bool(found.remedy)


def test_every_row_of_the_table_speaks_somewhere() -> None:
    """No row is hidden behind an earlier one."""
    spoken = {next(n for n, row in enumerate(TABLE) if row.when(Case(end, "this cell"))) for end, *_ in WORDS}
    assert spoken | {next(n for n, row in enumerate(TABLE) if row.when(Case(exit_of(1, told=report()), "")))} == set(
        range(len(TABLE))
    )


def test_out_of_memory_names_the_limit() -> None:
    """The role's own, as it was written."""
    memory = Resources(memory=Quantity.parse("1.5Gi"))
    spec = JobSpec(name="j", framework="pytorch", target="local", roles=(Role("master", 1), Role("worker", 2, memory)))
    assert "ran out of memory (limit 1.5Gi) and was killed" in because(exit_of(137, "OOMKilled"), spec).headline
    # A runtime may miss why it was killed; then it is likely, not certain.
    assert "most likely it ran out of memory (limit 1.5Gi)" in because(exit_of(137), spec).remedy


def test_alone_there_is_no_first() -> None:
    """A job of one replica did not fail first."""
    found = diagnosis.diagnose(facts("master-0 failed 2.1 3", spec=job(master=1)))
    assert (found.headline, found.consequences) == ("master-0 failed, 2.1 s after the start: exit code 3.", "")


def test_the_start_is_when_replicas_began_to_run() -> None:
    """Not when the job was submitted, where both are known."""
    found = facts("worker-1 failed 12.5 1", spec=job(worker=2), began=1.0)
    assert "11.5 s after" in diagnosis.diagnose(found).headline
    first = Replica("worker", 0)
    running = {**found.states, first: ReplicaState(Phase.RUNNING, 10.0, started=10.0)}
    assert "2.5 s after" in diagnosis.diagnose(Facts(spec=found.spec, where="", began=1.0, states=running)).headline


@pytest.mark.parametrize(
    ("said", "consequences"),
    [
        (["worker-0 failed 4"], "worker-0 failed after it."),
        (
            ["worker-0 failed 4", "master-0 failed 5 143 Stopped"],
            "worker-0 failed after it; master-0 was then stopped.",
        ),
        (["worker-0 succeeded 1", "master-0 succeeded 4"], ""),
    ],
)
def test_what_became_of_the_others(said: list[str], consequences: str) -> None:
    """Those that failed too, and those that were stopped; who ended well is not a consequence."""
    assert diagnosis.diagnose(facts("worker-1 failed 3", *said)).consequences == consequences


def test_many_replicas_are_counted() -> None:
    """A sentence stays a sentence with two hundred replicas."""
    spec = job(worker=200)
    said = ["worker-0 failed 1", *(f"worker-{n} failed 2 143 Stopped" for n in range(1, 200))]
    found = diagnosis.diagnose(facts(*said, spec=spec)).consequences
    assert found == "worker-1, worker-2, worker-3 and 196 others were then stopped."


def test_without_an_exit_something_is_still_said() -> None:
    """A target that knows no more than that it failed."""
    spec = job(master=1)
    found = {Replica("master", 0): ReplicaState(Phase.FAILED, 2.0)}
    assert "exit code 1" in diagnosis.diagnose(Facts(spec=spec, where="", began=0.0, states=found)).headline


def test_without_a_failed_replica_the_target_speaks() -> None:
    """Its supervisor died, its operator gave up."""
    assert diagnosis.diagnose(facts(), "the supervisor was killed").headline == "the supervisor was killed."
    assert diagnosis.diagnose(facts()).headline == "the job failed."


@pytest.mark.parametrize(
    ("reason", "headline"),
    [
        (StopReason.USER, "job-1 was stopped on request, 8.2 s after its submission."),
        (StopReason.DEADLINE, "job-1 was stopped because its deadline had passed."),
        (StopReason.KERNEL, "job-1 was stopped with its kernel, 8.2 s after its submission."),
        (None, "job-1 was stopped from elsewhere, 8.2 s after its submission."),
    ],
)
def test_why_it_was_stopped(reason: StopReason | None, headline: str) -> None:
    """By whom, and after how long."""
    assert diagnosis.stopped(facts(), reason, 8.2).headline == headline


@pytest.mark.parametrize(
    ("reason", "message", "text"),
    [
        ("DiskFull", "the log of worker-0 is incomplete", "the log of worker-0 is incomplete. A disk is full."),
        ("Odd", "waiting for a port", "waiting for a port."),
        ("Odd", "", "Odd."),
    ],
)
def test_why_it_does_not_go_on(reason: str, message: str, text: str) -> None:
    """The target's message, with the remedy where one is known."""
    assert diagnosis.hint(TroubleSeen(None, reason, message, 1.0)).startswith(text)


def test_remedies_use_magics_that_exist() -> None:
    """What a remedy tells people to write can be written."""
    remedies = " ".join([*(because(end).remedy for end, *_ in WORDS), *TROUBLES.values()])
    assert set(re.findall(r"%(\w+)", remedies)) <= {each.name for each in ITEMS}
