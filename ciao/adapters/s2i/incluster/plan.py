"""What a build in the cluster is made of: one value, from which all its objects follow. Pure."""

from __future__ import annotations

import re

from attrs import field, frozen

from ciao.adapters.kubeflow.objects import names
from ciao.adapters.oci.reference import Reference
from ciao.core.model import JobSpec

BUILDER = "ciao.dev/builder"
"""Label: what ``%s2i`` says."""
DEADLINE = 3600
"""Seconds that a build may take; it ends by itself then, whether anybody watches or not."""
_STEM = 40  # characters: the names of pods are longer, and end at 63


@frozen(kw_only=True)
class Options:
    """Settings. ``image``: Kaniko's. ``insecure``: hosts that are not checked. ``authorities``: PEM, "" for none.

    ``secret``: the name of a kubernetes.io/dockerconfigjson, "" to push as nobody. ``python``: the interpreter in the
    image that brings a large context. ``patience``: seconds for which something may keep the build from going on.
    """

    image: str
    insecure: tuple[str, ...] = ()
    authorities: str = field(default="", repr=False)
    secret: str = ""
    python: str = "python"
    patience: float = 60.0


@frozen(kw_only=True)
class Plan:
    """``target`` is the image as pods reach it, with its tag. ``uid`` is of this one act of building.

    ``context``: the image with the files, as nodes pull it, "" when the ConfigMap has them.
    """

    builder: str
    uid: str
    namespace: str
    target: Reference
    spec: JobSpec
    options: Options
    platform: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    context: str = ""

    @property
    def name(self) -> str:
        """Of all objects of the build."""
        stem = re.sub(r"[^a-z0-9-]", "-", self.spec.name.lower())[:_STEM].strip("-")
        return f"{stem}-build-{self.uid[:8]}".lstrip("-")

    @property
    def labels(self) -> dict[str, str]:
        """By which its pod is found, and whatever a build left behind."""
        return {names.MANAGED: "ciao", names.UID: self.uid, BUILDER: self.builder}
