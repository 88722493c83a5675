"""Would any node take it? What is said is true, and what is not sure is not said (core/v1 Node, kube-scheduler)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from ciao.adapters.kube.apierrors import ApiError
from ciao.adapters.kubeflow.preflight.fit import Fit
from ciao.adapters.kubeflow.seen.asked import Ask, amounts, asks, magic, shown
from ciao.adapters.kubeflow.seen.selecting import hindering, labels_of, selected
from ciao.core.ports import Finding, Severity

from .kubejobs import PYTORCHJOB, TFJOB, Json, made, pod

GPU = "nvidia.com/gpu"


def node(name: str = "n1", taints: str = "", labels: Json | None = None, **allocatable: str) -> Json:
    """A node of 8 cores and 32 GiB; ``taints`` as kubectl writes them; ``gpu`` counts GPUs."""
    found = {"cpu": "8", "memory": "32Gi", "pods": "110", **allocatable}
    if "gpu" in found:
        found[GPU] = found.pop("gpu")
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": [taint(each) for each in taints.split()]},
        "status": {"allocatable": found},
    }


def taint(text: str) -> Json:
    """``key=value:NoSchedule``."""
    pair, _, effect = text.partition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


def said(job: Json, *nodes: Json, autoscale: bool = False, **listing: Any) -> list[Finding]:
    """What is found of a job in a cluster of these nodes."""
    kind = PYTORCHJOB if job["kind"] == "PyTorchJob" else TFJOB
    fit = Fit(asks_for=asks(job, kind.replicas), gpu=GPU, autoscale=autoscale)
    return list(fit.findings({"nodes": {"items": list(nodes), **listing}}))


def refusal(job: Json, *nodes: Json) -> str:
    """The only thing that is said of it, a refusal."""
    (found,) = said(job, *nodes)
    assert found.severity is Severity.REFUSAL
    message, _, unless = found.message.rpartition(" (If ")
    assert unless == "this cluster makes nodes when they are needed: kubeflow.autoscale=yes.)"
    return message


# -- what is asked ------------------------------------------------------------------------------------


def test_a_pod_asks_for_its_containers_together_or_the_largest_before_them() -> None:
    """As the scheduler counts; a sidecar among the first ones stays, so it counts among the others."""
    job = made("%cpu=2", "%memory=1Gi")
    spec = pod(job)
    spec["containers"].append({"name": "proxy", "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": 1}}})
    spec["initContainers"] = [
        {"name": "fetch", "resources": {"limits": {"memory": "4Gi"}}},
        {"name": "log", "restartPolicy": "Always", "resources": {"requests": {"cpu": 0.25}}},
    ]
    (ask,) = asks(job, PYTORCHJOB.replicas)
    assert ask.requests == {"cpu": Fraction(11, 4), "memory": 4 * 2**30}
    assert ask.limits == {"cpu": 3, "memory": 4 * 2**30}


def test_a_limit_alone_is_a_request_too() -> None:
    """The apiserver writes it so."""
    job = made()
    pod(job)["containers"][0]["resources"] = {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}
    (ask,) = asks(job, PYTORCHJOB.replicas)
    assert ask.requests == {"cpu": 1, "memory": 2**30}


def test_every_role_asks_for_itself() -> None:
    """In the order of the object, in Ciao's words."""
    found = asks(made("%ps=1;%memory=1Gi", "%worker=3;%cpu=2", framework="tensorflow"), TFJOB.replicas)
    assert [(each.role, each.replicas, dict(each.requests)) for each in found] == [
        ("worker", 3, {"cpu": 2}),
        ("ps", 1, {"memory": 2**30}),
    ]


