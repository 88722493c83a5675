"""What the environment says about the suite's cluster. Unset, everything comes from where the public has it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

OPERATOR = "github.com/kubeflow/training-operator.git/manifests/overlays/standalone?ref=v1.9.3"
TEKTON = "https://storage.googleapis.com/tekton-releases/pipeline/previous/v1.6.0/release.yaml"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


@frozen(kw_only=True)
class Wanted:
    """``context`` "": a cluster of the suite's own; else one that is there, in which nothing is installed.

    ``node_image`` "": kind's default. ``operator``: a manifest's path, or a kustomization's address.
    ``registry``: where the cluster of ``context`` pulls from, and this machine may push to, under one name;
    ``pods_registry`` its host as pods reach it.
    ``keep``: leave the cluster and its registry for a later run. ``torch``: an image with PyTorch, too, which is large.
    ``images``: builds in the cluster, with Kaniko and Tekton (``tekton``: a manifest's path or
    address); ``preload``: images of theirs that this machine has and nodes are to be given.
    """

    context: str = ""
    registry: str = ""
    pods_registry: str = ""
    node_image: str = ""
    registry_image: str = "registry:2"
    python_image: str = "python:3.12-slim"
    operator: str = OPERATOR
    keep: bool = False
    torch: bool = True
    images: bool = False
    tekton: str = TEKTON
    preload: tuple[str, ...] = ()


def wanted(environment: Mapping[str, str], images: bool = False) -> Wanted:
    """CIAO_E2E_…; ``images``: for the suite that builds some, which needs no PyTorch."""

    def said(name: str, default: str = "") -> str:
        return environment.get(f"CIAO_E2E_{name}") or default

    return Wanted(
        context=said("CONTEXT"),
        registry=said("REGISTRY"),
        pods_registry=said("PODS_REGISTRY"),
        node_image=said("NODE_IMAGE"),
        registry_image=said("REGISTRY_IMAGE", "registry:2"),
        python_image=said("PYTHON_IMAGE", "python:3.12-slim"),
        operator=said("TRAINING_OPERATOR", OPERATOR),
        keep=said("KEEP") not in ("", "0"),
        torch=not images,
        images=images,
        tekton=said("TEKTON", TEKTON),
        preload=tuple(each for each in said("PRELOAD").split() if images and re.search("kaniko|tekton", each)),
    )
