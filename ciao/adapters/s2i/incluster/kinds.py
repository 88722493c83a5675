"""The two owners of a build: a Job, in any cluster, and a TaskRun, where Tekton is. What differs between them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import frozen

from ciao.adapters.kubeflow.preflight.rights import Right
from ciao.adapters.kubeflow.seen import facts
from ciao.adapters.s2i.incluster.objects import BATCH, TEKTON, job, task_run
from ciao.adapters.s2i.incluster.plan import Plan

Json = dict[str, Any]
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@frozen(kw_only=True)
class Kind:
    """``builder``: what %s2i says. ``container``: of the pod, where Kaniko runs. ``made``: the owner to be created.

    ``digest``: out of the owner and its pod, "" when it is not known (yet). ``failed``: why the owner says that it has
    failed, "" when it does not; ``held``: (reason, message) of what keeps it from having a pod. ``keeps``: nobody
    removes it when its process was killed.
    """

    builder: str
    api_version: str
    plural: str
    container: str
    made: Callable[[Plan], Json]
    digest: Callable[[facts.Json, facts.Json], str]
    failed: Callable[[facts.Json], str]
    held: Callable[[facts.Json], tuple[str, str]]
    keeps: bool = False

    @property
    def right(self) -> Right:
        """Without it nothing can be built."""
        return Right(self.api_version.partition("/")[0], self.plural, "create")

    def path(self, namespace: str) -> str:
        """Of all of them."""
        return f"/apis/{self.api_version}/namespaces/{namespace}/{self.plural}"


def _of_pod(owner: facts.Json, pod: facts.Json) -> str:
    """Kaniko's container wrote it where the kubelet reads what a container says at its end."""
    _, said = facts.state(facts.container_status(pod, "build"))
    return _found(facts.text(said, "message"))


def _of_results(owner: facts.Json, pod: facts.Json) -> str:
    results = facts.entries(owner, "status", "results")
    return _found(next((facts.text(each, "value") for each in results if each.get("name") == "digest"), ""))


def _found(text: str) -> str:
    found = _DIGEST.search(text)
    return found[0] if found else ""


def _job_failed(owner: facts.Json) -> str:
    said = facts.condition(owner, "Failed", "True")
    return "" if said is None else facts.text(said, "message") or facts.text(said, "reason") or "it does not say why"


def _run_failed(owner: facts.Json) -> str:
    said = facts.condition(owner, "Succeeded", "False")
    return "" if said is None else facts.text(said, "message") or facts.text(said, "reason") or "it does not say why"


def _job_held(owner: facts.Json) -> tuple[str, str]:
    if facts.condition(owner, "Suspended", "True") is None:
        return "", ""
    return "Suspended", "its Job is suspended, as a queue does it"


def _run_held(owner: facts.Json) -> tuple[str, str]:
    """Tekton tells what the apiserver said to it, and tries again."""
    said = facts.condition(owner, "Succeeded", "Unknown")
    reason = facts.text(said, "reason")
    if reason not in ("PodCreationFailed", "ExceededResourceQuota", "CouldntCreatePod"):
        return "", ""
    return reason, facts.text(said, "message")


KANIKO = Kind(
    builder="kaniko", api_version=BATCH, plural="jobs", container="build", made=job,
    digest=_of_pod, failed=_job_failed, held=_job_held,
)  # fmt: skip
TASK_RUN = Kind(
    builder="tekton", api_version=TEKTON, plural="taskruns", container="step-build", made=task_run,
    digest=_of_results, failed=_run_failed, held=_run_held, keeps=True,
)  # fmt: skip
