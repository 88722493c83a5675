"""Names and labels: how Ciao and the operator call a job's objects, and how they are read back.

Source: kubeflow-contracts A.4 and E. The operator makes a pod and a Service ``<job>-<role>-<index>`` for each replica;
a Service's name is a DNS-1035 label, so 63 characters less the longest suffix are left to the job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ciao.adapters.kubeflow.objects.options import Submission
from ciao.core.errors import UserError
from ciao.core.model import JobSpec, Replica

LONGEST = 63
_LABEL = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)
_NOT_A_VALUE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)

_OWN = "ciao.dev/"
UID, KERNEL, FRAMEWORK = f"{_OWN}uid", f"{_OWN}kernel", f"{_OWN}framework"  # labels
CELL, CODE, STOPPED = f"{_OWN}cell", f"{_OWN}code", f"{_OWN}stopped"  # annotations
MANAGED = "app.kubernetes.io/managed-by"
QUEUE = "kueue.x-k8s.io/queue-name"
ISTIO = "sidecar.istio.io/inject"
OPERATOR = "training.kubeflow.org/"
JOB_NAME, OPERATOR_NAME = f"{OPERATOR}job-name", f"{OPERATOR}operator-name"
REPLICA_TYPE, REPLICA_INDEX = f"{OPERATOR}replica-type", f"{OPERATOR}replica-index"


def is_own(key: str) -> bool:
    """True for a label or annotation by which Ciao finds its objects."""
    return key.startswith(_OWN) or key == MANAGED


def labels(spec: JobSpec, submission: Submission) -> dict[str, str]:
    """By which Ciao finds a job, its pods and its ConfigMap."""
    found = {MANAGED: "ciao", FRAMEWORK: label_value(spec.framework), UID: submission.uid}
    kernel = label_value(submission.kernel)
    return {**found, KERNEL: kernel} if kernel else found


def check(spec: JobSpec) -> None:
    """UserError when the names of the job's pods would be refused."""
    if not _LABEL.fullmatch(spec.name):
        hint = "A job's name has lower-case letters, digits and '-', and begins with a letter."
        raise UserError(f"{spec.name!r} is not a name for a job.", hint=hint)
    room = LONGEST - max((len(f"-{role.name}-{role.replicas - 1}") for role in spec.roles), default=0)
    if len(spec.name) > room:
        hint = f"Its pods' names must fit into {LONGEST} characters: use at most {room} here."
        raise UserError(f"The name {spec.name} is too long for this job ({len(spec.name)} characters).", hint=hint)


def replica_of(labels: Mapping[str, Any], name: str = "", job: str = "") -> Replica | None:
    """Which replica a pod is: by the operator's labels (older operators wrote them without prefix), else by name."""
    for prefix in (OPERATOR, ""):
        role, index = labels.get(f"{prefix}replica-type"), labels.get(f"{prefix}replica-index")
        if isinstance(role, str) and isinstance(index, str) and index.isascii() and index.isdigit():
            return Replica(role.lower(), int(index))
    if job and name.startswith(f"{job}-"):
        try:
            return Replica.parse(name.removeprefix(f"{job}-"))
        except ValueError:
            return None
    return None


def label_value(text: str) -> str:
    """Any text as the value of a label: at most 63 of the characters that one may have, "" when none is left."""
    return _NOT_A_VALUE.sub("-", text)[:LONGEST].strip("._-")


def selector(labels: Mapping[str, str]) -> str:
    """Labels as a ``labelSelector``: all of them."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
