"""What people read when an apiserver refused: its answers as a real one gave them."""

from __future__ import annotations

import pytest

from ciao.adapters.kubeflow.seen.refusals import refusal
from ciao.core.errors import CiaoError, NameInUseError, TargetError, UserError

from . import kube_recorded as recorded
from .kube_recorded import Answered

ROLE = "deploy/rbac.yaml"
SHOWN = "%render"
TEXTS: dict[str, tuple[type[CiaoError], str, str]] = {
    "kind": (
        UserError,
        "This cluster has no PyTorchJob: Kubeflow's training operator is not installed.",
        'kubectl apply --server-side -k "github.com/kubeflow/training-operator.git/manifests/overlays/standalone'
        '?ref=v1.9.3"',
    ),
    "group": (UserError, "This cluster has no PyTorchJob", "An administrator installs it"),
    "rbac": (
        UserError,
        "The service account default of the namespace team may not create pytorchjobs.kubeflow.org "
        "in the namespace team.",
        ROLE,
    ),
    "rbac-cm": (UserError, "The account ann may not create configmaps in the namespace team.", ROLE),
    "rbac-get": (UserError, "The account ann may not watch pods in the namespace team.", ROLE),
    "ns-none": (UserError, "There is no namespace nosuchns in this cluster.", "kubectl create namespace nosuchns"),
    "ns-none-cm": (UserError, "There is no namespace nosuchns in this cluster.", "%namespace"),
    "ns-terminating": (UserError, "Nothing can be created: the namespace team is being deleted.", "%namespace"),
    "invalid-required": (
        UserError,
        "The cluster finds the job wrong: spec.pytorchReplicaSpecs: Required value.",
        SHOWN,
    ),
    "invalid-type": (
        UserError,
        'spec.pytorchReplicaSpecs.Master.replicas: in body must be of type integer: "string"',
        SHOWN,
    ),
    "invalid-name": (UserError, "metadata.name: a lowercase RFC 1123 subdomain must consist of", SHOWN),
    "invalid-duplicate": (UserError, ".containers[0].env[1]: Duplicate value", SHOWN),
    "invalid-label": (
        UserError,
        "The cluster finds the job wrong: metadata.labels: must be no more than 63 characters.",
        SHOWN,
    ),
    "invalid-quantity": (UserError, "containers[0].resources.limits.cpu: in body should match", SHOWN),
    "webhook-denied": (
        UserError,
        "The training operator refuses the job: spec.pytorchReplicaSpecs[Master].replicas: Forbidden: must be 1.",
        SHOWN,
    ),
    "webhook-name": (UserError, "The training operator refuses the job: metadata.name:", SHOWN),
    "exists": (NameInUseError, "There is a PyTorchJob named exit3 already.", "%name"),
    "large-etcd": (UserError, "What travels with this job is larger than the cluster takes.", "%volume"),
    "large-request": (UserError, "What travels with this job is larger than the cluster takes.", "%image"),
    "large-annotation": (UserError, "metadata.annotations is larger than the cluster takes.", "%volume"),
    "large-cm": (UserError, "What travels with this job is larger than the cluster takes.", "%volume"),
    "policy": (
        UserError,
        "The cluster refuses the job: the policy names denied it: names begin with team.",
        "%overlay",
    ),
    "quota-object": (
        UserError,
        "The cluster refuses the job: the quota team-quota is used up "
        "(1 of count/pytorchjobs.kubeflow.org asked, 3 of 3 in use).",
        "Wait until other jobs",
    ),
    "quota-configmap": (
        UserError,
        "The cluster refuses the ConfigMap c1: the quota team-quota is used up "
        "(1 of count/configmaps asked, 2 of 2 in use).",
        "Wait until other jobs",
    ),
    "webhook-noservice": (TargetError, 'The training operator is not answering (service "nothere" not found)', ""),
    "webhook-noendpoints": (
        TargetError,
        "The training operator is not answering (connection refused); nothing was created.",
        "",
    ),
    "webhook-x509": (TargetError, "(certificate signed by unknown authority); nothing was created.", ""),
    "webhook-refused": (TargetError, "The training operator is not answering (connection refused)", ""),
    "webhook-other": (
        TargetError,
        "guard.example.com, which checks what is created in this cluster, is not answering (connection refused)",
        "",
    ),
}


@pytest.mark.parametrize("name", sorted(recorded.every("refusals")))
def test_every_answer_has_a_sentence(name: str) -> None:
    """What it was, whose part it is, and what to do."""
    kind, sentence, hint = TEXTS[name]
    error = refusal(recorded.refusal(name), "PyTorchJob")
    assert type(error) is kind
    assert sentence in str(error)
    assert hint in str(error)


def answered(status: int, message: str = "", reason: str = "", **details: str) -> Answered:
    """Another answer."""
    return Answered(status, reason, message, dict(details))


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (answered(401, "Unauthorized", "Unauthorized"), UserError, "does not accept these credentials"),
        (answered(403, "it is so"), UserError, "The cluster refuses the job (HTTP 403): it is so"),
        (answered(404, kind="pods", name="a-0"), TargetError, "There is no pods a-0 (any more)"),
        (answered(409, "the object has been modified", "Conflict"), TargetError, "Somebody else changed it meanwhile"),
        (answered(429, "too many requests"), TargetError, "too busy to answer (too many requests)"),
        (answered(504), TargetError, "too busy to answer (504)"),
        (answered(500), TargetError, "The cluster failed (HTTP 500): no word about it"),
        (answered(400, "strict decoding error: unknown field"), UserError, "strict decoding error: unknown field"),
        (
            answered(403, 'pods is forbidden: User "system:anonymous" cannot list resource "nodes" in API group ""'),
            UserError,
            "Whoever has no credentials may not list nodes in the whole cluster.",
        ),
    ],
)
def test_other_answers(answer: Answered, kind: type[CiaoError], sentence: str) -> None:
    """Which the recording cluster did not give."""
    error = refusal(answer)
    assert type(error) is kind
    assert sentence in str(error)


def test_without_the_name_of_a_kind() -> None:
    """All that Ciao can write are named."""
    assert "has no PyTorchJob or TFJob" in str(refusal(answered(404, "404 page not found")))


def test_a_value_that_was_sent_is_not_quoted() -> None:
    """It may be a password."""
    for value in ('"hunter2 \\" : x"', '{"value":"hunter2: x"}', "hunter2"):
        cause = {"field": "spec.env", "message": f"Invalid value: {value}: must be short"}
        found = refusal(Answered(422, "Invalid", "…hunter2…", {"causes": [cause]}))
        assert "hunter2" not in str(found)
        assert "spec.env: must be short" in str(found)
