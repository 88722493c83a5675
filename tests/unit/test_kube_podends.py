"""How pods of a real cluster ended, and by whom."""

from __future__ import annotations

import json

import pytest

from ciao.adapters.kube.phrases import last_words, start_error
from ciao.adapters.kubeflow.seen import stamps
from ciao.adapters.kubeflow.seen.podfacts import pod_facts
from ciao.core.events import Exit, Frame, Phase

from .kube_recorded import Json, pod

EVICTED = "it was evicted from node-1: "
ENDS = {
    "succeeded": (0, "Completed", ""),
    "exit-3": (3, "Error", 'its last line was "last words"'),
    "traceback": (1, "Error", "ZeroDivisionError: division by zero"),
    "sigkill": (137, "Error", 'its last line was "Killed"'),
    "sigbus": (135, "Error", 'its last line was "Bus error (core dumped)"'),
    "long-environment": (1, "Error", 'its last line was "exec /usr/bin/python: argument list too long"'),
    "oom": (137, "OOMKilled", "limit 32Mi"),
    "oom-of-a-child": (1, "OOMKilled", "limit 32Mi"),
    "oom-told-first": (137, "OOMKilled", "limit 32Mi"),
    "no-python": (128, "StartError", 'exec: "nopython": executable file not found in $PATH'),
    "no-path": (128, "StartError", 'exec: "/no/python": stat /no/python: no such file or directory'),
    "no-right": (128, "StartError", 'exec: "/etc/passwd": permission denied'),
    "mount-over-a-file": (
        128,
        "StartError",
        "the volume d cannot be mounted at /etc/passwd: not a directory",
    ),
    "init-no-program": (
        128,
        "StartError",
        'its init container init-pytorch failed: exec: "nosuch": executable file not found in $PATH',
    ),
    "master-late": (1, "MasterLate", "it waited for its master and gave up"),
    "deadline": (137, "DeadlineExceeded", "its time of 3.0 s was up"),
    "evicted-disk": (
        137,
        "Evicted",
        f"{EVICTED}Pod ephemeral local storage usage exceeds the total limit of containers 5Mi",
    ),
    "evicted-volume": (137, "Evicted", f'{EVICTED}Usage of EmptyDir volume "d" exceeds the limit "5Mi"'),
    "evicted-by-drain": (137, "Evicted", "it was evicted from node-1, as when a node is drained"),
    "preempted": (137, "Preempted", "it gave way to a pod of higher priority"),
    "node-lost": (137, "NodeLost", "node-2 is gone or does not answer"),
    "out-of-cpu": (
        128,
        "NodeRefused",
        "node-1 refused it (OutOfcpu): Node didn't have enough resource: cpu, requested: 64000, used: 850, "
        "capacity: 2000",
    ),
    "node-affinity": (
        128,
        "NodeRefused",
        "node-1 refused it (NodeAffinity): Predicate NodeAffinity failed: "
        "node(s) didn't match Pod's node affinity/selector",
    ),
    "deleted": (137, "Deleted", "its pod was deleted"),
    "deleted-gone": (137, "Deleted", "its pod was deleted"),
    "deleted-with-traceback": (1, "Deleted", "its pod was deleted"),
    "stopped": (137, "Stopped", ""),
    "stopped-143": (143, "Stopped", ""),
    "stopped-0": (0, "Completed", ""),
    "stopped-pulling": (137, "Stopped", ""),
    "stopped-pulling-first": (137, "Stopped", ""),
    "stopped-mounting": (137, "Stopped", ""),
    "stopped-in-init": (137, "Stopped", ""),
}


def ended(found: Json) -> Exit:
    """How it ended."""
    end = pod_facts(found, "demo", "pytorch").exit
    assert end is not None
    return end


def main(found: Json) -> Json:
    """The status of the main container, to be changed."""
    status: Json = found["status"]["containerStatuses"][0]
    return status