def test_what_is_no_quantity_is_left_out() -> None:
    """The apiserver refuses it with its place."""
    assert amounts({"cpu": "two", "memory": "1Gi", "x/y": 3}) == {"memory": 2**30, "x/y": 3}
    assert amounts(None) == {}


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        ("cpu", "1500m", "1.5"), ("cpu", "2", "2"), ("cpu", "1234567n", "0.002"), (GPU, "8", "8"),
        ("memory", "24684084Ki", "23.6Gi"), ("memory", "512Mi", "512Mi"), ("memory", "1000", "1000"),
        ("requests.memory", "2048Gi", "2Ti"), ("limits.ephemeral-storage", "5Gi", "5Gi"), ("pods", "10", "10"),
    ],
)  # fmt: skip
def test_amounts_are_shown_as_people_write_them(resource: str, amount: str, text: str) -> None:
    """Cores in decimals, bytes in binary units."""
    assert shown(resource, amounts({"x": amount})["x"]) == text


def test_what_does_not_fit_never_looks_as_if_it_did() -> None:
    """What is asked is rounded up, what is there down."""
    asked, there = amounts({"x": "24.01Gi", "y": "24.09Gi"}).values()
    assert shown("memory", asked) == "24.1Gi"
    assert shown("memory", there, down=True) == "24Gi"


@pytest.mark.parametrize(
    ("resource", "text"),
    [("cpu", "%cpu"), ("memory", "%memory"), (GPU, "%gpu"), ("amd.com/gpu", "%resource=amd.com/gpu")],
)
def test_every_resource_has_its_magic(resource: str, text: str) -> None:
    """The remedy is what the user writes."""
    assert magic(resource, GPU) == text


