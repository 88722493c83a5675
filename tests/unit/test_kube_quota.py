"""What a namespace allows: what can never be is refused with its magic, what must wait is told (contracts D)."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.preflight.limits import Limits
from ciao.adapters.kubeflow.preflight.operatorpods import has_init
from ciao.adapters.kubeflow.preflight.quota import Quota
from ciao.adapters.kubeflow.seen.asked import asks
from ciao.core.ports import Finding, Severity

from .kubejobs import KINDS, PYTORCHJOB, Json, made, pod

GPU = "nvidia.com/gpu"
FORBIDDEN = ApiError(403, "Forbidden", "is forbidden", {}, None)


def quota(hard: Json, used: Json | None = None, **spec: Any) -> Json:
    """A ResourceQuota named q."""
    return {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}, "status": {"used": used or {}}}


def limits(kind: str = "Container", **rows: Json) -> Json:
    """A LimitRange named lr with one row."""
    return {"metadata": {"name": "lr"}, "spec": {"limits": [{"type": kind, **rows}]}}


def of_quota(job: Json, *quotas: Json, ranges: Any = ()) -> list[Finding]:
    """What the quotas say of a job."""
    check = Quota(namespace="team", asks_for=asks(job, KINDS[job["kind"]].replicas), gpu=GPU)
    listed = ranges if isinstance(ranges, ApiError) else {"items": list(ranges)}
    return list(check.findings({"quotas": {"items": list(quotas)}, "ranges": listed}))


def of_limits(job: Json, *ranges: Json) -> list[Finding]:
    """What the LimitRanges say of it."""
    kind = KINDS[job["kind"]]
    check = Limits(namespace="team", asks_for=asks(job, kind.replicas), gpu=GPU, init=has_init(job, kind))
    return list(check.findings({"ranges": {"items": list(ranges)}}))


def refusal(found: list[Finding]) -> str:
    """The only finding, a refusal."""
    (one,) = found
    assert one.severity is Severity.REFUSAL
    return one.message


def notice(found: list[Finding]) -> str:
    """The only finding, a notice."""
    (one,) = found
    assert one.severity is Severity.NOTICE
    return one.message


# -- quotas -------------------------------------------------------------------------------------------

JOB = made("%worker=3;%cpu=2;%memory=1Gi", "%cpu=1", "%memory=512Mi")  # 7 cores, 3.5 GiB, 4 pods


@pytest.mark.parametrize("key", ["cpu", "requests.cpu", "limits.cpu"])
def test_more_than_a_quota_allows_can_never_be(key: str) -> None:
    """All replicas together, under whatever name the quota counts it."""
    assert refusal(of_quota(JOB, quota({key: "6"}))) == (
        "The quota q allows team 6 cpu in all, and this job needs 7: ask for less %cpu or fewer replicas."
    )


def test_more_than_is_left_waits() -> None:
    """It is worth knowing, and no reason to refuse: others will end."""
    assert notice(of_quota(JOB, quota({"requests.memory": "8Gi"}, {"requests.memory": "6Gi"}))) == (
        "The quota q leaves team 2Gi of 8Gi memory now, and this job needs 3.5Gi: "
        "replicas wait until others have ended."
    )


def test_what_fits_is_not_spoken_of() -> None:
    """Exactly what is left is enough."""
    hard = {"cpu": "10", "memory": "8Gi", "pods": "10", "services": "4", "requests.storage": "1Gi", "secrets": "1"}
    assert of_quota(JOB, quota(hard, {"cpu": "3", "pods": "6", "secrets": "1"})) == []


@pytest.mark.parametrize("key", ["pods", "count/pods", "services", "count/services"])
def test_pods_and_their_services_are_counted(key: str) -> None:
    """The operator makes one of each for every replica."""
    what = key.removeprefix("count/")
    assert refusal(of_quota(JOB, quota({key: "3"}))) == (
        f"The quota q allows team 3 {what} in all, and this job needs 4: ask for fewer replicas."
    )
    assert "replicas wait until others have ended" in notice(of_quota(JOB, quota({key: "4"}, {key: "1"})))


def test_devices_are_counted_under_requests() -> None:
    """A quota knows extended resources by no other name."""
    job = made("%worker=1", "%gpu=2", "%resource=rdma/hca=1")
    assert "allows team 3 nvidia.com/gpu in all, and this job needs 4: ask for less %gpu or" in refusal(
        of_quota(job, quota({f"requests.{GPU}": "3"}))
    )
    assert "less %resource=rdma/hca or" in refusal(of_quota(job, quota({"requests.rdma/hca": "1"})))


def test_one_resource_is_told_once_and_the_worst_of_it() -> None:
    """cpu, requests.cpu and limits.cpu are one thing to the user."""
    found = of_quota(JOB, quota({"requests.cpu": "8", "limits.cpu": "6"}, {"requests.cpu": "5"}))
    assert "allows team 6 cpu" in refusal(found)


def test_where_a_quota_counts_it_every_pod_has_to_say_it() -> None:
    """The apiserver refuses a pod that does not, after the job exists."""
    assert refusal(of_quota(made("%worker=1;%cpu=1"), quota({"limits.cpu": "100"}))) == (
        "The quota q counts the cpu of team, so every pod has to say its own, and master does not: add %cpu=AMOUNT."
    )
    assert "master and worker do not: add %memory=AMOUNT." in refusal(
        of_quota(made("%worker=1"), quota({"memory": "1Gi"}))
    )


def test_an_overlays_container_has_to_say_it_too() -> None:
    """Each one counts."""
    job = made("%cpu=1")
    pod(job)["containers"].append({"name": "proxy"})
    assert "master does not" in refusal(of_quota(job, quota({"cpu": "100"})))


def test_a_limit_range_says_it_for_those_who_do_not() -> None:
    """Its defaults are written into the pods, and counted."""
    ranges = [limits(default={"cpu": "2"}, defaultRequest={"cpu": "1"})]
    job = made("%worker=1")
    assert of_quota(job, quota({"requests.cpu": "2", "limits.cpu": "4"}), ranges=ranges) == []
    assert "this job needs 4" in refusal(of_quota(job, quota({"limits.cpu": "3"}), ranges=ranges))


def test_where_limit_ranges_may_not_be_read_it_is_only_noticed() -> None:
    """One of them could say it."""
    found = of_quota(made(), quota({"cpu": "10"}), ranges=FORBIDDEN)
    assert "add %cpu=AMOUNT" in notice(found)


def test_a_pod_that_was_tried_counts_as_admission_made_it() -> None:
    """A policy may say its resources, or add a container."""
    check = Quota(namespace="team", asks_for=asks(made(), PYTORCHJOB.replicas), gpu=GPU)
    container = {"name": "pytorch", "resources": {"limits": {"cpu": "2"}}}
    answers = {"quotas": {"items": [quota({"cpu": "3"})]}, "ranges": {"items": []}}
    assert "add %cpu" in refusal(list(check.findings(answers)))
    tried = {"spec": {"containers": [container]}}
    assert list(check.findings({**answers, "pod master": tried})) == []
    tried = {"spec": {"containers": [container, {**container, "name": "proxy"}]}}
    assert "this job needs 4" in refusal(list(check.findings({**answers, "pod master": tried})))


def test_every_quota_of_the_namespace_counts() -> None:
    """Each is told by itself."""
    found = of_quota(JOB, quota({"cpu": "1"}), quota({"memory": "1Gi"}))
    assert ["%cpu" in each.message for each in found] == [True, False]


@pytest.mark.parametrize(
    ("spec", "lines", "covered"),
    [
        ({"scopes": ["Terminating"]}, ["%timeout=1h"], True),
        ({"scopes": ["Terminating"]}, [], False),
        ({"scopes": ["NotTerminating"]}, [], True),
        ({"scopes": ["NotTerminating"]}, ["%timeout=1h"], False),
        ({"scopes": ["BestEffort"]}, [], True),
        ({"scopes": ["BestEffort"]}, ["%cpu=1"], False),
        ({"scopes": ["NotBestEffort"]}, ["%cpu=1"], True),
        ({"scopes": ["NotBestEffort", "Terminating"]}, ["%cpu=1"], False),
        ({"scopes": ["CrossNamespacePodAffinity"]}, [], False),
    ],
)
def test_a_quota_with_a_scope_is_about_some_pods_only(spec: Json, lines: list[str], covered: bool) -> None:
    """core/v1 ResourceQuotaScope; what is not known here is not judged."""
    found = of_quota(made("%worker=1", *lines), quota({"pods": "1"}, **spec))
    assert bool(found) is covered


@pytest.mark.parametrize(
    ("operator", "values", "priority", "covered"),
    [
        ("In", ["high"], "high", True),
        ("In", ["high"], "low", False),
        ("In", ["high"], None, False),
        ("NotIn", ["high"], None, True),
        ("NotIn", ["high"], "high", False),
        ("Exists", [], "low", True),
        ("Exists", [], None, False),
        ("DoesNotExist", [], None, True),
    ],
)
def test_a_quota_of_a_priority_class(operator: str, values: list[str], priority: str | None, covered: bool) -> None:
    """The scope that platforms use most."""
    scope = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    job = made("%worker=1", *([f"%priority={priority}"] if priority else []))
    found = of_quota(job, quota({"pods": "1"}, scopeSelector={"matchExpressions": [scope]}))
    assert bool(found) is covered


def test_quotas_that_may_not_be_read_are_told_as_that() -> None:
    """What was not checked is said; another fault is none of the user's."""
    check = Quota(namespace="team", asks_for=asks(JOB, PYTORCHJOB.replicas), gpu=GPU)
    assert notice(list(check.findings({"quotas": FORBIDDEN}))) == (
        "Ciao may not read the quotas of team, so it could not check them."
    )
    assert list(check.findings({"quotas": ApiError(500, "", "", {}, None)})) == []


