"""TensorFlow, as Kubeflow's TFJob runs it (kubeflow-contracts A.1, A.3, A.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ciao.core.frameworks.base import Address, Framework, RoleRule, Success
from ciao.core.model import JobSpec, Replica


def _environment(spec: JobSpec, replica: Replica, addresses: Mapping[Replica, Address]) -> tuple[tuple[str, str], ...]:
    """``TF_CONFIG`` as the operator writes it, in a job of more than one pod; nothing else.

    Compact JSON: the cluster's roles sorted, then this replica's task. The evaluator is in the cluster.
    """
    if len(spec.replicas) <= 1:
        return ()
    cluster: dict[str, list[str]] = {}
    for each in spec.replicas:
        cluster.setdefault(each.role, []).append(str(addresses[each]))
    config = {
        "cluster": {role: cluster[role] for role in sorted(cluster)},
        "task": {"type": replica.role, "index": replica.index},
        "environment": "cloud",
    }
    return (("TF_CONFIG", json.dumps(config, separators=(",", ":"))),)


TENSORFLOW = Framework(
    name="tensorflow",
    kind="TFJob",
    roles=(
        RoleRule("chief", "Chief", "The process that decides when a TensorFlow job is done, and saves it.", maximum=1),
        RoleRule("master", "Master", "An older name of the chief.", maximum=1),
        RoleRule("worker", "Worker", "The processes that do the training, besides a master or chief."),
        RoleRule("ps", "PS", "Parameter servers; they serve until the job is over.", ends=False),
        RoleRule("evaluator", "Evaluator", "A process that evaluates what the others have saved."),
    ),
    default_role="worker",
    exclusive=(("chief", "master"),),
    success=Success(leaders=("chief", "master"), otherwise="worker", first_suffices=True),
    image="tensorflow/tensorflow:2.18.0",
    container="tensorflow",
    port=2222,
    environment=_environment,
    doc="Processes that find each other by TF_CONFIG: tf.distribute strategies.",
)