# -- which nodes a pod may run on ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "yes"),
    [
        ({"key": "zone", "operator": "In", "values": ["a", "b"]}, True),
        ({"key": "zone", "operator": "NotIn", "values": ["a"]}, False),
        ({"key": "other", "operator": "NotIn", "values": ["a"]}, True),
        ({"key": "zone", "operator": "Exists"}, True),
        ({"key": "zone", "operator": "DoesNotExist"}, False),
        ({"key": "cores", "operator": "Gt", "values": ["7"]}, True),
        ({"key": "cores", "operator": "Lt", "values": ["7"]}, False),
        ({"key": "zone", "operator": "Gt", "values": ["7"]}, False),
        ({"key": "zone", "operator": "Near", "values": ["a"]}, False),
    ],
)
def test_required_affinity_is_read_as_the_scheduler_reads_it(expression: Json, yes: bool) -> None:
    """core/v1 NodeSelectorRequirement; a label that is not there is in no list."""
    terms = [{"matchExpressions": [expression]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    assert selected({"affinity": {"nodeAffinity": required}}, {"zone": "a", "cores": "8"}) is yes


def test_any_term_suffices_and_an_empty_one_selects_nothing() -> None:
    """Terms are alternatives, expressions of one are not; fields are the node's name."""
    name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}

    def required(*terms: Json) -> Json:
        found = {"nodeSelectorTerms": list(terms)}
        return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": found}}}

    labels = labels_of(node("n1"))
    assert selected(required({}, name), labels)
    assert not selected(required({}), labels)
    assert selected({"affinity": {"podAffinity": {}}}, labels)


@pytest.mark.parametrize(
    ("toleration", "yes"),
    [
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "value": "yes"}, True),
        ({"key": "gpu", "operator": "Equal", "value": "no"}, False),
        ({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_a_taint_is_tolerated_as_the_scheduler_does(toleration: Json, yes: bool) -> None:
    """core/v1 Toleration; its operator is Equal unless it says otherwise."""
    assert hindering({"tolerations": [toleration]}, [taint("gpu=yes:NoSchedule")]) is not yes


@pytest.mark.parametrize(
    "text",
    ["a:PreferNoSchedule", "node.kubernetes.io/unschedulable:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"],
)
def test_taints_that_come_and_go_keep_nobody_out(text: str) -> None:
    """A node that is cordoned today is none that could never run it."""
    assert hindering({}, [taint(text)]) == []


# -- does it fit --------------------------------------------------------------------------------------


def test_what_fits_is_not_spoken_of() -> None:
    """Nor what asks for nothing."""
    assert said(made("%worker=2;%cpu=8;%memory=1Gi"), node(), node("n2"), node("n3")) == []
    assert said(made(), node(cpu="100m")) == []


def test_more_than_the_largest_node_has_is_refused() -> None:
    """Asked, and the most there is."""
    assert refusal(made("%worker=1;%cpu=12"), node(), node("n2", cpu="10")) == (
        "worker asks for 12 cpu, and the largest node that it may run on has 10: correct %cpu."
    )


def test_a_device_that_no_node_has_is_told_as_that() -> None:
    """And what there is instead."""
    assert refusal(made("%gpu=8"), node()) == f"No node of this cluster has {GPU}: leave %gpu out."
    amd = node(**{"amd.com/gpu": "4", "rdma/hca": "0"})
    assert refusal(made("%gpu=1"), amd) == (
        f"No node of this cluster has {GPU} (there is amd.com/gpu: %resource=amd.com/gpu=1): leave %gpu out."
    )
    assert refusal(made("%resource=rdma/hca=1"), amd) == (
        "No node of this cluster has rdma/hca (there is amd.com/gpu: %resource=amd.com/gpu=1): "
        "leave %resource=rdma/hca out."
    )


def test_what_no_node_has_together_is_refused() -> None:
    """Each alone would fit somewhere."""
    nodes = node(cpu="16", memory="8Gi"), node("n2", cpu="2", memory="64Gi")
    assert refusal(made("%cpu=10", "%memory=32Gi"), *nodes) == (
        "No node that master may run on has 10 cpu and 32Gi memory together: ask for less."
    )


def test_devices_behind_a_taint_are_told_with_the_way_in() -> None:
    """The usual reason why a GPU cannot be had."""
    nodes = node(), node("gpu-1", "team=vision:NoSchedule", gpu="8")
    assert refusal(made("%gpu=1"), *nodes) == (
        f"master asks for 1 {GPU}, and no node that it may run on has any: add %tolerations=team=vision:NoSchedule."
    )
    assert said(made("%gpu=1", "%tolerations=team=vision:NoSchedule"), *nodes) == []


def test_a_taint_of_the_resources_own_name_keeps_nobody_out() -> None:
    """Clusters add that toleration to whoever asks for the resource (ExtendedResourceToleration)."""
    assert said(made("%gpu=1"), node("gpu-1", f"{GPU}=present:NoSchedule", gpu="8")) == []


def test_devices_that_the_selector_leaves_out() -> None:
    """The nodes that were chosen have none."""
    nodes = node(labels={"disk": "ssd"}), node("gpu-1", labels={"disk": "hdd"}, gpu="8")
    assert "correct %nodeSelector." in refusal(made("%gpu=1", "%nodeSelector=disk=ssd"), *nodes)


def test_a_label_that_no_node_has_is_refused() -> None:
    """With the values that there are."""
    nodes = node(labels={"disk": "hdd"}), node("n2", labels={"disk": "nvme", "zone": "a"})
    assert refusal(made("%nodeSelector=disk=ssd"), *nodes) == (
        "No node of this cluster has the label disk=ssd (there is disk=hdd and disk=nvme): correct %nodeSelector."
    )
    assert refusal(made("%nodeSelector=rack=7"), *nodes) == (
        "No node of this cluster has the label rack=7: correct %nodeSelector."
    )
    assert refusal(made("%nodeSelector=disk=hdd", "%nodeSelector=zone=a"), *nodes) == (
        "No node of this cluster has disk=hdd and zone=a together: correct %nodeSelector."
    )


def test_an_affinity_that_no_node_meets_is_the_overlays() -> None:
    """No magic says it."""
    job = made()
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["b"]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    pod(job)["affinity"] = {"nodeAffinity": required}
    assert refusal(job, node()).endswith("the affinity of the overlay requires: correct %overlay.")


def test_a_cluster_where_every_node_is_tainted() -> None:
    """A pod without a toleration would wait for ever."""
    assert refusal(made(), node(taints="a=b:NoSchedule c:NoExecute")) == (
        "Every node that master could run on has a taint that it does not tolerate: "
        "add %tolerations=a=b:NoSchedule and %tolerations=c:NoExecute."
    )


def test_one_reason_is_told_once() -> None:
    """However many roles it concerns."""
    assert len(said(made("%worker=2", "%gpu=1"), node())) == 1


def test_a_cluster_without_nodes() -> None:
    """Nothing can run there."""
    assert refusal(made()) == "This cluster has no nodes: ask its administrator."


# -- what is not sure ---------------------------------------------------------------------------------


def test_where_nodes_are_made_when_needed_nothing_is_refused() -> None:
    """The setting kubeflow.autoscale."""
    (found,) = said(made("%gpu=8"), node(), autoscale=True)
    assert found.severity is Severity.NOTICE
    assert found.message == f"No node of this cluster has {GPU}: the job waits until the cluster makes one."


def test_karpenter_makes_nodes_whatever_the_setting_says() -> None:
    """Its nodes carry its label."""
    (found,) = said(made("%gpu=8"), node(labels={"karpenter.sh/nodepool": "default"}))
    assert found.severity is Severity.NOTICE


def test_a_pod_that_was_tried_counts_as_admission_made_it() -> None:
    """A namespace may add tolerations and selectors to its pods, a policy containers."""
    job, tainted = made("%cpu=2"), node(taints="team=vision:NoSchedule")
    (ask,) = asks(job, PYTORCHJOB.replicas)
    fit = Fit(asks_for=(ask,), gpu=GPU)
    admitted = {"spec": {**pod(job), "tolerations": [{"key": "team", "operator": "Exists"}]}}
    assert list(fit.findings({"nodes": {"items": [tainted]}}))
    assert list(fit.findings({"nodes": {"items": [tainted]}, "pod master": admitted})) == []
    assert list(fit.findings({"nodes": {"items": [tainted]}, "pod master": ApiError(403, "", "", {}, None)}))


def test_a_queue_brings_tolerations_of_its_own() -> None:
    """Kueue writes those of a ResourceFlavor into the job when it admits it."""
    fit = Fit(asks_for=asks(made("%cpu=2"), PYTORCHJOB.replicas), gpu=GPU, queued=True)
    assert list(fit.findings({"nodes": {"items": [node(taints="team=vision:NoSchedule")]}})) == []


def test_of_a_part_of_the_nodes_nothing_is_said() -> None:
    """The others may have what these do not."""
    assert said(made("%gpu=8"), node(), metadata={"continue": "more"}) == []


def test_more_than_all_nodes_have_together_is_noticed() -> None:
    """Each replica fits, but not all at a time: it may be meant so."""
    (found,) = said(made("%worker=3;%gpu=4"), node(gpu="8"), node("n2", "own:NoSchedule", gpu="8"))
    assert found.severity is Severity.NOTICE
    assert found.message == (
        f"All replicas together ask for 12 {GPU}, and this cluster's nodes have 8 in all: some of them will not start."
    )
    assert said(made("%worker=3;%gpu=4"), node(gpu="8"), autoscale=True) == []


def test_nodes_that_may_not_be_listed_matter_only_for_devices() -> None:
    """Cores and memory every cluster has."""
    forbidden = {"nodes": ApiError(403, "Forbidden", "nodes is forbidden", {}, None)}

    def told(*lines: str) -> list[str]:
        fit = Fit(asks_for=asks(made(*lines), PYTORCHJOB.replicas), gpu=GPU)
        return [each.message for each in fit.findings(forbidden)]

    assert told("%cpu=1000") == []
    assert told("%gpu=1", "%resource=rdma/hca=1") == [
        f"Ciao may not list the nodes of this cluster, so it could not check whether one has {GPU} or rdma/hca "
        "(deploy/rbac-nodes.yaml allows it)."
    ]


def test_an_answer_that_did_not_come_is_no_finding() -> None:
    """The job is tried all the same."""
    fit = Fit(asks_for=(Ask(role="worker", replicas=1, containers=()),), gpu=GPU)
    assert list(fit.findings({"nodes": ApiError(500, "InternalError", "", {}, None)})) == []
    assert list(fit.findings({})) == []
