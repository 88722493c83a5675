"""The training operator: installed once a run, and ready only when its webhook answers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .commands import Kubectl, Missing

NAMESPACE = "kubeflow"
DEPLOYMENT = "training-operator"


def install(kubectl: Kubectl, manifest: str) -> None:
    """Apply a file, or a kustomization's address."""
    # Server-side: the CRDs are too large for the annotation of a client-side apply.
    kubectl("apply", "--server-side", "-f" if Path(manifest).is_file() else "-k", manifest)


def wait(kubectl: Kubectl, seconds: float = 180) -> None:
    """Until it is rolled out and admits a job: it restarts once while it makes its certificate."""
    rollout = f"--timeout={seconds:.0f}s"
    kubectl("rollout", "status", f"deployment/{DEPLOYMENT}", "-n", NAMESPACE, rollout, timeout=seconds + 10)
    deadline = time.monotonic() + seconds
    while said := trouble(kubectl):
        if time.monotonic() > deadline:
            raise Missing(f"The training operator does not admit jobs: {said}")
        time.sleep(0.5)


def trouble(kubectl: Kubectl) -> str:
    """Why a job is not admitted; "" when it would be."""
    try:
        kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(_probe()))
    except Missing as error:
        return str(error)
    return ""


def _probe() -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "pytorch", "image": "none"}]}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "ciao-e2e-probe", "namespace": "default"},
        "spec": {"pytorchReplicaSpecs": {"Master": {"replicas": 1, "template": template}}},
    }
