"""The pod of one role: what the cell says, and the defaults that let it run anywhere (PodTemplateSpec, core/v1).

A pod runs as a numeric user who is not root, with a home to write to, whatever its image says, because clusters
refuse root; ``%user=image`` leaves all of that to the image. The source is read-only, ``/dev/shm`` as large as the
memory allows, for data loaders. Nothing in a pod needs the API, so it gets no token unless a service account is named.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from attrs import frozen

from ciao.adapters.command import CELL, RUNNER, replica_command
from ciao.adapters.kubeflow.objects import environment
from ciao.adapters.kubeflow.objects.environment import SOURCE
from ciao.adapters.kubeflow.objects.names import ISTIO
from ciao.adapters.kubeflow.objects.options import Options
from ciao.core.errors import UserError
from ciao.core.frameworks.base import Framework
from ciao.core.model import Artifact, EnvVar, Image, JobSpec, Mounted, Resources, Role

HOME, SHM = "/home/ciao", "/dev/shm"  # noqa: S108 - the pod's, not this machine's
LONGEST = 2**31 - 1
"""Seconds (68 years), and users' numbers: more than that the apiserver refuses, some of it only in the pods."""
_USERS = 100
"""The group ``users``: Kubeflow's notebooks give their volumes to it, so jobs can write what notebooks wrote."""


@frozen(kw_only=True)
class Pods:
    """One job's pods. ``source_name`` is the ConfigMap's, ``labels`` are what all pods carry."""

    spec: JobSpec
    artifact: Artifact
    framework: Framework
    options: Options
    source_name: str
    labels: dict[str, str]

    def template(self, role: Role) -> dict[str, Any]:
        """The role's ``template``."""
        inject = {ISTIO: "false"}  # a sidecar would keep the pod from ever completing
        return {"metadata": {"labels": {**self.labels, **inject}, "annotations": inject}, "spec": self._pod(role)}

    def _pod(self, role: Role) -> dict[str, Any]:
        placement = self.spec.placement
        said = {
            "priorityClassName": placement.priority,
            "serviceAccountName": placement.service_account,
            "imagePullSecrets": [{"name": placement.pull_secret}] if placement.pull_secret else None,
            "nodeSelector": {**self._platform(), **dict(placement.node_selector)},
            "tolerations": [toleration(each) for each in placement.tolerations],
            "activeDeadlineSeconds": deadline(self.spec),
            "securityContext": self._pod_security(),
        }
        return {
            "terminationGracePeriodSeconds": self.options.grace,
            "enableServiceLinks": False,
            **({} if placement.service_account else {"automountServiceAccountToken": False}),
            **{key: value for key, value in said.items() if value},
            "containers": [self._container(role)],
            "volumes": self._volumes(),
        }

    def _container(self, role: Role) -> dict[str, Any]:
        files = {each.path for each in self.artifact.files} if isinstance(self.artifact, Mounted) else {CELL, RUNNER}
        source = SOURCE if isinstance(self.artifact, Mounted) else self.artifact.source
        said = {
            "workingDir": None if self._user is None else HOME,
            "envFrom": [{"secretRef": {"name": name}} for name in self.spec.secrets],
            "resources": resources(role.resources, self.options.gpu),
            "securityContext": self._container_security(),
        }
        return {
            "name": self.framework.container,
            "image": self._image(role),
            "command": [literal(word) for word in replica_command(self.spec, self._python, source, files)],
            "env": environment.variables(self.spec, role, self._identity(), source),
            **{key: value for key, value in said.items() if value},
            "volumeMounts": self._mounts(),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }

    def _image(self, role: Role) -> str:
        if isinstance(self.artifact, Image):
            return pinned(self.artifact)
        return role.image or self.options.image or self.framework.image

    def _platform(self) -> dict[str, str]:
        """An image is for one architecture: on nodes of another its pods would fail (node label kubernetes.io/arch)."""
        made_for = self.artifact.platform if isinstance(self.artifact, Image) else ""
        platform = self.spec.platform or made_for
        return {"kubernetes.io/arch": platform.split("/")[1]} if platform else {}

    @property
    def _python(self) -> str:
        return self.spec.python or self.options.python

    # -- who it runs as --------------------------------------------------------------------------

    @property
    def _user(self) -> int | None:
        """None: whoever the image says."""
        said = self.spec.placement.user
        if said == "image":
            return None
        user = self.options.user if said is None else int(said)
        if user is not None and user > LONGEST:
            raise UserError(f"%user={said}: there is no such user.", hint=f"The largest number is {LONGEST}.")
        return user

    def _identity(self) -> list[EnvVar]:
        if self._user is None:
            return []
        return [EnvVar("HOME", HOME), EnvVar("USER", "ciao" if self._user else "root")]

    def _pod_security(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        if self._user == 0:
            return {"runAsUser": 0}
        return {
            "runAsNonRoot": True,
            "runAsUser": self._user,
            "runAsGroup": _USERS,
            "fsGroup": _USERS,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }

    def _container_security(self) -> dict[str, Any]:
        return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} if self._user else {}

    # -- what it finds where ---------------------------------------------------------------------

    def _own(self) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
        """Ciao's volumes, each with its mount; where the user mounts one of his own, his counts."""
        taken = {each.path.rstrip("/") for each in self.spec.volumes}
        if isinstance(self.artifact, Mounted):
            # Not left to the user: without it there is nothing to run.
            yield self._source(self.artifact), {"name": "ciao-source", "mountPath": SOURCE, "readOnly": True}
        if self._user is not None and HOME not in taken:
            yield {"name": "ciao-home", "emptyDir": {}}, {"name": "ciao-home", "mountPath": HOME}
        if SHM not in taken:
            yield {"name": "ciao-shm", "emptyDir": {"medium": "Memory"}}, {"name": "ciao-shm", "mountPath": SHM}

    def _source(self, files: Mounted) -> dict[str, Any]:
        items = [{"key": key, "path": path} for path, key in keys_of(files).items()]
        return {"name": "ciao-source", "configMap": {"name": self.source_name, "items": items}}

    def _claims(self) -> dict[str, str]:
        """Claim -> name of its volume: one volume each, however often it is mounted."""
        return {claim: f"volume-{n}" for n, claim in enumerate(dict.fromkeys(each.claim for each in self.spec.volumes))}

    def _volumes(self) -> list[dict[str, Any]]:
        claims = [
            {"name": name, "persistentVolumeClaim": {"claimName": claim}} for claim, name in self._claims().items()
        ]
        return [*(volume for volume, _ in self._own()), *claims]

    def _mounts(self) -> list[dict[str, Any]]:
        names = self._claims()
        mounts = [
            {"name": names[each.claim], "mountPath": each.path, **({"readOnly": True} if each.read_only else {})}
            for each in self.spec.volumes
        ]
        return [*(mount for _, mount in self._own()), *mounts]


