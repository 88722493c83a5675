"""The pod that builds: Kaniko's arguments and what it finds where (PodSpec, core/v1; Kaniko's README). Pure.

Kaniko makes the image's file system its own root, so it runs as root, but needs no privileges beyond a container's
default ones. It reads the files as one archive out of a ConfigMap: mounted one by one they would be links, which
it copies as links.

Measured (Kaniko 1.24, a base of 66 MB): a COPY takes 2 s, a RUN 2.5 s. ``--snapshot-mode=redo`` finds changed files by
their size and time, not by reading them, which saves 0.4 s for each RUN. Not used: ``--reproducible`` takes 11 s and
packs the base's layers anew, so that nodes would pull them again; ``--single-snapshot`` puts all in one layer.
"""

from __future__ import annotations

from typing import Any

from ciao.adapters.kubeflow.objects.names import ISTIO
from ciao.adapters.kubeflow.objects.pods import literal, toleration
from ciao.adapters.s2i.incluster.plan import Plan

SOURCE, CONTEXT = "/ciao-source", "/ciao-context"
DOCKERFILE, ARCHIVE, AUTHORITIES = "Dockerfile", "context.tar.gz", "authorities.pem"
"""Keys of the ConfigMap."""
COPYING = "context"
"""The container that brings a large context."""
EXECUTOR = "/kaniko/executor"
_CREDENTIALS = "/kaniko/.docker"
_COPY = f"import shutil; shutil.copytree({CONTEXT!r}, '/ciao-files', symlinks=True, dirs_exist_ok=True)"
_FILES = "/ciao-files"
_ASKED = {"cpu": "100m", "memory": "256Mi"}
"""Enough to find a node; a build takes what it needs of it."""
_PUSHES, _PULLS = 2, 1
Json = dict[str, Any]

NO_SIDECAR = {ISTIO: "false"}  # it would keep the pod from ever completing
ROOT = {"runAsUser": 0, "runAsNonRoot": False}


def arguments(plan: Plan, digest_file: str) -> list[str]:
    """Kaniko's. ``digest_file``: where it writes the digest of what it pushed."""
    options = plan.options
    said = [
        f"--context={f'dir://{_FILES}' if plan.context else f'tar://{SOURCE}/{ARCHIVE}'}",
        f"--dockerfile={SOURCE}/{DOCKERFILE}",
        f"--destination={plan.target}",
        "--log-format=json",
        "--snapshot-mode=redo",
        f"--push-retry={_PUSHES}",
        f"--image-download-retry={_PULLS}",
        *([f"--custom-platform={plan.platform}"] if plan.platform else []),
        *(f"--build-arg={name}={value}" for name, value in plan.arguments),
    ]
    for host in options.insecure:
        said += [f"--insecure-registry={host}", f"--skip-tls-verify-registry={host}"]
    return [*map(literal, said), f"--digest-file={digest_file}"]


def environment(plan: Plan) -> list[Json]:
    """Authorities besides the system's. It is Kaniko's own environment: steps of the Dockerfile do not see it."""
    return [{"name": "SSL_CERT_FILE", "value": f"{SOURCE}/{AUTHORITIES}"}] if plan.options.authorities else []


def volumes(plan: Plan) -> list[Json]:
    """The ConfigMap, the credentials, and room for a large context."""
    items = [{"key": ".dockerconfigjson", "path": "config.json"}]
    found: list[Json] = [{"name": "ciao-source", "configMap": {"name": plan.name}}]
    if plan.options.secret:
        found.append({"name": "ciao-registry", "secret": {"secretName": plan.options.secret, "items": items}})
    if plan.context:
        found.append({"name": "ciao-files", "emptyDir": {}})
    return found


def mounts(plan: Plan) -> list[Json]:
    """Kaniko's."""
    found: list[Json] = [{"name": "ciao-source", "mountPath": SOURCE, "readOnly": True}]
    if plan.options.secret:
        found.append({"name": "ciao-registry", "mountPath": _CREDENTIALS, "readOnly": True})
    return [*found, *_room(plan)]


def copying(plan: Plan) -> Json | None:
    """The container that copies a large context out of its image; None when there is none."""
    if not plan.context:
        return None
    return {
        "name": COPYING,
        "image": plan.context,
        "imagePullPolicy": "IfNotPresent",
        "command": [plan.options.python, "-c", _COPY],
        "securityContext": ROOT,
        "volumeMounts": _room(plan),
    }


def building(plan: Plan, digest_file: str) -> Json:
    """Kaniko's container, but for its resources, which Tekton calls otherwise."""
    said = {"env": environment(plan)}
    return {
        "name": "build",
        "image": plan.options.image,
        "command": [EXECUTOR],
        "args": arguments(plan, digest_file),
        **{key: value for key, value in said.items() if value},
        "securityContext": ROOT,
        "volumeMounts": mounts(plan),
    }


def placed(plan: Plan) -> Json:
    """What the pod says besides its containers.

    It may go where the job's pods may (``%tolerations``), but need not go where they must (``%nodeSelector``): a node
    with GPUs is not there for this. Only the architecture is the image's: steps run on it.
    """
    placement = plan.spec.placement
    pull = [{"name": each} for each in dict.fromkeys(filter(None, (placement.pull_secret, plan.options.secret)))]
    said = {
        "priorityClassName": placement.priority,
        "imagePullSecrets": pull,
        "nodeSelector": {"kubernetes.io/arch": plan.platform.split("/")[1]} if plan.platform else None,
        "tolerations": [toleration(each) for each in placement.tolerations],
    }
    token = {} if placement.service_account else {"automountServiceAccountToken": False}
    return {"enableServiceLinks": False, **token, **{key: value for key, value in said.items() if value}}


def resources() -> Json:
    """No limits: how much a step needs nobody knows before."""
    return {"requests": dict(_ASKED)}


def _room(plan: Plan) -> list[Json]:
    return [{"name": "ciao-files", "mountPath": _FILES}] if plan.context else []
