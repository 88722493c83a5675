"""From job objects as a real cluster had them to roles, outcomes and summaries."""

from __future__ import annotations

import pytest

from ciao.adapters.kubeflow.objects import names
from ciao.adapters.kubeflow.seen.jobfacts import JobFacts, job_facts, summary
from ciao.adapters.kubeflow.seen.troubles import Trouble, job_trouble
from ciao.core.events import Outcome

from .kube_recorded import Json, job


def facts(name: str) -> JobFacts:
    """What is understood of a recorded job."""
    return job_facts(job(name))


def test_who_it_is() -> None:
    """Names, labels, and the replicas of its roles."""
    found = facts("running")
    assert (found.kind, found.name, found.namespace, found.framework) == ("PyTorchJob", "late2", "team", "pytorch")
    assert (found.roles, found.replicas) == ((("master", 1), ("worker", 1)), 2)
    assert found.labels[names.UID] == "late2-uid"
    assert found.created == 1795612945.0
    assert found.spoken
    assert not (found.stopped or found.deleting or found.suspended)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("failed", (False, "PyTorchJobFailed", "PyTorchJob exit3 is failed because 1 Master replica(s) failed.")),
        ("succeeded", (True, "PyTorchJobSucceeded", "PyTorchJob two is successfully completed.")),
        (
            "deadline",
            (
                False,
                "DeadlineExceeded",
                "Job job-deadline has failed because it was active longer than specified deadline",
            ),
        ),
    ],
)
def test_what_the_operator_has_decided(name: str, outcome: tuple[bool, str, str]) -> None:
    """Its last word, with one reason of Ciao's own for a deadline, for which operators have none."""
    found = facts(name).outcome
    assert found is not None
    assert (found.succeeded, found.reason, found.message) == outcome
    assert found.at > facts(name).created


@pytest.mark.parametrize("name", ["running", "created", "silent", "refused", "suspended", "queued"])
def test_what_it_has_not_decided(name: str) -> None:
    """Running, waiting and silent jobs have no outcome."""
    assert facts(name).outcome is None
    assert summary(job(name), "kubeflow", "lab").outcome is None


def stopped(name: str) -> Json:
    """A recorded job with Ciao's mark."""
    found = job(name)
    found["metadata"]["annotations"] = {names.STOPPED: "2026-11-25T13:30:00Z"}
    return found


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (job("succeeded"), Outcome.SUCCEEDED),
        (job("failed"), Outcome.FAILED),
        (job("deadline"), Outcome.STOPPED),
        (stopped("failed"), Outcome.STOPPED),
        (stopped("succeeded"), Outcome.SUCCEEDED),
        (stopped("running"), None),
    ],
)
def test_a_line_of_the_list(found: Json, outcome: Outcome | None) -> None:
    """A job that failed because Ciao stopped it, or its time was up, was stopped."""
    line = summary(found, "kubeflow", "lab")
    assert line.outcome is outcome
    assert (line.handle.target, line.handle.context, line.handle.kind) == ("kubeflow", "lab", "PyTorchJob")
    assert line.handle.uid == found["metadata"]["uid"]
    assert line.replicas == sum(count for _, count in job_facts(found).roles)


def trouble(name: str, after: float, *, heard: bool = False) -> Trouble | None:
    """What keeps a recorded job, so many seconds after its creation."""
    return job_trouble(facts(name), facts(name).created + after, heard=heard)


def test_an_operator_that_says_nothing() -> None:
    """After half a minute, unless it has been heard: a job whose pods are refused has no condition either."""
    assert facts("silent").silent(facts("silent").created + 30)
    assert trouble("silent", 29) is None
    found = trouble("silent", 30)
    assert found is not None
    assert (found.replica, found.reason) == (None, "OperatorSilent")
    assert found.message == "no operator has taken up the PyTorchJob"
    assert trouble("refused", 60, heard=True) is None
    assert trouble("created", 60) is None


def test_a_job_that_waits_in_a_queue() -> None:
    """By its name; without one it was only suspended."""
    queued, suspended = trouble("queued", 0), trouble("suspended", 0)
    assert queued is not None
    assert suspended is not None
    assert (queued.reason, queued.message) == ("Queued", "it waits in the queue team-queue until there is room")
    assert suspended.reason == "Suspended"


def test_a_job_that_goes_on_again() -> None:
    """The condition stays, and says False."""
    found = job("queued")
    found["spec"]["runPolicy"]["suspend"] = False
    found["status"]["conditions"][-1]["status"] = "False"
    assert not job_facts(found).suspended


def test_a_job_that_is_over_has_no_trouble() -> None:
    """Nor one that is being deleted."""
    assert trouble("failed", 60) is None
    found = job("silent")
    found["metadata"]["deletionTimestamp"] = "2026-11-25T13:30:00Z"
    assert job_trouble(job_facts(found), 2e9) is None


def test_a_kind_that_ciao_does_not_write() -> None:
    """Its roles are found all the same; a number that is not said is one."""
    found = {"kind": "XGBoostJob", "spec": {"xgbReplicaSpecs": {"Master": {"replicas": 1}, "Worker": {}}}}
    assert job_facts(found).roles == (("master", 1), ("worker", 1))


def test_an_object_may_lack_anything() -> None:
    """Nothing is raised."""
    assert job_facts({}).roles == ()
    assert job_facts({"kind": 7, "spec": [], "status": {"conditions": "x"}, "metadata": None}).outcome is None