@pytest.mark.parametrize("name", ENDS)
def test_how_it_ended(name: str) -> None:
    """Exit code, reason and message, and the phase that follows from them, for each way that a real pod ended."""
    facts = pod_facts(pod(name), "demo", "pytorch")
    assert facts.exit is not None
    assert (facts.exit.code, facts.exit.reason, facts.exit.message) == ENDS[name]
    assert facts.phase is (Phase.FAILED if facts.exit.code else Phase.SUCCEEDED)
    assert facts.at == facts.exit.at >= facts.created


# -- by whom --------------------------------------------------------------------------------------


def test_what_failed_by_itself_before_it_was_stopped_was_not_stopped() -> None:
    """The mark came too late: the kubelet had nothing to end."""
    found = pod("traceback")
    found["metadata"]["annotations"] = {"ciao.dev/stopped": "2026-11-25T13:30:00Z"}
    assert ended(found).reason == "Error"
    found = pod("oom")
    found["metadata"]["annotations"] = {"ciao.dev/stopped": "2026-11-25T13:30:00Z"}
    assert ended(found).reason == "OOMKilled"


def test_what_was_stopped_and_then_deleted_was_stopped() -> None:
    """By force: the kubelet had no time for its deadline."""
    found = pod("deleted")
    found["metadata"]["annotations"] = {"ciao.dev/stopped": "2026-11-25T13:25:40Z"}
    assert ended(found).reason == "Stopped"


def test_a_container_that_ends_while_it_is_being_stopped_was_stopped() -> None:
    """The kubelet tells the container's end before the pod's, and only then why."""
    found = pod("stopped")
    del found["status"]["reason"]
    found["status"]["phase"] = "Running"
    main(found)["state"]["terminated"]["exitCode"] = 1
    assert ended(found).reason == "Stopped"


def test_what_ended_before_somebody_deleted_its_pod_was_not_deleted() -> None:
    """A failed pod that is cleaned away keeps its cause."""
    found = pod("traceback")
    found["metadata"] |= {"deletionTimestamp": "2026-11-25T13:40:05Z", "deletionGracePeriodSeconds": 5}
    assert ended(found).reason == "Error"
    found["metadata"] |= {"deletionTimestamp": "2026-11-25T13:22:18Z", "deletionGracePeriodSeconds": 5}
    assert ended(found).reason == "Deleted"


def test_a_deletion_at_the_deadline_is_the_deadline() -> None:
    """The operator deletes the pods of a job whose time is up, whichever way their own deadline goes."""
    found = pod("deadline-of-the-job")
    assert ended(found).reason == "Deleted"
    found["spec"]["activeDeadlineSeconds"] = 3
    assert ended(found).reason == "DeadlineExceeded"


def test_what_failed_before_it_was_to_be_evicted_failed_by_itself() -> None:
    """The condition is younger than the end."""
    found = pod("evicted-by-drain")
    main(found)["state"]["terminated"] |= {"finishedAt": "2026-11-25T13:25:30Z", "exitCode": 3}
    found["metadata"] |= {"deletionTimestamp": "2026-11-25T13:25:47Z", "deletionGracePeriodSeconds": 5}
    assert ended(found).reason == "Error"


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        ("NodeLost", "Node node-1 which was running pod is unresponsive", "NodeLost"),
        ("Preempting", "Preempted in order to admit critical pod", "Preempted"),
        ("Terminated", "Pod was terminated in response to imminent node shutdown.", "Evicted"),
        ("SomethingNew", "", "Error"),
    ],
)
def test_what_the_kubelet_says_of_the_pod(reason: str, message: str, said: str) -> None:
    """Its reason counts where it is known, else the container's own."""
    found = pod("sigkill")
    found["status"] |= {"reason": reason, "message": message}
    assert ended(found).reason == said


@pytest.mark.parametrize(
    ("kind", "running", "said"),
    [
        ("DeletionByTaintManager", True, "NodeLost"),
        ("DeletionByTaintManager", False, "Evicted"),
        ("TerminationByKubelet", False, "Error"),
    ],
)
def test_disruptions(kind: str, running: bool, said: str) -> None:
    """Who tells the end of its pod is not lost."""
    found = pod("node-lost") if running else pod("sigkill")
    found["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": kind}]
    assert ended(found).reason == said


