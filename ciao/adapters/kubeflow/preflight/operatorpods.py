"""The pods that the training operator will make of a job, near enough for admission to judge them (contracts A.5)."""

from __future__ import annotations

from typing import Any

from ciao.adapters.kubeflow.objects.kinds import Kind
from ciao.adapters.kubeflow.seen.podends import INIT

Json = dict[str, Any]
_INIT_CONTAINER = {
    "name": INIT,
    "image": "alpine:3.10",
    "command": ["sh", "-c", "true"],
    "resources": {"requests": {"cpu": "50m", "memory": "10Mi"}, "limits": {"cpu": "100m", "memory": "20Mi"}},
}
"""What it adds to workers beside a master by default; an administrator can change that."""


def has_init(job: Json, kind: Kind) -> bool:
    """Some of the job's pods get the operator's init container."""
    return kind.name == "PyTorchJob" and {"Master", "Worker"} <= set(job["spec"][kind.replicas])


def pods_of(job: Json, kind: Kind) -> dict[str, Json]:
    """The first pod of each role."""
    return {role.lower(): _pod(job, kind, role) for role in job["spec"][kind.replicas]}


def _pod(job: Json, kind: Kind, role: str) -> Json:
    template = job["spec"][kind.replicas][role]["template"]
    spec = {**template["spec"], "restartPolicy": "Never"}
    if has_init(job, kind) and role == "Worker":
        spec["initContainers"] = [*spec.get("initContainers", ()), _INIT_CONTAINER]
    metadata = template.get("metadata", {})
    own = {"name": f"{job['metadata']['name']}-{role.lower()}-0", "namespace": job["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **own}, "spec": spec}
