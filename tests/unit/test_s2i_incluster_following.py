"""A build in the cluster, followed to its end, before an apiserver in memory."""

from __future__ import annotations

import pytest

from ciao.adapters.s2i.incluster.kinds import TASK_RUN
from ciao.core.errors import CiaoError, SourceError, TargetError

from .apiserver import CONFIGMAPS, PODS
from .incluster import DIGEST, JOBS, NAME, POD, Stage, ended, own, running

FAILED = (
    "error building image: error building stage: failed to execute command: waiting for process to exit: exit status 1"
)
DENIED = 'Error creating: pods "x" is forbidden: exceeded quota: q, requested: cpu=100m, used: cpu=1, limited: cpu=1'


def waiting(reason: str, message: str = "") -> object:
    """Its container waits."""
    return lambda stage: stage.pod(waiting={"reason": reason, "message": message})


def test_the_digest_of_a_job_is_what_its_container_says_at_its_end() -> None:
    """And its lines were told on the way."""
    stage = Stage()
    stage.log(own("COPY . /ciao"), "hello")
    assert stage.play(lambda s: s.pod(), running, 1, ended()) == DIGEST
    assert stage.told == ["COPY . /ciao", "hello"]


def test_the_digest_of_a_task_run_is_its_result() -> None:
    """Which comes a moment after the end of its step."""
    stage = Stage(TASK_RUN)
    done = {"conditions": [{"type": "Succeeded", "status": "True"}], "results": [{"name": "digest", "value": DIGEST}]}
    found = stage.play(running, 1, ended(message="[]"), 2, lambda s: s.owner(**done))
    assert found == DIGEST


def test_the_files_come_after_their_owner() -> None:
    """What dies in between leaves nothing that the cluster would not collect."""
    stage = Stage()
    stage.play(running, ended())
    assert stage.api.requests[:2] == [f"POST {JOBS}", f"POST {CONFIGMAPS}"]
    (owner,) = stage.api.at(CONFIGMAPS, NAME)["metadata"]["ownerReferences"]
    assert owner["uid"] == stage.api.at(JOBS, NAME)["metadata"]["uid"]


def test_a_failed_step_is_told_when_its_log_was_read() -> None:
    """All of it, so that the reason is among the lines."""
    stage = Stage()
    stage.log(own("RUN make"), "boom", FAILED)
    error = stage.fails(running, 1, ended(1, message=""))
    assert isinstance(error, SourceError)
    assert error.lines() == ("A step of the Dockerfile failed (exit status 1): RUN make.", "  boom")


def test_where_the_log_cannot_be_read_the_end_of_it_counts_that_the_kubelet_kept() -> None:
    """The pod may be gone before."""
    error = Stage().fails(running, 1, ended(1, message=f"boom\n{FAILED}\n"))
    assert isinstance(error, SourceError)
    assert "boom" in str(error)


@pytest.mark.parametrize(
    ("trouble", "said", "remedy"),
    [
        (waiting("ErrImagePull", "lookup nowhere: no such host"), "kaniko:1 cannot be pulled", "kaniko.image"),
        (waiting("CreateContainerConfigError", 'secret "s" not found'), "there is no Secret s", "registry.secret"),
        (lambda s: s.pod(status={"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
         "message": "0/1 nodes are available: 1 Insufficient cpu."}]}), "no node takes it", "until others have ended"),
    ],
    ids=["image", "secret", "room"],
)  # fmt: skip
def test_what_keeps_a_build_is_told_at_once_and_borne_for_a_while(trouble: object, said: str, remedy: str) -> None:
    """Then it is the error, with a build's own remedy."""
    stage = Stage(patience=60.0)
    error = stage.fails(trouble, 59, lambda s: s.told.append("still"))
    assert said in stage.told[0]
    assert stage.told[1:] == ["still"]
    assert isinstance(error, TargetError)
    assert said in str(error)
    assert remedy in str(error)


def test_what_passes_in_time_is_no_error() -> None:
    """A node that was full, a registry that was slow."""
    stage = Stage(patience=60.0)
    slow = waiting("ErrImagePull", "lookup nowhere: no such host")
    assert stage.play(slow, 50, running, 100, ended()) == DIGEST


def test_what_no_waiting_mends_is_not_waited_for() -> None:
    """A name that is none will not become one."""
    stage = Stage(patience=60.0)
    error = stage.fails(waiting("InvalidImageName", "couldn't parse: invalid reference format"))
    assert "is no name of an image" in str(error)


def test_a_pod_that_is_refused_is_known_from_events() -> None:
    """A Job does not say it itself."""
    stage = Stage(patience=10.0)
    error = stage.fails(3, lambda s: s.event("FailedCreate", DENIED))
    assert "the quota q is used up" in stage.told[0]
    assert "the quota q is used up" in str(error)


def test_a_secret_that_is_missing_is_known_from_events() -> None:
    """The pod only waits."""
    stage = Stage(patience=10.0)
    missing = 'MountVolume.SetUp failed for volume "ciao-registry" : secret "reg-login" not found'
    error = stage.fails(lambda s: s.pod(), 3, lambda s: s.event("FailedMount", missing, "Pod"))
    assert "there is no Secret reg-login in the namespace team" in str(error)


def test_a_pod_that_a_task_run_cannot_make_is_known_from_its_condition() -> None:
    """Tekton gives up at once."""
    said = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsUser=0 (container "build" must not)'
    condition = {"type": "Succeeded", "status": "False", "reason": "PodCreationFailed", "message": said}
    error = Stage(TASK_RUN).fails(lambda s: s.owner(conditions=[condition]))
    assert "restricted forbids: runAsUser=0" in str(error)
    assert "%s2i=registry" in str(error)


def test_where_nobody_makes_the_pod_it_is_said() -> None:
    """No controller, no event."""
    stage = Stage(patience=10.0)
    assert "nobody makes the pod" in str(stage.fails())
    assert "nobody makes the pod" in stage.told[0]


def test_a_build_that_somebody_deletes_has_failed() -> None:
    """Whether it had a pod or not."""
    assert "somebody deleted it" in str(Stage().fails(lambda s: s.api.take(JOBS, NAME)))


def test_a_pod_that_is_gone_has_failed() -> None:
    """As when its node is drained."""
    error = Stage().fails(running, 1, lambda s: s.api.take(PODS, POD))
    assert isinstance(error, TargetError)
    assert "its pod was deleted" in str(error)


def test_success_without_a_digest_is_none() -> None:
    """What was pushed must be known."""
    assert "does not tell the digest" in str(Stage().fails(running, 1, ended(message="")))


def test_nothing_is_asked_for_again_and_again() -> None:
    """Watches and one log: an hour of building costs what a second does."""
    stage = Stage()
    stage.play(running, 3000, ended())
    asked = [each for each in stage.api.requests if not each.startswith(("LOG", "POST"))]
    assert len(asked) == 4, asked


def test_a_refusal_to_watch_is_a_matter_of_rights() -> None:
    """With the file that grants them."""
    from ciao.adapters.kube.apierrors import ApiError

    stage = Stage()
    text = 'x is forbidden: User "eve" cannot list resource "jobs" in API group "batch" in the namespace "team"'
    stage.api.faults[f"GET {JOBS}"] = ApiError(403, "Forbidden", text, {}, None)
    error = stage.fails()
    assert isinstance(error, CiaoError)
    assert "eve may not list jobs.batch in the namespace team" in str(error)
    assert "rbac-builds.yaml" in str(error)