# -- limit ranges -------------------------------------------------------------------------------------


def test_more_than_a_container_may_have_is_refused() -> None:
    """With the bound, what was asked, and the magic."""
    assert refusal(of_limits(made("%memory=8Gi"), limits(max={"memory": "4Gi"}))) == (
        "team wants at most 4Gi memory in each container (LimitRange lr), and master asks for 8Gi: correct %memory."
    )


def test_less_than_a_container_has_to_have_is_refused() -> None:
    """A small job in a namespace of large ones."""
    assert refusal(of_limits(made("%cpu=100m"), limits(min={"cpu": "250m"}))) == (
        "team wants at least 0.25 cpu in each container (LimitRange lr), and master asks for 0.1: correct %cpu."
    )


def test_a_pod_is_measured_as_a_whole() -> None:
    """Its containers together; and there are no defaults for it."""
    job = made("%memory=3Gi")
    pod(job)["containers"].append({"name": "proxy", "resources": {"limits": {"memory": "2Gi"}}})
    assert "at most 4Gi memory in each pod (LimitRange lr), and master asks for 5Gi" in refusal(
        of_limits(job, limits("Pod", max={"memory": "4Gi"}))
    )
    assert "and master says nothing of it: correct %cpu" in refusal(of_limits(job, limits("Pod", max={"cpu": "4"})))