def test_without_a_limit_the_node_was_full() -> None:
    """What ran out of memory without a limit of its own ran out of its node's."""
    found = pod("oom")
    del found["spec"]["containers"][0]["resources"]
    assert ended(found).message == "no limit, and the memory of node-1 was full"


def test_a_container_that_is_lost_track_of() -> None:
    """A node that was started anew says so."""
    found = pod("sigkill")
    main(found)["state"]["terminated"] |= {"reason": "ContainerStatusUnknown", "startedAt": None, "finishedAt": None}
    assert (ended(found).code, ended(found).reason) == (137, "ContainerStatusUnknown")


def test_a_pod_that_succeeded_without_a_word_of_its_container() -> None:
    """Its phase is enough."""
    found = pod("succeeded")
    del found["status"]["containerStatuses"]
    assert ended(found).code == 0


# -- reports --------------------------------------------------------------------------------------


def test_the_report_of_the_cell() -> None:
    """What ciao_replica wrote, and no message beside it; the end is not before what caused it."""
    found = ended(pod("report"))
    assert found.report is not None
    assert (found.report.type, found.report.frames) == (
        "ZeroDivisionError",
        (Frame("cell.py", 1, "<module>", "print(1/0)"),),
    )
    assert found.message == ""
    assert found.at == found.report.at


def told(*lines: object) -> Json:
    """A pod that failed with these lines as its termination message."""
    found = pod("traceback")
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    main(found)["state"]["terminated"]["message"] = text
    return found


def test_of_several_reports_the_earliest_counts() -> None:
    """Ranks and children each write one; of the oldest the beginning may be cut off."""
    at = 1795612935.25
    found = ended(told('ames": []}', {"type": "Late", "at": at + 1}, {"type": "First", "at": at}, '{"type": "Torn'))
    assert found.report is not None
    assert found.report.type == "First"


@pytest.mark.parametrize("at", [1.0, 1e12])
def test_a_report_from_another_time_moves_nothing(at: float) -> None:
    """The kubelet's times hold, to the second."""
    finished = stamps.seconds("2026-11-25T13:22:15Z")
    assert finished is not None
    assert finished <= ended(told({"type": "E", "at": at})).at <= finished + 1


@pytest.mark.parametrize(
    "line", ["[" * 4000, '{"at": NaN}', '{"at": true}', "7", '{"type": "E", "at": 1.5, "frames": 3, "rank": "x"}']
)
def test_whatever_a_program_writes_there(line: str) -> None:
    """It is no report, or one with less in it."""
    end = ended(told(line))
    assert end.code == 1
    assert end.report is None or end.report.frames == ()


def test_a_success_has_no_report() -> None:
    """What a child reported was handled."""
    found = told({"type": "E", "at": 1.5})
    main(found)["state"]["terminated"]["exitCode"] = 0
    assert ended(found).report is None


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            "x\ntorch.cuda.OutOfMemoryError: CUDA out of memory.\n====\n",
            "torch.cuda.OutOfMemoryError: CUDA out of memory.",
        ),
        ("KeyboardInterrupt\n", "KeyboardInterrupt"),
        ("epoch 1\nerror: no such file\n", 'its last line was "error: no such file"'),
        ("a\n----\n\n", 'its last line was "a"'),
        ("", ""),
        ("y" * 500, f'its last line was "{"y" * 199}…"'),
    ],
)
def test_last_words(log: str, words: str) -> None:
    """The last error of a log, else its last line; one line, not too long."""
    assert last_words(log) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            'OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "a": '
            "permission denied: unknown",
            'exec: "a": permission denied',
        ),
        ("something else", "something else"),
        ("", ""),
    ],
)
def test_start_errors(said: str, words: str) -> None:
    """Without the names of the layers that pass them on."""
    assert start_error(said) == words