def resources(asked: Resources, gpu: str) -> dict[str, Any]:
    """Requests equal limits: a job that is given what it asked for is the last to be evicted."""
    amounts = {"cpu": asked.cpu, "memory": asked.memory, gpu: asked.gpu or None, **dict(asked.extended)}
    limits = {name: str(amount) for name, amount in amounts.items() if amount is not None}
    return {"requests": limits, "limits": dict(limits)} if limits else {}


def deadline(spec: JobSpec) -> int | None:
    """Whole seconds, as the operator and the kubelet count them."""
    return None if spec.timeout is None else min(math.ceil(spec.timeout), LONGEST)


def literal(word: str) -> str:
    """A word of a command, safe from the kubelet, which would expand ``$(NAME)`` in it (container.command, core/v1)."""
    return word.replace("$", "$$")


def toleration(text: str) -> dict[str, str]:
    """``key[=value][:effect]``; without a value the taint's own does not matter, without a key all taints are meant."""
    rest, _, effect = text.partition(":")
    key, equals, value = rest.partition("=")
    if equals and not key:
        raise UserError(f"%tolerations={text} has a value without a key.", hint="For example: %tolerations=gpu=yes")
    found = {"operator": "Equal", "value": value} if equals else {"operator": "Exists"}
    return {**({"key": key} if key else {}), **found, **({"effect": effect} if effect else {})}


def pinned(image: Image) -> str:
    """The reference by digest; as it is before there is one (``%render``)."""
    return image.reference if "@" in image.reference or not image.digest else f"{image.reference}@{image.digest}"


def keys_of(files: Mounted) -> dict[str, str]:
    """Path -> key in the ConfigMap. A key has no ``/``; what cannot be a key as it is gets a number."""
    return {each.path: each.path if is_key(each.path) else f"file-{number}" for number, each in enumerate(files.files)}


def is_key(path: str) -> bool:
    """A ConfigMap's key: ``[-._a-zA-Z0-9]+``, at most 253 characters (``file-…`` is taken by ``keys_of``)."""
    plain = path.isascii() and all(each.isalnum() or each in "-._" for each in path)
    return plain and len(path) <= 253 and path not in (".", "..") and not path.startswith("file-")
