"""What is created for a build: its owner (a Job or a TaskRun), and the ConfigMap that this owns from birth. Pure."""

from __future__ import annotations

import base64
from typing import Any

from ciao.adapters.s2i.incluster.plan import DEADLINE, Plan
from ciao.adapters.s2i.incluster.pod import (
    ARCHIVE,
    AUTHORITIES,
    DOCKERFILE,
    NO_SIDECAR,
    building,
    copying,
    placed,
    resources,
    volumes,
)

Json = dict[str, Any]
BATCH, TEKTON = "batch/v1", "tekton.dev/v1"
_KEPT = 300
"""Seconds that the cluster keeps a build whose process was killed."""
_GRACE = 1  # second: a build that is stopped has nothing to save


def job(plan: Plan) -> Json:
    """A Job (batch/v1) of one pod that runs once."""
    first = copying(plan)
    account = plan.spec.placement.service_account
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE,
        "activeDeadlineSeconds": DEADLINE,
        **placed(plan),
        **({"serviceAccountName": account} if account else {}),
        **({"initContainers": [{**first, "resources": resources()}]} if first else {}),
        "containers": [
            {
                **building(plan, "/dev/termination-log"),
                "resources": resources(),
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        ],
        "volumes": volumes(plan),
    }
    template = {"metadata": {"labels": {**plan.labels, **NO_SIDECAR}, "annotations": dict(NO_SIDECAR)}, "spec": pod}
    return {
        "apiVersion": BATCH,
        "kind": "Job",
        "metadata": {"name": plan.name, "namespace": plan.namespace, "labels": plan.labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE,
            "ttlSecondsAfterFinished": _KEPT,
            "template": template,
        },
    }


def task_run(plan: Plan) -> Json:
    """A TaskRun (tekton.dev/v1) with its task in it. Its labels and annotations are its pod's, too."""
    first = copying(plan)
    steps = [*([first] if first else []), building(plan, "$(results.digest.path)")]
    account = plan.spec.placement.service_account
    return {
        "apiVersion": TEKTON,
        "kind": "TaskRun",
        "metadata": {
            "name": plan.name,
            "namespace": plan.namespace,
            "labels": {**plan.labels, **NO_SIDECAR},
            "annotations": dict(NO_SIDECAR),
        },
        "spec": {
            "timeout": f"{DEADLINE}s",
            **({"serviceAccountName": account} if account else {}),
            "podTemplate": placed(plan),
            "taskSpec": {
                "results": [{"name": "digest", "type": "string", "description": "Of the manifest that was pushed."}],
                "steps": [{**each, "computeResources": resources()} for each in steps],
                "volumes": volumes(plan),
            },
        },
    }


def files(plan: Plan, dockerfile: str, archive: bytes | None, owner: Json) -> Json:
    """The ConfigMap (core/v1); ``owner`` as the apiserver has it, ``archive`` None when an image brings the files."""
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    authorities = {AUTHORITIES: plan.options.authorities} if plan.options.authorities else {}
    binary = {} if archive is None else {"binaryData": {ARCHIVE: base64.b64encode(archive).decode()}}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": plan.name,
            "namespace": plan.namespace,
            "labels": plan.labels,
            "ownerReferences": [reference],  # without blockOwnerDeletion, which needs a right of its own on some
        },
        "immutable": True,
        "data": {DOCKERFILE: dockerfile, **authorities},
        **binary,
    }
