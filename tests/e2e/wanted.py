"""What the environment says about the suite's cluster. Unset, everything comes from where the public has it."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

OPERATOR = "github.com/kubeflow/training-operator.git/manifests/overlays/standalone?ref=v1.9.3"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


@frozen(kw_only=True)
class Wanted:
    """``context`` "": a cluster of the suite's own; else one that is there, in which nothing is installed.

    ``node_image`` "": kind's default. ``operator``: a manifest's path, or a kustomization's address.
    ``registry``: where the cluster of ``context`` pulls from, and this machine may push to, under one name.
    ``keep``: leave the cluster and its registry for a later run. ``torch``: an image with PyTorch, too, which is large.
    """

    context: str = ""
    registry: str = ""
    node_image: str = ""
    registry_image: str = "registry:2"
    python_image: str = "python:3.12-slim"
    operator: str = OPERATOR
    keep: bool = False
    torch: bool = True


def wanted(environment: Mapping[str, str]) -> Wanted:
    """CIAO_E2E_…"""

    def said(name: str, default: str = "") -> str:
        return environment.get(f"CIAO_E2E_{name}") or default

    return Wanted(
        context=said("CONTEXT"),
        registry=said("REGISTRY"),
        node_image=said("NODE_IMAGE"),
        registry_image=said("REGISTRY_IMAGE", "registry:2"),
        python_image=said("PYTHON_IMAGE", "python:3.12-slim"),
        operator=said("TRAINING_OPERATOR", OPERATOR),
        keep=said("KEEP") not in ("", "0"),
    )
