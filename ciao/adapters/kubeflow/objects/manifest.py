"""The job object: PyTorchJob or TFJob of ``kubeflow.org/v1``, as plain JSON (kubeflow-contracts A.1, A.2, A.8).

The operator fills its defaults in its own memory, after admission, and the CRDs check no spelling: what is not
written, or written wrong, is noticed by nobody or for ever. So everything that matters is written out.
"""

from __future__ import annotations

import math
import posixpath
from typing import Any

from ciao.adapters.kubeflow.objects import configmap, names
from ciao.adapters.kubeflow.objects.environment import SOURCE
from ciao.adapters.kubeflow.objects.kinds import API_VERSION, Kind, kind_of
from ciao.adapters.kubeflow.objects.options import Options, Submission
from ciao.adapters.kubeflow.objects.pods import LONGEST, Pods, deadline
from ciao.core.errors import UserError
from ciao.core.frameworks.base import Framework
from ciao.core.model import Artifact, CleanPolicy, JobSpec, Mounted, Role


def job_object(
    spec: JobSpec, artifact: Artifact, framework: Framework, submission: Submission, options: Options
) -> dict[str, Any]:
    """The object to be created. UserError for what a cluster would refuse whatever its state."""
    names.check(spec)
    _check_volumes(spec)
    if isinstance(artifact, Mounted):
        configmap.check(artifact)
    kind, labels = kind_of(framework), names.labels(spec, submission)
    queue = {names.QUEUE: spec.placement.queue} if spec.placement.queue else {}
    pods = Pods(
        spec=spec,
        artifact=artifact,
        framework=framework,
        options=options,
        source_name=submission.source_name(spec.name),
        labels=labels,
    )
    return {
        "apiVersion": API_VERSION,
        "kind": kind.name,
        "metadata": {
            "name": spec.name,
            "namespace": submission.namespace,
            "labels": {**labels, **queue},
            "annotations": {names.CELL: submission.cell, names.CODE: artifact.digest},
        },
        "spec": _spec(kind, pods),
    }


def _spec(kind: Kind, pods: Pods) -> dict[str, Any]:
    spec, framework = pods.spec, pods.framework
    return {
        # The operator's own default starts a process per core of the node (see the framework's environment).
        **({"nprocPerNode": str(spec.nproc or 1)} if kind.nproc else {}),
        "runPolicy": _run_policy(spec, framework, pods.options),
        kind.replicas: {_key(framework, role): _replica_spec(role, pods) for role in spec.roles},
    }


def _check_volumes(spec: JobSpec) -> None:
    paths = [posixpath.normpath(f"/{each.path.lstrip('/')}") for each in spec.volumes]
    for path in paths:
        if path == "/":
            hint = "Give it a directory of its own: %volume=CLAIM:/data"
            raise UserError("%volume at /: it would hide the whole image.", hint=hint)
        if f"{path}/".startswith(f"{SOURCE}/"):
            raise UserError(f"%volume at {path}: the job's own source lies in {SOURCE}.", hint="Choose another path.")
        if paths.count(path) > 1:
            raise UserError(f"Two volumes are to be at {path}.", hint="Give each %volume a path of its own.")


def _replica_spec(role: Role, pods: Pods) -> dict[str, Any]:
    return {"replicas": role.replicas, "restartPolicy": "Never", "template": pods.template(role)}


def _run_policy(spec: JobSpec, framework: Framework, options: Options) -> dict[str, Any]:
    ttl, limit = options.ttl if spec.placement.ttl is None else spec.placement.ttl, deadline(spec)
    return {
        "cleanPodPolicy": _clean(spec, framework).value,
        "ttlSecondsAfterFinished": min(math.ceil(ttl), LONGEST),
        **({} if limit is None else {"activeDeadlineSeconds": limit}),
    }


def _clean(spec: JobSpec, framework: Framework) -> CleanPolicy:
    """What the operator is to do at the end; what the user wants is done by Ciao, once the logs are drained.

    ``Running`` kills whoever still runs at the leader's success, and with it the tail of its log: only where
    somebody serves who would never end.
    """
    rules = [framework.rule(role.name) for role in spec.roles]
    serves = any(rule is not None and not rule.ends for rule in rules)
    return CleanPolicy.RUNNING if serves and spec.clean_policy is not CleanPolicy.NONE else CleanPolicy.NONE


def _key(framework: Framework, role: Role) -> str:
    """The operator's spelling: admission refuses any other."""
    rule = framework.rule(role.name)
    if rule is None:
        raise UserError(f"{framework.name} has no role {role.name!r}.")
    return rule.key