def test_defaults_are_measured_where_nothing_is_said() -> None:
    """The apiserver writes them before it looks."""
    row = limits(max={"cpu": "4"}, min={"cpu": "1"}, default={"cpu": "4"}, defaultRequest={"cpu": "1"})
    assert of_limits(made(), row) == []
    assert "asks for 0.5" in refusal(of_limits(made("%cpu=500m"), row))


def test_what_is_within_is_not_spoken_of() -> None:
    """Both bounds included; ranges of claims are about claims."""
    row = limits(min={"cpu": "1"}, max={"cpu": "2"})
    assert of_limits(made("%cpu=1"), row) == of_limits(made("%cpu=2"), row) == []
    assert of_limits(made("%cpu=3"), limits("PersistentVolumeClaim", max={"storage": "1Gi"})) == []


def test_a_limit_range_may_say_nothing() -> None:
    """The apiserver takes one without any rows, and writes it as null."""
    empty = {"metadata": {"name": "lr"}, "spec": {"limits": None}}
    assert of_limits(made("%cpu=1"), empty) == []
    assert "at most 0.5 cpu" in refusal(of_limits(made("%cpu=1"), empty, limits(max={"cpu": "500m"})))


def test_one_resource_is_told_once() -> None:
    """Of the first role that is outside."""
    assert "worker" not in refusal(of_limits(made("%worker=2", "%cpu=8"), limits(max={"cpu": "4"})))


def test_the_operators_own_container_has_to_fit_too() -> None:
    """It has 10Mi, and beside a master every worker gets one; an administrator may have changed that."""
    found = of_limits(made("%worker=1", "%memory=1Gi"), limits(min={"memory": "64Mi"}))
    assert notice(found) == (
        "The workers may never be made: team wants at least 64Mi memory in each container (LimitRange lr), and one "
        "that the training operator adds (init-pytorch) has 10Mi."
    )
    assert of_limits(made("%memory=1Gi"), limits(min={"memory": "64Mi"})) == []
    row = limits(min={"cpu": "10m", "memory": "10Mi"})
    assert of_limits(made("%worker=1", "%memory=1Gi", "%cpu=1"), row) == []
    assert of_limits(made("%worker=1", "%memory=1Gi"), limits("Pod", min={"memory": "64Mi"})) == []
    tensorflow = made("%worker=1", "%memory=1Gi", framework="tensorflow")
    assert of_limits(tensorflow, limits(min={"memory": "64Mi"})) == []


def test_what_admission_has_let_through_is_within() -> None:
    """A pod that was tried counts with what webhooks and defaults made of it, the operator's container with it."""
    job, row = made("%worker=1"), {"items": [limits(min={"memory": "64Mi"}, max={"memory": "1Gi"})]}
    check = Limits(namespace="team", asks_for=asks(job, PYTORCHJOB.replicas), gpu=GPU, init=True)
    resources = {"limits": {"memory": "128Mi"}}
    tried = {"spec": {"containers": [{"name": "pytorch", "resources": resources}]}}
    assert list(check.findings({"ranges": row}))
    assert list(check.findings({"ranges": row, "pod master": tried, "pod worker": tried})) == []


def test_limits_that_may_not_be_read_are_told_as_that() -> None:
    """Nothing is guessed."""
    check = Limits(namespace="team", asks_for=asks(JOB, PYTORCHJOB.replicas), gpu=GPU)
    assert "could not check them" in notice(list(check.findings({"ranges": FORBIDDEN})))
