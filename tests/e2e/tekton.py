"""Tekton Pipelines: what TaskRuns need, ready when its webhook admits one."""

from __future__ import annotations

import json
import time

from .commands import Kubectl, Missing

_NAMESPACE = "tekton-pipelines"
_PROBE = {
    "apiVersion": "tekton.dev/v1",
    "kind": "TaskRun",
    "metadata": {"name": "ciao-e2e-probe", "namespace": "default"},
    "spec": {"taskSpec": {"steps": [{"name": "probe", "image": "none", "command": ["none"]}]}},
}


def install(kubectl: Kubectl, manifest: str, seconds: float = 180) -> None:
    """Apply a file or an address, and wait."""
    kubectl("apply", "--server-side", "-f", manifest)
    for deployment in ("tekton-pipelines-controller", "tekton-pipelines-webhook"):
        rollout = ("rollout", "status", f"deployment/{deployment}", "-n", _NAMESPACE, f"--timeout={seconds:.0f}s")
        kubectl(*rollout, timeout=seconds + 10)
    deadline = time.monotonic() + seconds
    while said := _trouble(kubectl):
        if time.monotonic() > deadline:
            raise Missing(f"Tekton does not admit TaskRuns: {said}")
        time.sleep(0.5)


def installed(kubectl: Kubectl) -> bool:
    """Whether a cluster has it."""
    return "tekton.dev/v1" in kubectl("api-versions").split()


def _trouble(kubectl: Kubectl) -> str:
    try:
        kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(_PROBE))
    except Missing as error:
        return str(error)
    return ""
